"""Edge to the serial ports of pymodbus and pyserial: opening one, and closing it without waiting for its adapter.

An adapter that has power may take nothing of what is sent. bookworm's pyserial-asyncio waits for it before it closes,
without a limit (tcdrain(3)); on all releases the kernel does so in close(2), for 30 seconds (closing_wait in
drivers/tty/tty_port.c). Both would be in the thread of the event loop, and hold up every other link.
"""

import asyncio
import contextlib
import fcntl
import os
import struct
import termios
from pathlib import Path
from threading import Thread
from typing import Any

from inviseobox.devices.links import SerialLink

try:
    from pymodbus.transport.serialtransport import create_serial_connection
except ImportError:
    from serial_asyncio import create_serial_connection

    _SETTINGS = {"exclusive": True}
else:
    _SETTINGS = {}

# Of the process, as the locks on the ports are.
_open: dict[int, str] = {}
"""The names under which ports were opened that are open, by their device numbers."""
_stuck: set[int] = set()
"""The device numbers of ports that are being closed by a thread."""


def name_of_open(port: str) -> str | None:
    """Return the name under which this process has the same port open, None where it has not."""
    try:
        return _open.get(Path(port).stat().st_rdev)
    except OSError:
        return None


def is_stuck(number: int) -> bool:
    """Return whether the port with this device number is still being closed: to open it again would wait for that."""
    return number in _stuck


async def open_port(link: SerialLink, protocol: asyncio.Protocol) -> Any:
    """Open a port and return its transport. Raises OSError, and what else pyserial raises for settings."""
    settings = {name: getattr(link, name) for name in ("baudrate", "bytesize", "parity", "stopbits")} | _SETTINGS
    loop = asyncio.get_running_loop()
    transport, _ = await create_serial_connection(loop, lambda: protocol, link.port, **settings)
    # It would tell asyncio at length of a port that is pulled out while a request goes out.
    transport._fatal_error = lambda error, message="": transport.abort()  # noqa: SLF001
    port = transport.sync_serial if hasattr(transport, "sync_serial") else transport.serial
    _close_without_waiting(port, link.port)
    return transport


def _close_without_waiting(port: Any, name: str) -> None:
    """Let a port of pyserial discard what is unsent when it is closed, whoever does so, instead of waiting for it."""
    number = os.fstat(port.fileno()).st_rdev
    _open[number] = name
    close_now = port.close

    def discard() -> None:
        # A port that was pulled out has nothing to discard.
        with contextlib.suppress(termios.error):
            termios.tcflush(port.fileno(), termios.TCOFLUSH)

    def close() -> None:
        if not port.is_open:
            return
        discard()
        # Drivers of most USB adapters (drivers/usb/serial) keep what they have.
        held = os.dup(port.fileno()) if _unsent(port.fileno()) else None
        close_now()
        _open.pop(number, None)
        if held is not None:
            _close_in_thread(held, number)

    port.flush, port.close = discard, close


def _unsent(descriptor: int) -> int:
    """Return the bytes that the driver has not sent yet (TIOCOUTQ, ioctl_tty(2)); 0 where the port is gone."""
    try:
        (count,) = struct.unpack("i", fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4)))
    except OSError:
        return 0
    return int(count)


def _close_in_thread(descriptor: int, number: int) -> None:
    def close() -> None:
        try:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        finally:
            _stuck.discard(number)

    _stuck.add(number)
    try:
        # Nobody waits for it at the end of the process, which ends the wait.
        Thread(target=close, name="closing a port", daemon=True).start()
    except RuntimeError:
        # The machine has no thread left.
        close()
