"""One Modbus connection by pymodbus.

Debian's three releases carry three generations of pymodbus (3.0, 3.8, 3.15), which differ in names, in what they do
on faults, and in what they take for an answer. So pymodbus only builds and takes apart the frames here, and opens
serial ports: time limits, repeats, reconnects, and what is a frame that answers the request are not left to it, and its
client classes are not used. Features are looked at, never the version.
"""

import asyncio
import contextlib
import functools
import logging
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, assert_never

from pymodbus.exceptions import ModbusException

from inviseobox.acquisition.answer_gate import AnswerGate
from inviseobox.acquisition.link_habits import LinkHabits
from inviseobox.acquisition.serial_port import open_port
from inviseobox.devices.links import Framing, SerialLink, TcpLink
from inviseobox.devices.registers import Span
from inviseobox.errors import InvalidAnswer, NoAnswer

try:
    from pymodbus.framer import FramerRTU, FramerSocket
except ImportError:
    from pymodbus import bit_read_message as bits
    from pymodbus import register_read_message as registers
    from pymodbus.factory import ClientDecoder
    from pymodbus.framer.rtu_framer import ModbusRtuFramer
    from pymodbus.framer.socket_framer import ModbusSocketFramer

    FramerRTU = FramerSocket = None
else:
    from pymodbus import datastore
    from pymodbus.pdu import DecodePDU
    from pymodbus.pdu import bit_message as bits
    from pymodbus.pdu import register_message as registers

    # 3.8 lays out all registers of a server at import, 2 MB, as what its constructor takes where nothing else is said.
    with contextlib.suppress(AttributeError):
        datastore.ModbusSlaveContext.__init__.__kwdefaults__ = None
# pymodbus logs much that is said elsewhere, if it is worth a line.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

_LAST_NUMBER = 65_000
"""After this transaction number comes 1 again."""
_CLOSED = "the connection was closed instead of an answer"
_REQUESTS = {
    1: bits.ReadCoilsRequest,
    2: bits.ReadDiscreteInputsRequest,
    3: registers.ReadHoldingRegistersRequest,
    4: registers.ReadInputRegistersRequest,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, as the device sent it.

    `values` are registers or, padded to multiples of 8, bits; `exception_code` is None for a normal answer.
    """

    unit: int
    function: int
    exception_code: int | None
    values: list[int]


class _Frames(Protocol):
    def request(self, span: Span, number: int) -> bytes:
        """Return the frame that asks for a span; `number` is that of the transaction, where the framing has one."""

    def answer(self, frame: bytes) -> Answer:
        """Return what a frame holds. Raises InvalidAnswer."""


_T = TypeVar("_T")


def _by_framing(framing: Framing, *, tcp: _T, rtu: _T) -> _T:
    match framing:
        case Framing.TCP:
            return tcp
        case Framing.RTU:
            return rtu
        case _:
            assert_never(framing)


def _answer(response: Any, unit: int) -> Answer:
    is_error = response.isError()
    function = response.function_code & 0x7F
    if is_error:
        return Answer(unit, function, int(response.exception_code), [])
    return Answer(unit, function, None, list(map(int, response.bits)) if function <= 2 else response.registers)


class _Frames30:
    """Frames by pymodbus 3.0."""

    def __init__(self, framing: Framing) -> None:
        framer = _by_framing(framing, tcp=ModbusSocketFramer, rtu=ModbusRtuFramer)
        self._framer = framer(ClientDecoder())

    def request(self, span: Span, number: int) -> bytes:
        message = _REQUESTS[span.function](span.address, span.count, unit=span.unit)
        message.transaction_id = number
        return bytes(self._framer.buildPacket(message))

    def answer(self, frame: bytes) -> Answer:
        found: list[Any] = []
        self._framer.resetFrame()
        try:
            # Unit 0: of any unit.
            self._framer.processIncomingPacket(frame, found.append, unit=0)
        except ModbusException:
            found.clear()
        if not found:
            raise _not_valid()
        return _answer(found[0], found[0].unit_id)


class _Frames38:
    """Frames by pymodbus from 3.8 on."""

    def __init__(self, framing: Framing) -> None:
        self._framer: Any = _by_framing(framing, tcp=FramerSocket, rtu=FramerRTU)(DecodePDU(False))
        self._has_expectations = hasattr(self._framer, "handleFrame")

    def request(self, span: Span, number: int) -> bytes:
        message = _REQUESTS[span.function](
            address=span.address, count=span.count, dev_id=span.unit, transaction_id=number
        )
        return bytes(self._framer.buildFrame(message))

    def answer(self, frame: bytes) -> Answer:
        try:
            # 3.15 wants to know unit and number; 0: any.
            _, response = (
                self._framer.handleFrame(frame, 0, 0)
                if self._has_expectations
                else self._framer.processIncomingFrame(frame)
            )
        except ModbusException:
            response = None
        if response is None:
            raise _not_valid()
        return _answer(response, response.dev_id)


@functools.cache
def _frames(framing: Framing) -> _Frames:
    """Return what makes the frames of all connections; each frame is made, and taken apart, in one go."""
    return (_Frames30 if FramerRTU is None else _Frames38)(framing)


def _not_valid() -> InvalidAnswer:
    return InvalidAnswer("an answer that is not a valid Modbus frame")


class Connection(asyncio.Protocol):
    """A connection that is opened once. One request at a time is under way on it, from `ask` to `end`."""

    def __init__(self, link: SerialLink | TcpLink, habits: LinkHabits) -> None:
        """Prepare a connection to a port or to a numeric address."""
        self.is_lost = False
        """Whether the other side or the port went away."""
        self._link = link
        self._frames = _frames(link.framing)
        self._gate = AnswerGate(link.framing, habits, self._let_in, self._end_with)
        self._transport: Any = None
        self._is_made = False
        self._number = 0
        self._outcome: Answer | NoAnswer | InvalidAnswer | None = None
        self._waiting: asyncio.Future[None] | None = None

    @property
    def heard_at(self) -> float:
        """When something came last, on the loop's clock; 0 where nothing came yet."""
        return self._gate.heard_at

    @property
    def came_before(self) -> bool:
        """Whether the last answer is byte for byte one of just before."""
        return self._gate.came_before

    async def open(self) -> None:
        """Open it. Raises OSError, and what else pyserial raises for settings that a port does not take."""
        match self._link:
            case SerialLink() as link:
                self._transport = await open_port(link, self)
            case TcpLink(host=host, port=number):
                loop = asyncio.get_running_loop()
                self._transport, _ = await loop.create_connection(lambda: self, host, number)
            case _:
                assert_never(self._link)

    def request(self, span: Span) -> bytes:
        """Return the request for a span; it is for one use."""
        self._number = self._number % _LAST_NUMBER + 1
        return self._frames.request(span, self._number)

    def ask(self, request: bytes) -> None:
        """Send a request. Raises NoAnswer where the connection is gone."""
        if self.is_lost:
            raise NoAnswer(_CLOSED)
        self._outcome = None
        self._gate.sent(request)
        self._transport.write(request)

    async def ended(self, within: float) -> bool:
        """Wait at most so many seconds; return whether the request has come to an end, which `answer` tells."""
        if self._outcome is None:
            loop = asyncio.get_running_loop()
            self._waiting = loop.create_future()
            timer = loop.call_later(within, self._wake)
            try:
                await self._waiting
            finally:
                timer.cancel()
                self._waiting = None
        return self._outcome is not None

    def answer(self) -> Answer:
        """Return what came back. Raises NoAnswer where the connection was closed instead, or InvalidAnswer."""
        match self._outcome:
            case Answer() as answer:
                return answer
            case None:
                raise NoAnswer(_CLOSED)
            case error:
                raise error

    def repeat(self) -> None:
        """Send the request under way once more, byte for byte: an answer to either will do."""
        if not self.is_lost:
            self._transport.write(self._gate.sent_again())

    def last_look(self, *, is_last: bool) -> bool:
        """End the request with what came, though it had to be waited whether more comes; return whether that ends it.

        `is_last`: where what came instead of the answer was odd, end it with an InvalidAnswer that says so.
        """
        return self._gate.last_look(is_last=is_last)

    def end(self) -> None:
        """Take no answer any more."""
        self._gate.close()

    def close(self) -> None:
        """Drop it."""
        self._gate.close()
        if self._is_made:
            self._abort()
        elif self._transport is not None:
            # pymodbus's serial one is set up in the loop's next turn, and cannot be closed before.
            asyncio.get_running_loop().call_soon(self._abort)

    def _abort(self) -> None:
        # A serial one that is closing already, and has nothing left to send, cannot be closed once more.
        line = self._transport
        if not line.is_closing() or line.get_write_buffer_size():
            line.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note that it is set up, also for whoever gives its opening up at this very moment (asyncio.Protocol)."""
        self._transport, self._is_made = transport, True

    def data_received(self, data: bytes) -> None:
        """Take what came (asyncio.Protocol)."""
        self._gate.take(data)

    def connection_lost(self, error: Exception | None) -> None:
        """Note the end (asyncio.Protocol)."""
        self.is_lost = True
        self._end_with(NoAnswer(_CLOSED))

    def _let_in(self, frame: bytes) -> None:
        try:
            self._end_with(self._frames.answer(frame))
        except InvalidAnswer as error:
            self._end_with(error)

    def _end_with(self, outcome: Answer | NoAnswer | InvalidAnswer) -> None:
        if self._outcome is None:
            self._outcome = outcome
            self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
