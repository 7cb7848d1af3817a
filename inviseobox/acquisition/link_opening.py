"""Opening the connection of a Modbus link, and why it cannot be opened."""

import asyncio
import errno
import os
import socket
import stat
import struct
import termios
import traceback
from pathlib import Path
from typing import assert_never

from inviseobox.acquisition.link_habits import LinkHabits
from inviseobox.acquisition.pymodbus_connection import Connection
from inviseobox.acquisition.serial_port import is_stuck, name_of_open
from inviseobox.devices.links import SerialLink, TcpLink
from inviseobox.errors import LinkDown

_IN_USE = (errno.EAGAIN, errno.EBUSY)
_NOT_TAKEN = (termios.error, ValueError, OverflowError, struct.error)
"""What opening raises, beside OSError, where a setting is nothing that the port or the connection can be set to."""


async def opened(link: SerialLink | TcpLink, habits: LinkHabits, timeout: float, limit: float) -> Connection:
    """Open a connection to a port or to a numeric address within `timeout` seconds.

    Raises LinkDown, which names the `limit` that the link has for all of its addresses together.
    """
    connection = Connection(link, habits)
    try:
        _check_port(link)
        async with asyncio.timeout(timeout):
            await connection.open()
    except TimeoutError:
        connection.close()
        raise LinkDown(f"no connection within {limit:g} s") from None
    except (OSError, *_NOT_TAKEN) as error:
        connection.close()
        # A port that was open before it could not be set would stay so, and locked, for as long as these live.
        traceback.clear_frames(error.__traceback__)
        raise link_down(link, error) from None
    except BaseException:
        connection.close()
        raise
    return connection


def link_down(link: SerialLink | TcpLink, error: Exception) -> LinkDown:
    if isinstance(error, termios.error) and error.args[0] != errno.EINVAL:
        error = OSError(*error.args)
    if isinstance(error, OSError):
        return _opened_before(link, error) or _not_opened(error)
    match link:
        case SerialLink():
            return LinkDown(
                f"the port cannot be set to {_settings(link)}", "compare these with what the adapter can do"
            )
        case TcpLink():
            return LinkDown("its host is not a valid name" if isinstance(error, UnicodeError) else str(error))
        case _:
            assert_never(link)


def _settings(link: SerialLink) -> str:
    stop_bits = f"{link.stopbits} stop bit" + "s" * (link.stopbits != 1)
    return f"{link.baudrate} baud, {link.bytesize} bits, parity {link.parity}, {stop_bits}"


def _opened_before(link: SerialLink | TcpLink, error: OSError) -> LinkDown | None:
    """Return what is wrong where this process itself has the port, by another of its names."""
    if not isinstance(link, SerialLink) or error.errno not in _IN_USE:
        return None
    name = name_of_open(link.port)
    if name is None or name == link.port:
        return None
    reason = f"it is the same port as {name}, through which other devices are read"
    return LinkDown(reason, "on the server, give all of them the same name of it")


def _not_opened(error: OSError) -> LinkDown:
    reason = _reason(error)
    if error.errno == errno.EACCES:
        return LinkDown(reason, "its group must be dialout (ls -l)")
    if error.errno == errno.EPERM:
        return LinkDown(reason, "this kind of port must be allowed to the service (man inviseobox.service)")
    if "another program" in reason:
        return LinkDown(reason, "which one, tells: sudo fuser -v and the port")
    return LinkDown(reason)


def _reason(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved (DNS)"
    if error.errno in _IN_USE:
        return "another program uses the port"
    if "Inappropriate ioctl" in str(error):
        return "it is not a serial port"
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)


def _check_port(link: SerialLink | TcpLink) -> None:
    """Raise OSError unless the port is a character device: pymodbus's own error would not say what is wrong.

    Raises LinkDown where it is still being closed.
    """
    if not isinstance(link, SerialLink):
        return
    found = Path(link.port).stat()
    if not stat.S_ISCHR(found.st_mode):
        raise OSError(f"{link.port} is not a serial port")
    if is_stuck(found.st_rdev):
        raise LinkDown("the adapter takes nothing of what is sent", "pull it out and plug it in again")
