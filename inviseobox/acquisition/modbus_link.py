"""A Modbus link: one connection, one request at a time, no answer that is not the one asked for."""

import asyncio
import errno
import os
import socket
import stat
import struct
import termios
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any, assert_never

from inviseobox.acquisition.pymodbus_connection import Answer, Connection, connection_for
from inviseobox.devices.links import Framing, SerialLink, TcpLink
from inviseobox.devices.registers import Span
from inviseobox.errors import InvalidAnswer, LinkDown, NoAnswer, Refused
from inviseobox.network.name_lookup import NameLookups

OPEN_TIMEOUT = 3.0
"""Seconds for a TCP connection or a port to open."""
GUARD_TIME = 0.5
"""Seconds of silence on an RTU line after a fault, in which a late answer goes by."""
REOPEN_PAUSE = 0.5
"""Seconds before a connection that failed just after another was dropped is tried once more."""
EXCEPTION_NAMES = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge, still working",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target silent",
}
"""MODBUS Application Protocol V1.1b3, section 7."""
_NOT_TAKEN = (termios.error, ValueError, OverflowError, struct.error)
"""What opening raises, beside OSError, where a setting is nothing that the port or the connection can be set to."""


class ModbusLink:
    """One serial port, or one host and port. The connection is opened when it is needed."""

    def __init__(self, link: SerialLink | TcpLink, timeout: float, lookups: NameLookups) -> None:
        """Prepare the link; `timeout` is the time in seconds that a unit has for one answer.

        A host that is a name is looked up by `lookups` whenever the connection is opened.
        """
        self._link = link
        self._lookups = lookups
        self._timeout = timeout
        self._lock = asyncio.Lock()
        self._connection: Connection | None = None
        self._quiet_until = 0.0
        self._dropped_at = float("-inf")
        self._silence = _frame_silence(link)
        self._is_rtu = link.framing is Framing.RTU

    @property
    def is_serial(self) -> bool:
        """Whether it is a port of this machine."""
        return isinstance(self._link, SerialLink)

    @property
    def worst_case(self) -> float:
        """The longest time in seconds that one read may take, opening and guard time included."""
        return 4 * OPEN_TIMEOUT + GUARD_TIME + REOPEN_PAUSE + self._timeout

    async def read(self, span: Span) -> list[int]:
        """Read the span's registers (or bits, as 0 and 1), lowest address first.

        Raises LinkDown where there is no connection to be had, NoAnswer, InvalidAnswer or Refused. After any of the
        first three the connection is closed, so that a late answer cannot meet the next request.
        """
        async with self._lock:
            connection = await self._opened()
            await self._be_quiet()
            try:
                return _checked(span, await self._answer(connection, span))
            except Refused:
                raise
            except BaseException:
                self._drop()
                raise
            finally:
                self._quiet_until = max(self._quiet_until, self._now() + self._silence)

    async def reopen(self) -> None:
        """Open the connection without reading. Raises LinkDown."""
        async with self._lock:
            await self._opened()

    async def close(self) -> None:
        """Close the connection, if there is one. The next read opens it again."""
        async with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._dropped_at = self._now()
            if self._is_rtu:
                self._quiet_until = self._now() + GUARD_TIME

    async def _be_quiet(self) -> None:
        await asyncio.sleep(max(0.0, self._quiet_until - self._now()))

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    async def _opened(self) -> Connection:
        if self._connection is not None and self._connection.lost.done():
            self._drop()
        if self._connection is None:
            await self._be_quiet()
            try:
                self._connection = await self._open()
            except LinkDown:
                # A gateway that takes one connection only may still be busy with the end of the one just dropped.
                if self._now() - self._dropped_at > REOPEN_PAUSE:
                    raise
                await asyncio.sleep(REOPEN_PAUSE)
                self._connection = await self._open()
        return self._connection

    async def _open(self) -> Connection:
        """Open a connection to the first address that takes one. Raises LinkDown."""
        deadline = self._now() + OPEN_TIMEOUT
        places = await self._places()
        while True:
            place = places.pop(0)
            try:
                return await _opened(place, (deadline - self._now()) / (len(places) + 1))
            except LinkDown:
                if not places:
                    raise

    async def _places(self) -> list[SerialLink | TcpLink]:
        """Return the link once for each address of its host. Raises LinkDown."""
        match self._link:
            case SerialLink():
                return [self._link]
            case TcpLink(host=host, port=port):
                try:
                    async with asyncio.timeout(OPEN_TIMEOUT):
                        addresses = await self._lookups.addresses(host, port)
                except TimeoutError:
                    raise LinkDown(f"its name is not resolved (DNS) within {OPEN_TIMEOUT:g} s") from None
                return [replace(self._link, host=str(address.place[0])) for address in addresses]
            case _:
                assert_never(self._link)

    async def _answer(self, connection: Connection, span: Span) -> Answer:
        reading = asyncio.ensure_future(connection.read(span))
        reading.add_done_callback(lambda task: task.cancelled() or task.exception())
        ends: set[asyncio.Future[Any]] = {reading, connection.lost}
        try:
            await asyncio.wait(ends, timeout=self._timeout, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                return reading.result()
        finally:
            reading.cancel()
        if connection.lost.done():
            raise NoAnswer("the connection was closed instead of an answer")
        raise NoAnswer(f"no answer within {self._timeout:g} s")


async def _opened(link: SerialLink | TcpLink, timeout: float) -> Connection:
    """Open a connection to a port or to a numeric address. Raises LinkDown."""
    connection = connection_for(link)
    try:
        _check_port(link)
        async with asyncio.timeout(timeout):
            await connection.open()
    except TimeoutError:
        connection.close()
        raise LinkDown(f"no connection within {OPEN_TIMEOUT:g} s") from None
    except (OSError, *_NOT_TAKEN) as error:
        connection.close()
        # A port that was open before it could not be set would stay so, and locked, for as long as these live.
        traceback.clear_frames(error.__traceback__)
        raise _link_down(link, error) from None
    except BaseException:
        connection.close()
        raise
    return connection


def _frame_silence(link: SerialLink | TcpLink) -> float:
    """Return the seconds of silence that part two frames on a serial line: the time of 3.5 characters.

    MODBUS over Serial Line V1.02, section 2.5.1.1; above 19,200 baud a fixed 1.75 ms.
    """
    match link:
        case SerialLink():
            bits = 1 + link.bytesize + (link.parity != "N") + link.stopbits
            return max(3.5 * bits / link.baudrate, 0.00175)
        case TcpLink():
            return 0.0
        case _:
            assert_never(link)


def _link_down(link: SerialLink | TcpLink, error: Exception) -> LinkDown:
    if isinstance(error, termios.error) and error.args[0] != errno.EINVAL:
        error = OSError(*error.args)
    if isinstance(error, OSError):
        return _not_opened(error)
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
    if error.errno in (errno.EAGAIN, errno.EBUSY):
        return "another program uses the port"
    if "Inappropriate ioctl" in str(error):
        return "it is not a serial port"
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)


def _check_port(link: SerialLink | TcpLink) -> None:
    """Raise OSError unless the port is a character device; pymodbus's own error would not say what is wrong."""
    if isinstance(link, SerialLink) and not stat.S_ISCHR(Path(link.port).stat().st_mode):
        raise OSError(f"{link.port} is not a serial port")


def _checked(span: Span, answer: Answer) -> list[int]:
    """Return the values of an answer to this very request; pymodbus does not check that it is one."""
    if answer.function != span.function or answer.unit != span.unit:
        raise InvalidAnswer("an answer to another request")
    if answer.exception_code is not None:
        code = answer.exception_code
        raise Refused(f"exception {code} ({EXCEPTION_NAMES.get(code, 'unknown')})", code)
    expected = (span.count + 7) // 8 * 8 if span.function.reads_bits else span.count
    if len(answer.values) != expected:
        raise InvalidAnswer(f"{len(answer.values)} values instead of {expected}")
    return answer.values[: span.count]
