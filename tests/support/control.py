"""Control sockets, and clients that do not behave as the program's own."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from inviseobox.control.answers import Answers
from inviseobox.control.listening import listening
from inviseobox.control.server import ControlServer
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.health.health import Health
from inviseobox.records import Reading

from .buffers import dating, opened, stamp, waiting
from .entries import listed, modbus_device, web_device

STATUS = b'{"version": 1, "ask": "status", "recent": true}\n'


@contextmanager
def connected(path: str, within: float = 20.0, receives: int | None = None) -> Iterator[socket.socket]:
    """Connect and say nothing; `receives` are the bytes that the kernel keeps for it."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(within)
        if receives is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
        client.connect(path)
        yield client


def heard(client: socket.socket) -> bytes:
    """Return all that comes until the daemon hangs up. Raises TimeoutError."""
    text = b""
    try:
        while more := client.recv(65536):
            text += more
    except (ConnectionResetError, BrokenPipeError):
        # It hung up before it had read all that was sent.
        pass
    return text


def lines(text: bytes) -> list[dict[str, Any]]:
    """Return an answer as its objects."""
    return [json.loads(line) for line in text.splitlines()]


def answer(path: str, request: bytes) -> list[dict[str, Any]]:
    """Send `request` as it is; return all that comes."""
    with connected(path) as client:
        client.sendall(request)
        return lines(heard(client))


def flood(path: str, size: int) -> int:
    """Send `size` bytes without a line's end, or as many as are taken; return how many were."""
    sent = 0
    piece = b"x" * 65536
    with connected(path) as client:
        try:
            while sent < size:
                sent += client.send(piece[: size - sent])
        except (ConnectionResetError, BrokenPipeError):
            pass
    return sent


@asynccontextmanager
async def knowing(folder: Path, count: int, windows: int = 2) -> AsyncIterator[Answers]:
    """Yield the answers of a box with a meter of `count` measurements, and a sensor with a unit, after some windows."""
    sensor = web_device("http://192.0.2.34/", ["hum"], name="Capteur hygrométrie")
    sensor["measurements"][0]["unit"] = "%"
    devices = DevicesInForce(60, listed(modbus_device(502, {1: list(range(count))}), sensor))
    health = Health()
    async with opened(folder / "data.db") as buffer:
        for number in range(1, windows + 1):
            now = 60.0 * number
            readings = [
                Reading(one.series, float(place + number)) for place, one in enumerate(devices.inventory.measurements)
            ]
            health.note_readings(readings, now - 30)
            buffer.record(stamp(now - 30), 60, readings)
            await buffer.seal(dating(now))
        await waiting(buffer)
        yield Answers(health, devices, buffer, lambda: 1000.0, {"INVOCATION_ID": "run"})


@asynccontextmanager
async def serving(folder: Path, answers: Answers, time_limit: float = 10.0) -> AsyncIterator[str]:
    """Yield the path of a socket on which these answers are given."""
    made = listening({"RUNTIME_DIRECTORY": str(folder)})
    assert made is not None
    with made:
        server = asyncio.create_task(ControlServer(made, answers, time_limit).run())
        try:
            yield str(folder / "control.sock")
        finally:
            server.cancel()
            await asyncio.wait([server])
            assert server.cancelled()
