"""An adapter that takes nothing of what is sent holds up nothing but its own link.

A pseudo-terminal has no driver that keeps what is unsent. A TCP socket that lingers has one, in effect: its close(2)
waits until the other side has read everything, and TIOCOUTQ counts what that is. So it stands in the place of a port.
"""

import asyncio
import contextlib
import os
import socket
import struct
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from inviseobox.acquisition.modbus_link import ModbusLink
from inviseobox.acquisition.serial_port import is_stuck
from inviseobox.devices.links import SerialLink
from inviseobox.errors import LinkDown, NoAnswer
from inviseobox.network.name_lookup import NameLookups
from tests.support.virtual_time import until

from .frames import holding

LINGER = 60
"""Seconds that close(2) waits for the other side; no test is to see their end."""


@contextmanager
def terminal() -> Iterator[tuple[int, str]]:
    """Yield the other end of a pseudo-terminal, and the path of the port."""
    master, slave = os.openpty()
    tty.setraw(slave)
    try:
        yield master, os.ttyname(slave)
    finally:
        os.close(master)
        os.close(slave)


@contextmanager
def linked(port: str) -> Iterator[ModbusLink]:
    yield ModbusLink(SerialLink(port), 0.1, NameLookups())


def open_as(port: str) -> set[int]:
    """Return the descriptors under which this process has the port open."""
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        # The one of this very look is gone by now.
        with contextlib.suppress(FileNotFoundError):
            if os.fspath(descriptor.readlink()) == port:
                found.add(int(descriptor.name))
    return found


@contextmanager
def full_connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Yield both ends of a connection whose second end reads nothing, so that the first has much that is unsent."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        sender = socket.create_connection(server.getsockname())
        reader, _ = server.accept()
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, LINGER))
    sender.setblocking(False)
    try:
        while True:
            sender.send(bytes(65_536))
    except BlockingIOError:
        pass
    with reader:
        yield sender, reader


def drain(reader: socket.socket) -> None:
    while reader.recv(1_048_576):
        pass


async def put_in_its_place(link: ModbusLink, port: str, sender: socket.socket) -> None:
    """Open the link, and put a connection in the place of its port."""
    before = open_as(port)
    await link.reopen()
    await asyncio.sleep(0.1)
    (descriptor,) = open_as(port) - before
    os.dup2(sender.fileno(), descriptor)
    sender.close()


def test_a_port_whose_adapter_takes_nothing_is_closed_while_others_go_on() -> None:
    async def scenario() -> None:
        with terminal() as (_, port), linked(port) as link, full_connection() as (sender, reader):
            await put_in_its_place(link, port, sender)
            await link.close()
            # In the old place of the wait: the loop's next turns.
            await asyncio.sleep(0.1)
            with pytest.raises(LinkDown) as raised:
                await link.reopen()
            assert str(raised.value) == "the adapter takes nothing of what is sent"
            assert "plug it in again" in raised.value.advice
            await asyncio.to_thread(drain, reader)
            await until(lambda: not is_stuck(Path(port).stat().st_rdev), 20)
            await link.reopen()
            await link.close()
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(scenario(), LINGER / 2))


def test_nobody_waits_until_an_adapter_has_taken_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[int] = []
    wait_until_sent = termios.tcdrain

    def noted(descriptor: int) -> None:
        waits.append(descriptor)
        wait_until_sent(descriptor)

    monkeypatch.setattr(termios, "tcdrain", noted)

    async def scenario() -> None:
        with terminal() as (_, port), linked(port) as link:
            with pytest.raises(NoAnswer):
                await link.read(holding(1, 1))
            await asyncio.sleep(0.1)
            await link.reopen()
            await link.close()
            await asyncio.sleep(0.1)

    asyncio.run(scenario())
    assert waits == []


def test_what_an_adapter_has_not_taken_is_discarded_when_its_port_is_closed() -> None:
    """Else the request would go out whenever the adapter takes output again, amid one that somebody sends then."""

    async def scenario() -> bytes:
        with terminal() as (master, port), linked(port) as link:
            other = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            try:
                await link.reopen()
                os.write(other, bytes(6000))
                with pytest.raises(NoAnswer):
                    await link.read(holding(0x5555, 1))
                await link.close()
                await asyncio.sleep(0.1)
                os.set_blocking(master, False)
                return rest(master)
            finally:
                os.close(other)

    assert b"\x55\x55" not in asyncio.run(scenario())


def rest(descriptor: int) -> bytes:
    taken = b""
    try:
        while more := os.read(descriptor, 4096):
            taken += more
    except BlockingIOError:
        pass
    return taken
