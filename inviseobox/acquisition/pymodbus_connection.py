"""One Modbus connection by pymodbus. The only file that imports it.

Debian's three releases carry three generations of pymodbus (3.0, 3.8, 3.15), which differ in names, in what they do
on faults, and in what they take for an answer. So pymodbus only builds and takes apart the frames here: time limits,
repeats, reconnects, and what is a frame that answers the request are not left to it. Features are looked at, never the
version.
"""

import asyncio
import inspect
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, assert_never

from inviseobox.acquisition.answer_gate import AnswerGate
from inviseobox.acquisition.link_habits import LinkHabits
from inviseobox.devices.links import Framing, SerialLink, TcpLink
from inviseobox.devices.registers import Span
from inviseobox.errors import InvalidAnswer, NoAnswer

# The import of pymodbus.client 3.0 calls logging.basicConfig(), which would print every line twice.
_handlers = logging.root.handlers[:]
import pymodbus.client  # noqa: E402
from pymodbus.exceptions import ConnectionException, ModbusException  # noqa: E402

try:
    from pymodbus.framer import FramerType
except ImportError:
    import serial_asyncio
    from pymodbus.client.base import ModbusClientProtocol
    from pymodbus.framer.rtu_framer import ModbusRtuFramer
    from pymodbus.framer.socket_framer import ModbusSocketFramer

    FramerType = None
logging.root.handlers[:] = _handlers
# pymodbus logs each time-out as an error; what is worth a line is decided elsewhere.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

_UNUSED_LIMIT = 600
"""Seconds; pymodbus wants limits of its own, which must never be reached before the caller's."""
_METHODS = {1: "read_coils", 2: "read_discrete_inputs", 3: "read_holding_registers", 4: "read_input_registers"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, as the device sent it.

    `values` are registers or, padded to multiples of 8, bits; `exception_code` is None for a normal answer.
    """

    unit: int
    function: int
    exception_code: int | None
    values: list[int]


class Connection(Protocol):
    """A connection that is opened once. One request at a time is under way on it."""

    lost: "asyncio.Future[None]"
    """Done when the other side or the port went away."""

    async def open(self) -> None:
        """Open it. Raises OSError, and what else pyserial raises for settings that a port does not take."""

    async def read(self, span: Span) -> Answer:
        """Send one request and wait for its answer, without a limit in time. Raises NoAnswer or InvalidAnswer.

        Run it in a task of its own, for pymodbus 3.15 turns a cancellation into an error.
        """

    def repeat(self) -> None:
        """Send the request under way once more, byte for byte: an answer to either will do."""

    def last_look(self, *, is_last: bool) -> bool:
        """End the read with what came, though it had to be waited whether more comes; return whether that ends it.

        `is_last`: where what came instead of the answer was odd, end it with an InvalidAnswer that says so.
        """

    def close(self) -> None:
        """Drop it."""


def connection_for(link: SerialLink | TcpLink, habits: LinkHabits) -> Connection:
    """Make a connection that is not open yet, over the pymodbus that is installed."""
    return _Pymodbus30(link, habits) if FramerType is None else _Pymodbus38(link, habits)


_T = TypeVar("_T")


def _by_framing(framing: Framing, *, tcp: _T, rtu: _T) -> _T:
    match framing:
        case Framing.TCP:
            return tcp
        case Framing.RTU:
            return rtu
        case _:
            assert_never(framing)


def _line(link: SerialLink) -> dict[str, Any]:
    return {name: getattr(link, name) for name in ("baudrate", "bytesize", "parity", "stopbits")}


async def _answer(request: Callable[[], Awaitable[Any]], gate: AnswerGate, unit_attribute: str) -> Answer:
    try:
        ended = gate.begin()

        def end(asking: "asyncio.Future[Any]") -> None:
            if not asking.cancelled():
                asking.exception()  # asyncio would complain of one that nobody looks at.
            if not ended.done():
                ended.set_result(None)

        # From 3.8 on the call itself raises where the connection is gone already.
        asking = asyncio.ensure_future(request())
        asking.add_done_callback(end)
        try:
            await ended
        finally:
            asking.cancel()
            gate.close()
        response = asking.result()
    except ConnectionException:
        raise NoAnswer("the connection was closed instead of an answer") from None
    except (ModbusException, ValueError):
        raise InvalidAnswer("an answer that is not a valid Modbus frame") from None
    except OSError as error:
        raise NoAnswer(str(error)) from None
    is_error = response.isError()
    function = response.function_code & 0x7F
    values = () if is_error else response.bits if function <= 2 else response.registers
    return Answer(
        unit=getattr(response, unit_attribute),
        function=function,
        exception_code=int(response.exception_code) if is_error else None,
        values=[int(value) for value in values],
    )


class _Pymodbus38:
    """pymodbus from 3.8 on: its client, with its own time limits, repeats and reconnects switched off."""

    def __init__(self, link: SerialLink | TcpLink, habits: LinkHabits) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._link = link
        common: dict[str, Any] = {
            "timeout": _UNUSED_LIMIT,
            "retries": 0,
            "reconnect_delay": 0,
            "trace_packet": self._note_request,
            "trace_connect": self._note_loss,
        }
        self._client: Any
        common["framer"] = _by_framing(link.framing, tcp=FramerType.SOCKET, rtu=FramerType.RTU)
        match link:
            case SerialLink():
                self._client = pymodbus.client.AsyncModbusSerialClient(link.port, **_line(link), **common)
            case TcpLink():
                self._client = pymodbus.client.AsyncModbusTcpClient(link.host, port=link.port, **common)
            case _:
                assert_never(link)
        # It is asked here what is let in: from 3.15 on more than 1024 bytes at once are dropped before they are shown.
        self._gate = AnswerGate(link.framing, habits, self._client.ctx.data_received)
        self._client.ctx.data_received = self._gate.take
        parameters = inspect.signature(self._client.read_coils).parameters
        self._unit = "device_id" if "device_id" in parameters else "slave"

    def _note_request(self, sending: bool, data: bytes) -> bytes:
        if sending:
            self._gate.sent(data)
        return data

    def _note_loss(self, connected: bool) -> None:
        if not connected and not self.lost.done():
            self.lost.set_result(None)

    async def open(self) -> None:
        if not await self._client.connect():
            await self._raise_reason()

    async def _raise_reason(self) -> None:
        """Raise the OSError that pymodbus only logged, by trying what it tried."""
        match self._link:
            case SerialLink(port=port):
                os.close(os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC))
                raise OSError("it is not a serial port, or another program uses it")
            case TcpLink(host=host, port=number):
                _, writer = await asyncio.open_connection(host, number)
                writer.close()
                raise OSError("the connection failed once")
            case _:
                assert_never(self._link)

    async def read(self, span: Span) -> Answer:
        method = getattr(self._client, _METHODS[span.function])
        arguments = {"count": span.count, self._unit: span.unit}
        return await _answer(lambda: method(span.address, **arguments), self._gate, "dev_id")

    def repeat(self) -> None:
        transport = self._client.ctx.transport
        if transport is not None:
            transport.write(self._gate.sent_again())

    def last_look(self, *, is_last: bool) -> bool:
        return self._gate.last_look(is_last=is_last)

    def close(self) -> None:
        self._gate.close()
        self._client.close()


if FramerType is None:

    class _Protocol(ModbusClientProtocol):  # type: ignore[misc]
        """The protocol of 3.0 under its client classes, which redial in a busy loop and cannot be used again."""

        def __init__(self, link: SerialLink | TcpLink, habits: LinkHabits, lost: "asyncio.Future[None]") -> None:
            framer = _by_framing(link.framing, tcp=ModbusSocketFramer, rtu=ModbusRtuFramer)
            super().__init__(framer=framer, timeout=_UNUSED_LIMIT)
            self._lost = lost
            self.gate = AnswerGate(link.framing, habits, super().data_received)

        def write_transport(self, packet: bytes) -> Any:
            if self.transport is None:
                raise ConnectionException("closed before the request")
            self.gate.sent(packet)
            return super().write_transport(packet)

        def data_received(self, data: bytes) -> None:
            self.gate.take(data)

        def connection_lost(self, reason: Any) -> None:
            super().connection_lost(reason)
            if not self._lost.done():
                self._lost.set_result(None)


class _Pymodbus30:
    """pymodbus 3.0: its protocol class over connections that are opened here."""

    def __init__(self, link: SerialLink | TcpLink, habits: LinkHabits) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._link = link
        self._protocol: Any = _Protocol(link, habits, self.lost)
        self._transport: Any = None

    async def open(self) -> None:
        link = self._link
        loop = asyncio.get_running_loop()

        def protocol() -> Any:
            return self._protocol

        match link:
            case SerialLink():
                self._transport, _ = await serial_asyncio.create_serial_connection(
                    loop, protocol, link.port, exclusive=True, **_line(link)
                )
                # It would tell asyncio at length of a port that is pulled out while a request goes out.
                self._transport._fatal_error = lambda error, message: self._transport.abort()  # noqa: SLF001
            case TcpLink():
                self._transport, _ = await loop.create_connection(protocol, link.host, link.port)
            case _:
                assert_never(link)

    async def read(self, span: Span) -> Answer:
        # On RTU an answer is given to the newest of the requests that still wait, also of those that were given up.
        self._protocol.transaction.transactions.clear()
        method = getattr(self._protocol, _METHODS[span.function])
        return await _answer(lambda: method(span.address, span.count, slave=span.unit), self._protocol.gate, "unit_id")

    def repeat(self) -> None:
        if self._protocol.transport is not None:
            self._protocol.transport.write(self._protocol.gate.sent_again())

    def last_look(self, *, is_last: bool) -> bool:
        return bool(self._protocol.gate.last_look(is_last=is_last))

    def close(self) -> None:
        self._protocol.gate.close()
        # A serial one that is closing already, and has nothing left to send, cannot be closed once more.
        line = self._transport
        if line is not None and (not line.is_closing() or line.get_write_buffer_size()):
            line.abort()
