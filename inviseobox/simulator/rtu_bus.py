"""An RS-485 line with its USB adapter: Modbus RTU units on a pseudo-terminal, which can be pulled out and put back."""

import asyncio
import contextlib
import os
import termios
import tty
from pathlib import Path

from inviseobox.simulator.modbus_units import ModbusUnits
from inviseobox.simulator.rtu_line import DEFAULT_BAUDRATE, RtuLine

_MOST_AT_ONCE = 4096


class RtuBus:
    """Units behind `path`, a link to a terminal that gets another number each time, as /dev/serial/by-id/… is one.

    A port that was set to another speed than `baudrate` hears nothing but noise, and so do the units; with None,
    an infinitely fast line, all speeds are right. Other settings do not matter: a pseudo-terminal has no parity.
    """

    def __init__(self, units: ModbusUnits, path: Path, *, baudrate: int | None = DEFAULT_BAUDRATE) -> None:
        self.path = path
        self.line = RtuLine(units, self._deliver, baudrate=baudrate)
        self._master: int | None = None
        self._slave: int | None = None

    @property
    def units(self) -> ModbusUnits:
        """What is on the line."""
        return self.line.units

    @property
    def device(self) -> Path:
        """The terminal that `path` leads to now, /dev/pts/…. Raises FileNotFoundError while there is none."""
        return self.path.readlink()

    async def start(self) -> None:
        """Plug the adapter in. Raises OSError if no terminal can be had or the path is taken."""
        # The other end stays open here too: without it the reads of this end fail until the port is opened.
        self._master, self._slave = os.openpty()
        try:
            tty.setraw(self._slave)
            self._set_speed(self._slave)
            os.set_blocking(self._master, False)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.symlink_to(os.ttyname(self._slave))
        except BaseException:
            self._close_terminal()
            raise
        asyncio.get_running_loop().add_reader(self._master, self._readable)

    async def stop(self) -> None:
        """Unplug it for good; a stopped bus may be stopped again."""
        await self.vanish()

    async def vanish(self) -> None:
        """Pull the adapter out: the path goes, whoever has the port open sees it hang up."""
        if self._master is None:
            return
        self.path.unlink(missing_ok=True)
        asyncio.get_running_loop().remove_reader(self._master)
        self._close_terminal()
        await self.line.close()

    async def return_(self) -> None:
        """Put it back: the same path, usually another terminal."""
        await self.start()

    def _close_terminal(self) -> None:
        for end in (self._master, self._slave):
            if end is not None:
                os.close(end)
        self._master = self._slave = None

    def _set_speed(self, slave: int) -> None:
        speed = self._speed()
        if speed is not None:
            attributes = termios.tcgetattr(slave)
            attributes[4] = attributes[5] = speed
            termios.tcsetattr(slave, termios.TCSANOW, attributes)

    def _speed(self) -> int | None:
        speed = getattr(termios, f"B{self.line.baudrate}", None)
        return speed if isinstance(speed, int) else None

    def _speed_fits(self, slave: int) -> bool:
        return self._speed() in (None, termios.tcgetattr(slave)[5])

    def _readable(self) -> None:
        if self._master is None or self._slave is None:
            return
        try:
            data = os.read(self._master, _MOST_AT_ONCE)
        except BlockingIOError:
            return
        if self._speed_fits(self._slave):
            self.line.heard(data)
        else:
            self.line.rubbish.append(data)

    def _deliver(self, data: bytes) -> None:
        # Bytes that nobody fetches in time are lost, as in a UART.
        if self._master is not None:
            with contextlib.suppress(BlockingIOError):
                os.write(self._master, data)
