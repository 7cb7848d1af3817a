"""A device that sends without end: each request ends with an error, at once, and nobody else is held up.

It sends from a thread of its own, as fast as it can, over real connections in real time.
"""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from inviseobox.acquisition.modbus_link import ModbusLink
from inviseobox.devices.links import Framing
from inviseobox.errors import InvalidAnswer
from tests.support import virtual_time
from tests.support.modbus_frames import mbap, rtu
from tests.support.tcp import serving

from .frames import Asked, device, holding, registers, right, values
from .modbus_tcp_links import framed, honest, opened

CHUNK = 1 << 18
"""Bytes that are sent at once, more than one call of the event loop takes."""
MOST_AT_A_STRETCH = 0.25
"""Seconds of the processor that may go into what babbles before others have their turn.

Not of the clock, which goes on while a busy machine has something else to do. It must be 0.05.
"""
PATIENCE = 5.0
"""Seconds for an answer; what babbles must be given up long before."""
SPAN = holding(0x1111, 4)
OTHER = registers(*range(125))
"""The longest answer, to another request."""

Babble = Callable[[bytes], bytes]
"""What is sent again and again after a request."""


def other_transaction(request: bytes) -> int:
    return int.from_bytes(request[:2]) ^ 0x5A5A


TCP_BABBLE: dict[str, Babble] = {
    "the longest answers to others": lambda request: mbap(other_transaction(request), 1, OTHER),
    "the shortest answers to others": lambda request: mbap(other_transaction(request), 1, b"\x83\x02"),
}
RTU_BABBLE: dict[str, Babble] = {
    "answers of another unit": lambda request: rtu(request[0] + 1, OTHER),
    "beginnings of the longest frames": lambda request: request[:2] + b"\xff",
    "beginnings of the answer": lambda request: request[:2] + bytes([2 * request[5]]),
    "a line that is stuck": lambda request: b"\x55",
}
CASES = [
    *(pytest.param(Framing.TCP, babble, id=f"tcp, {name}") for name, babble in TCP_BABBLE.items()),
    *(pytest.param(Framing.RTU, babble, id=f"rtu over tcp, {name}") for name, babble in RTU_BABBLE.items()),
]


class Babbler:
    """A device on a port of its own, which babbles after each request, or answers it."""

    def __init__(self, framing: Framing, babble: Babble, at_once: int) -> None:
        self._framing = framing
        self._babble = babble
        self._at_once = at_once
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._peer: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.port: int = self._listener.getsockname()[1]
        self.behaves = False

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        for one in (self._listener, self._peer):
            if one is not None:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._listener.close()
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        while True:
            try:
                self._peer, _ = self._listener.accept()
            except OSError:
                return
            with self._peer, contextlib.suppress(ConnectionError):
                self._peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while request := self._peer.recv(100):
                    self._talk(self._peer, request)

    def _talk(self, peer: socket.socket, request: bytes) -> None:
        if self.behaves:
            transaction, pdu = int.from_bytes(request[:2]), registers(*values(SPAN))
            peer.sendall(rtu(SPAN.unit, pdu) if self._framing is Framing.RTU else mbap(transaction, SPAN.unit, pdu))
            return
        block = self._babble(request)
        chunk = memoryview(block * (1 + CHUNK // len(block)))
        while True:
            for start in range(0, len(chunk), self._at_once):
                peer.sendall(chunk[start : start + self._at_once])


@contextmanager
def babbling(framing: Framing, babble: Babble, at_once: int) -> Iterator[Babbler]:
    babbler = Babbler(framing, babble, at_once)
    babbler.start()
    try:
        yield babbler
    finally:
        babbler.stop()


class Stretch:
    """How many seconds of the processor the event loop took at most between two turns of somebody else."""

    def __init__(self) -> None:
        self.most = 0.0

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait([watching])

    async def _watch(self) -> None:
        before = time.thread_time()
        while True:
            await asyncio.sleep(0.005)
            now = time.thread_time()
            self.most = max(self.most, now - before)
            before = now


@pytest.mark.parametrize("at_once", [CHUNK, 1], ids=["in chunks", "in single bytes"])
@pytest.mark.parametrize(("framing", "babble"), CASES)
def test_a_device_that_babbles_holds_nobody_up(framing: Framing, babble: Babble, at_once: int) -> None:
    stretch = Stretch()
    taken: list[float] = []

    async def read_on(other: ModbusLink) -> None:
        while True:
            began = time.thread_time()
            assert await other.read(SPAN) == values(SPAN)
            taken.append(time.thread_time() - began)
            await asyncio.sleep(0.01)

    async def scenario() -> None:
        with babbling(framing, babble, at_once) as babbler:
            async with (
                device(honest(framing), is_rtu=framing is Framing.RTU) as port,
                opened(babbler.port, framing, PATIENCE) as link,
                opened(port, framing, PATIENCE) as other,
                stretch.watched(),
            ):
                reading = asyncio.create_task(read_on(other))
                for _ in range(3):
                    with pytest.raises(InvalidAnswer, match=r"noise|without end"):
                        await link.read(SPAN)
                reading.cancel()
                await asyncio.wait([reading])
                assert reading.cancelled(), reading.exception()
                babbler.behaves = True
                assert await link.read(SPAN) == values(SPAN)

    asyncio.run(scenario())
    assert taken
    assert max(taken) < MOST_AT_A_STRETCH
    assert stretch.most < MOST_AT_A_STRETCH


def babble_of(framing: Framing, asked: Asked) -> bytes:
    """Return what must not be taken in: a thousand answers to this request, with other values in them."""
    return 1000 * framed(framing, asked, right(asked, offset=1))


def test_bytes_after_an_answer_are_not_kept_for_the_next_request(framing: Framing) -> None:
    async def act(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(framed(framing, asked, right(asked)) + babble_of(framing, asked))
        await asyncio.sleep(0.1)
        writer.write(babble_of(framing, asked))

    async def scenario() -> None:
        async with device(act, is_rtu=framing is Framing.RTU) as port, opened(port, framing) as link:
            for _ in range(3):
                assert await link.read(SPAN) == values(SPAN)
                await asyncio.sleep(1)

    virtual_time.run(scenario())


def test_bytes_before_the_first_request_are_not_kept(framing: Framing) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = Asked(1, SPAN.unit, SPAN.function, SPAN.address, SPAN.count, 1)
        writer.write(babble_of(framing, asked))
        request = await reader.readexactly(8 if framing is Framing.RTU else 12)
        asked = Asked(int.from_bytes(request[:2]), SPAN.unit, SPAN.function, SPAN.address, SPAN.count, 1)
        writer.write(framed(framing, asked, right(asked)))
        await reader.read()

    async def scenario() -> None:
        async with serving(serve) as port, opened(port, framing) as link:
            await link.reopen()
            await asyncio.sleep(1)
            assert await link.read(SPAN) == values(SPAN)

    virtual_time.run(scenario())
