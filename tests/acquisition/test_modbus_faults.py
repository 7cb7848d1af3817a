"""A Modbus link over TCP: what is no answer to the request is an error, and never a value."""

import asyncio
import contextlib
import random
import struct
from collections.abc import Callable

import pytest

from inviseobox.devices.links import Framing
from inviseobox.errors import InvalidAnswer, NoAnswer, Refused
from tests.support import virtual_time
from tests.support.modbus_frames import mbap, rtu

from .frames import Asked, holding, registers, right, values
from .modbus_tcp_links import TIMEOUT, assert_is_a_line, framed, talking_to

TCP_FAULTS: dict[str, Callable[[Asked], bytes]] = {
    "silence": lambda asked: b"",
    "the wrong unit": lambda asked: mbap(asked.transaction, asked.unit + 1, right(asked)),
    "the wrong function code": lambda asked: mbap(asked.transaction, asked.unit, bytes([4]) + right(asked)[1:]),
    "an exception to another function": lambda asked: mbap(asked.transaction, asked.unit, b"\x84\x02"),
    "the wrong transaction": lambda asked: mbap(asked.transaction ^ 0x5A5A, asked.unit, right(asked)),
    "the next transaction": lambda asked: mbap(asked.transaction + 1, asked.unit, right(asked)),
    "too few registers": lambda asked: mbap(asked.transaction, asked.unit, registers(*range(asked.count - 1))),
    "too many registers": lambda asked: mbap(asked.transaction, asked.unit, registers(*range(asked.count + 1))),
    "no register": lambda asked: mbap(asked.transaction, asked.unit, registers()),
    "a byte count above the frame": lambda asked: mbap(asked.transaction, asked.unit, b"\x03\xfa\x00\x01"),
    "a byte count below the frame": lambda asked: mbap(asked.transaction, asked.unit, b"\x03\x02" + bytes(8)),
    "an odd byte count": lambda asked: mbap(asked.transaction, asked.unit, b"\x03\x07" + bytes(7)),
    "an empty PDU": lambda asked: mbap(asked.transaction, asked.unit, b""),
    "a function code alone": lambda asked: mbap(asked.transaction, asked.unit, b"\x03"),
    "an exception without code": lambda asked: mbap(asked.transaction, asked.unit, b"\x83"),
    "a length of zero": lambda asked: mbap(asked.transaction, asked.unit, right(asked), length=0),
    "a length beyond all limits": lambda asked: mbap(asked.transaction, asked.unit, right(asked), length=65_535),
    "an unknown function code": lambda asked: mbap(asked.transaction, asked.unit, b"\x64\x02\x00\x01"),
    "a truncated frame": lambda asked: mbap(asked.transaction, asked.unit, right(asked))[:-3],
    "text": lambda asked: b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "zeros": lambda asked: bytes(64),
    "noise": lambda asked: bytes(range(255, 100, -1)),
    "the request itself": lambda asked: mbap(
        asked.transaction, asked.unit, struct.pack(">BHH", asked.function, asked.address, asked.count)
    ),
}


RTU_FAULTS: dict[str, Callable[[Asked], bytes]] = {
    "silence": lambda asked: b"",
    "the wrong unit": lambda asked: rtu(asked.unit + 1, right(asked)),
    "the wrong function code": lambda asked: rtu(asked.unit, bytes([4]) + right(asked)[1:]),
    "an exception to another function": lambda asked: rtu(asked.unit, b"\x84\x02"),
    "the wrong CRC": lambda asked: rtu(asked.unit, right(asked))[:-2] + b"\x00\x00",
    "a flipped bit": lambda asked: rtu(asked.unit, right(asked)).replace(b"\x03\x08", b"\x03\x09", 1),
    "too few registers": lambda asked: rtu(asked.unit, registers(*range(asked.count - 1))),
    "too many registers": lambda asked: rtu(asked.unit, registers(*range(asked.count + 1))),
    "no register": lambda asked: rtu(asked.unit, registers()),
    "a truncated frame": lambda asked: rtu(asked.unit, right(asked))[:-3],
    "half a frame": lambda asked: rtu(asked.unit, right(asked))[:4],
    "one byte": lambda asked: b"\x01",
    "zeros": lambda asked: bytes(64),
    "noise": lambda asked: bytes(range(255, 100, -1)),
    "text": lambda asked: b"login: ",
}


FAULTS = [
    *(pytest.param(Framing.TCP, fault, id=f"tcp, {name}") for name, fault in TCP_FAULTS.items()),
    *(pytest.param(Framing.RTU, fault, id=f"rtu over tcp, {name}") for name, fault in RTU_FAULTS.items()),
]


@pytest.mark.parametrize(("framing", "fault"), FAULTS)
def test_a_tcp_frame_that_is_not_the_answer_is_an_error(framing: Framing, fault: Callable[[Asked], bytes]) -> None:
    """It ends as an error within the time-out, and the next request gets its own answer."""

    async def faulty(asked: Asked, writer: asyncio.StreamWriter) -> None:
        # Registers that hold something else tell a wrong answer from a right one.
        if asked.number == 2:
            writer.write(fault(asked))
        else:
            writer.write(framed(framing, asked, right(asked)))

    async def scenario() -> None:
        async with talking_to(faulty, framing) as link:
            assert await link.read(holding(0, 1)) == [0]
            began = asyncio.get_running_loop().time()
            with pytest.raises((NoAnswer, InvalidAnswer)) as raised:
                await link.read(holding(0x1111, 4))
            assert asyncio.get_running_loop().time() - began < TIMEOUT + 0.5
            assert_is_a_line(raised.value)
            assert await link.read(holding(0x2222, 4)) == [0x2222, 0x2223, 0x2224, 0x2225]

    virtual_time.run(scenario())


OTHER_FUNCTIONS = {
    "write a coil": "05 0001 FF00",
    "write registers": "10 0001 0002",
    "exception status": "07 6D",
    "diagnostics": "08 0000 A537",
    "event counter": "0B FFFF 0108",
    "event log": "0C 08 0000 0108 0121 20 00",
    "server id": "11 03 41 42 FF",
    "file record": "14 05 04 06 0DFE 0001",
    "FIFO queue": "18 0006 0002 01B8 1284",
    "device identification": "2B 0E 01 01 00 00 01 00 02 41 42",
}


@pytest.mark.parametrize("pdu", map(bytes.fromhex, OTHER_FUNCTIONS.values()), ids=OTHER_FUNCTIONS)
def test_a_valid_answer_to_another_function_is_an_invalid_answer(framing: Framing, pdu: bytes) -> None:
    async def straying(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(framed(framing, asked, pdu if asked.number == 2 else right(asked)))

    async def scenario() -> None:
        async with talking_to(straying, framing) as link:
            assert await link.read(holding(0, 1)) == [0]
            with pytest.raises((NoAnswer, InvalidAnswer)) as raised:
                await link.read(holding(1, 1))
            assert_is_a_line(raised.value)
            assert await link.read(holding(2, 1)) == [2]

    virtual_time.run(scenario())


@pytest.mark.parametrize("seed", range(4))
def test_rubbish_over_tcp_is_never_more_than_an_error(framing: Framing, seed: int) -> None:
    """Frames that are well made around a PDU that is not, and frames with a few bytes changed."""
    dice = random.Random(seed)  # noqa: S311

    async def fooling(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.number % 2 == 0:
            pdu = dice.randbytes(dice.randrange(1, 30))
            if dice.random() < 0.5:
                pdu = bytes([dice.choice((1, 2, 3, 4, 5, 8, 17, 20, 24, 43, 0x83))]) + pdu[1:]
            frame = bytearray(framed(framing, asked, pdu))
            if dice.random() < 0.3:
                frame[dice.randrange(len(frame))] = dice.randrange(256)
            writer.write(frame)
        else:
            writer.write(framed(framing, asked, right(asked)))

    async def scenario() -> None:
        async with talking_to(fooling, framing, timeout=1) as link:
            assert await link.read(holding(0, 10)) == values(holding(0, 10))
            for address in range(60):
                with contextlib.suppress(NoAnswer, InvalidAnswer, Refused):
                    # Ten registers: no rubbish of less than 22 bytes can be a valid answer.
                    await link.read(holding(address, 10))
                assert await link.read(holding(address, 10)) == values(holding(address, 10))

    virtual_time.run(scenario())


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.25, 0.35, 0.4, 0.6, 0.75])
def test_a_late_tcp_answer_is_never_taken_for_that_of_the_next_request(framing: Framing, delay: float) -> None:
    """A gateway that answers late, on whichever connection is there by then, and serves one request at a time."""
    connections: list[asyncio.StreamWriter] = []
    tasks: list[asyncio.Task[None]] = []

    async def late(asked: Asked, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        if asked.number != 2:
            writer.write(framed(framing, asked, right(asked, offset=asked.number)))
            return

        async def answer() -> None:
            await asyncio.sleep(delay)
            newest = writer if framing is Framing.TCP else connections[-1]
            with contextlib.suppress(ConnectionError):
                newest.write(framed(framing, asked, right(asked, offset=asked.number)))

        tasks.append(asyncio.ensure_future(answer()))

    async def scenario() -> None:
        async with talking_to(late, framing) as link:
            for number in range(1, 7):
                try:
                    assert await link.read(holding(100, 2)) == [100 + number, 101 + number]
                except (NoAnswer, InvalidAnswer):
                    assert number == 2
                    assert delay >= TIMEOUT
                await asyncio.sleep(0.05)

    virtual_time.run(scenario())


def test_a_doubled_tcp_answer_is_never_taken_for_that_of_the_next_request() -> None:
    async def doubled(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(2 * mbap(asked.transaction, asked.unit, right(asked, offset=asked.number)))

    async def scenario() -> None:
        async with talking_to(doubled) as link:
            good = 0
            for number in range(1, 9):
                with contextlib.suppress(NoAnswer, InvalidAnswer):
                    assert await link.read(holding(100, 2)) == [100 + number, 101 + number]
                    good += 1
            assert good >= 4

    virtual_time.run(scenario())
