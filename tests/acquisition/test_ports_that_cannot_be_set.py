"""A port that does not take its settings is a link that is down; one that goes while it is in use is a lost connection.

The ports are pseudo-terminals, which have neither parity nor 7 bits: whoever asks for them gets termios.error.
"""

import asyncio
import errno
import fcntl
import os
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from inviseobox import events
from inviseobox.acquisition.link_opening import link_down
from inviseobox.acquisition.modbus_link import ModbusLink
from inviseobox.devices.links import Framing, SerialLink, TcpLink
from inviseobox.errors import LinkDown, NoAnswer
from inviseobox.network.name_lookup import NameLookups
from inviseobox.simulator.device_list import serial_communication
from tests.support import virtual_time
from tests.support.entries import modbus_device

from .frames import holding
from .wires import Box, wire

PERIOD = 10.0


@dataclass
class Terminal:
    """A pseudo-terminal that nobody answers on."""

    ends: list[int]
    path: str

    def pull(self) -> None:
        """Take it away from whoever has it open."""
        while self.ends:
            os.close(self.ends.pop())

    def is_free(self) -> bool:
        """Return whether nobody holds it."""
        port = os.open(self.path, os.O_RDWR | os.O_NOCTTY)
        try:
            fcntl.flock(port, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(port)
        return True


@contextmanager
def terminal() -> Iterator[Terminal]:
    master, slave = os.openpty()
    tty.setraw(slave)
    one = Terminal([master, slave], os.ttyname(slave))
    try:
        yield one
    finally:
        one.pull()


SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "parity": ({"parity": "E"}, "9600 baud, 8 bits, parity E, 1 stop bit"),
    "odd parity": ({"parity": "O", "stopbits": 2}, "9600 baud, 8 bits, parity O, 2 stop bits"),
    "7 bits": ({"bytesize": 7}, "9600 baud, 7 bits, parity N, 1 stop bit"),
    "7 bits and parity": ({"bytesize": 7, "parity": "E"}, "9600 baud, 7 bits, parity E, 1 stop bit"),
    # The next are refused by pyserial before it asks the port: ValueError, OverflowError.
    "9 bits": ({"bytesize": 9}, "9600 baud, 9 bits, parity N, 1 stop bit"),
    "a baudrate beyond all numbers": ({"baudrate": 1 << 40}, f"{1 << 40} baud, 8 bits, parity N, 1 stop bit"),
}


@pytest.mark.parametrize(("settings", "words"), SETTINGS.values(), ids=SETTINGS)
def test_a_port_that_cannot_be_set_says_so_and_is_not_kept(settings: dict[str, Any], words: str) -> None:
    async def scenario() -> None:
        with terminal() as port:
            link = ModbusLink(SerialLink(port.path, **settings), 0.3, NameLookups())
            for attempt in (link.read(holding(1, 1)), link.reopen(), link.read(holding(1, 1))):
                with pytest.raises(LinkDown) as raised:
                    await attempt
                assert str(raised.value) == f"the port cannot be set to {words}"
                assert raised.value.advice == "compare these with what the adapter can do"
                assert port.is_free()
                await link.close()

    asyncio.run(scenario())


def test_a_port_that_cannot_be_set_is_one_line_and_a_failed_reading_each_round(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")

    async def scenario() -> None:
        box = Box()
        with terminal() as port:
            communication = serial_communication(Path(port.path), 9600)
            communication["configuration"] |= {"bytesize": 7, "parity": "E"}
            device = modbus_device(0, {1: [0, 1], 2: [5]}) | {"communication": communication}
            async with box.polling(device):
                await asyncio.sleep(3.5 * PERIOD)
                assert box.good().total() == 0
                assert box.failed() == {"1/0": 4, "1/1": 4, "2/5": 4}
                (line,) = caplog.records
                assert (line.levelname, vars(line)["MESSAGE_ID"]) == ("WARNING", events.PORT_GONE.id)
                assert port.path in line.getMessage()
                assert "cannot be set to 9600 baud, 7 bits, parity E, 1 stop bit" in line.getMessage()

    virtual_time.run(scenario())
    assert len(caplog.records) == 1


def test_a_port_of_two_names_is_read_under_one_of_them_and_the_other_says_which(tmp_path: Path) -> None:
    """Two devices of one adapter; the first link has the port for as long as it is read."""
    by_id = tmp_path / "usb-FTDI_RS485-if00-port0"

    async def scenario() -> None:
        async with wire("serial", {unit: lambda: {3: {0: 7}} for unit in (1, 2)}) as line:
            by_id.symlink_to(line.communication["configuration"]["port"])
            names = {1: line.communication["configuration"]["port"], 2: str(by_id)}
            links = {unit: ModbusLink(SerialLink(name), 0.3, NameLookups()) for unit, name in names.items()}
            assert await links[1].read(holding(0, 1)) == [7]
            with pytest.raises(LinkDown) as raised:
                await links[2].read(holding(0, 1, unit=2))
            assert str(raised.value) == f"it is the same port as {names[1]}, through which other devices are read"
            assert raised.value.advice == "on the server, give all of them the same name of it"
            # Each time anew: the adapter may be another one, or the list another.
            await links[1].close()
            await asyncio.sleep(1)
            assert await links[2].read(holding(0, 1, unit=2)) == [7]
            with pytest.raises(LinkDown, match=f"the same port as {by_id}"):
                await links[1].read(holding(0, 1))
            await links[2].close()

    virtual_time.run(scenario())


def test_a_port_that_goes_while_it_is_set_says_what_it_is() -> None:
    """Whoever is that late finds nothing wrong with the settings."""
    down = link_down(SerialLink("/dev/ttyUSB0"), termios.error(errno.EIO, "Input/output error"))
    assert str(down) == "Input/output error"


def test_a_tcp_port_that_cannot_be_says_so() -> None:
    async def scenario() -> None:
        with pytest.raises(LinkDown, match="0-65535"):
            await ModbusLink(TcpLink("127.0.0.1", 70_000, Framing.TCP), 0.3, NameLookups()).read(holding(1, 1))

    asyncio.run(scenario())


def troubles_of_the_loop() -> list[dict[str, Any]]:
    """Return a list to which is added whatever nobody but the event loop is told."""
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    return told


@pytest.mark.parametrize("steps", range(8))
def test_a_port_that_is_pulled_at_any_step_of_a_request_is_a_lost_connection(steps: int) -> None:
    """Neither pymodbus nor pyserial has anything else to say of it."""

    async def scenario() -> None:
        told = troubles_of_the_loop()
        with terminal() as port:
            link = ModbusLink(SerialLink(port.path), 5, NameLookups())
            await link.reopen()
            await asyncio.sleep(0.2)
            reading = asyncio.ensure_future(link.read(holding(1, 1)))
            for _ in range(steps):
                await asyncio.sleep(0)
            port.pull()
            with pytest.raises((NoAnswer, LinkDown)):
                await asyncio.wait_for(reading, 2)
            await link.close()
            await asyncio.sleep(0.1)
        assert told == []

    asyncio.run(scenario())


@pytest.mark.parametrize("steps", range(4))
def test_a_port_that_is_closed_as_it_is_pulled_is_closed_once(steps: int) -> None:
    async def scenario() -> None:
        told = troubles_of_the_loop()
        with terminal() as port:
            link = ModbusLink(SerialLink(port.path), 5, NameLookups())
            await link.reopen()
            await asyncio.sleep(0.2)
            port.pull()
            for _ in range(steps):
                await asyncio.sleep(0)
            await link.close()
            await asyncio.sleep(0.1)
        assert told == []

    asyncio.run(scenario())


def test_a_port_that_is_closed_as_soon_as_it_is_open_is_free_again() -> None:
    async def scenario() -> None:
        told = troubles_of_the_loop()
        with terminal() as port:
            link = ModbusLink(SerialLink(port.path), 5, NameLookups())
            await link.reopen()
            await link.close()
            await asyncio.sleep(0.1)
            assert port.is_free()
        assert told == []

    asyncio.run(scenario())
