"""`python3 -m tests.bench.server DEVICE_LIST`: a server of the Inviseo API that is light enough never to be in the way.

It says "port PORT" at its start, then a line for each request: "list AT", "status AT", "values AT END COUNT": when it
came, in seconds since the epoch, and for values the window's end and how many there were. It speaks the documented
form, believes what it is told, and keeps none of it but the digests of batches, so that one that comes twice is told
once.
"""

import asyncio
import contextlib
import re
import signal
import sys
import time
from collections.abc import Callable
from datetime import datetime
from email.utils import formatdate
from pathlib import Path

Tell = Callable[[str], None]

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_KEY = re.compile(rb"(?i)\r\nidempotency-key: *(\S+)")
_TIMESTAMP = re.compile(rb'"timestamp":"([^"]+)"')


class Api(asyncio.Protocol):
    """One connection; `devices` is the text of the device list, `keys` the batches that came before, on any of them."""

    def __init__(self, devices: bytes, tell: Tell, keys: set[bytes], clock: Callable[[], float] = time.time) -> None:
        """Tell of each request by `tell`; `clock` returns seconds since the epoch."""
        self._devices = devices
        self._tell = tell
        self._keys = keys
        self._clock = clock
        self._received = bytearray()
        self._wanted = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note of the connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request that is there as a whole."""
        self._received += data
        while len(self._received) >= self._wanted and (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[:end])
            length = _LENGTH.search(head)
            self._wanted = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < self._wanted:
                return
            body = bytes(self._received[end + 4 : self._wanted])
            del self._received[: self._wanted]
            self._wanted = 0
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        path = head.split(b" ", 2)[1].partition(b"?")[0]
        now = self._clock()
        status, answer = b"200 OK", b"{}"
        if path == b"/api/workers/devices/data":
            self._tell(f"list {now:.3f}")
            answer = self._devices
        elif path == b"/api/devices/status":
            self._tell(f"status {now:.3f}")
        elif path == b"/api/fields/":
            self._take_values(now, head, body)
        else:
            status = b"404 Not Found"
        date = formatdate(now, usegmt=True).encode()
        assert self._transport is not None
        self._transport.write(
            b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nDate: %s\r\nContent-Length: %d\r\n\r\n%s"
            % (status, date, len(answer), answer)
        )

    def _take_values(self, now: float, head: bytes, body: bytes) -> None:
        key = _KEY.search(head)
        if key is not None and key[1] in self._keys:
            return
        if key is not None:
            self._keys.add(key[1])
        # All values of a batch belong to one window.
        timestamp = _TIMESTAMP.search(body)
        if timestamp is not None:
            end = datetime.fromisoformat(timestamp[1].decode()).timestamp()
            count = body.count(b'"measurement":')
            self._tell(f"values {now:.3f} {end:.0f} {count}")


async def listen(devices: bytes, tell: Tell, clock: Callable[[], float] = time.time) -> asyncio.Server:
    """Serve on a free port of loopback."""
    keys: set[bytes] = set()
    return await asyncio.get_running_loop().create_server(lambda: Api(devices, tell, keys, clock), "127.0.0.1", 0)


async def _serve(devices: bytes) -> None:
    server = await listen(devices, lambda line: print(line, flush=True))
    print("port", server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        asyncio.run(_serve(Path(sys.argv[1]).read_bytes()))
