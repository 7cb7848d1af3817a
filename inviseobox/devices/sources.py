"""How a measurement is read: which registers of which unit, or which key of which page. Pure."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

from inviseobox.devices.links import Framing, Link, SerialLink, TcpLink, WebLink
from inviseobox.devices.register_codec import VALUE_CLASSES, ByteOrder, ValueClass, decode_registers, raw_value
from inviseobox.devices.registers import MAX_BITS, MAX_REGISTERS, FunctionCode, Span
from inviseobox.errors import NotUnderstood, UnusableValue
from inviseobox.untrusted import MAX_TEXT, shown, whole_number

MAX_MARKS = 16
"""The most raw values that may stand for "no value" of one measurement."""
_NO_MARKS: frozenset[int] = frozenset()
"""One for all: each empty frozenset takes 216 bytes of its own."""
_NO_VALUE_ADVICE = "check what the meter measures there: its sensor, its wiring, its settings"


@dataclass(frozen=True, slots=True)
class RegisterSource:
    """A measurement that is read over Modbus: where its registers are, and what they mean.

    `span` is what is asked for; the value stands at its beginning. `invalid` are the raw values with which the meter
    says that it has no value: the bits in the right order, unsigned.
    """

    span: Span
    value_class: ValueClass
    byte_order: ByteOrder
    invalid: frozenset[int] = frozenset()

    @property
    def least(self) -> Span:
        """The addresses that the value itself takes: less than them cannot be asked for."""
        return replace(self.span, count=self.value_class.width)

    def value(self, registers: Sequence[int]) -> float:
        """Make the value of registers that begin with those of `least`.

        Raises UnusableValue where they hold none, or a mark that the device list calls invalid.
        """
        if self.invalid:
            raw = self._raw(registers)
            if raw in self.invalid or raw & (1 << self._bits) - 1 in self.invalid:
                raise UnusableValue(f"it says {self._shown(raw)}, the meter's mark for no value", _NO_VALUE_ADVICE)
        return decode_registers(registers, self.value_class, self.byte_order)

    def likely_mark(self, registers: Sequence[int]) -> str | None:
        """Return the raw value of the same registers, as in 0x8000, where many meters say with it that they have none.

        It stays a value: nothing but the device list can tell.
        """
        if self.span.function.reads_bits or not self.value_class.usual_marks:
            return None
        raw = self._raw(registers)
        return self._shown(raw) if raw in self.value_class.usual_marks else None

    def _raw(self, registers: Sequence[int]) -> int:
        if self.span.function.reads_bits:
            return registers[0]
        return raw_value(registers, self.value_class, self.byte_order)

    @property
    def _bits(self) -> int:
        return 1 if self.span.function.reads_bits else self.value_class.bits

    def _shown(self, raw: int) -> str:
        digits = 1 if self.span.function.reads_bits else 4 * self.value_class.width
        return f"0x{raw:0{digits}X}"


@dataclass(frozen=True, slots=True)
class JsonSource:
    """A measurement that is read from a page: the page's URL and the key of the value in its JSON."""

    url: str = field(repr=False)
    key: str


@dataclass(frozen=True, slots=True)
class Unusable:
    """A measurement that cannot be read as it is described; `reason` says why, for a person."""

    reason: str


Source = RegisterSource | JsonSource | Unusable


def read_source(parameters: object, link: Link) -> Source:
    """Read how a measurement on `link` is read from the `parameters` of its entry. Raises NotUnderstood."""
    if not isinstance(parameters, dict):
        raise NotUnderstood("it has no parameters")
    match link:
        case WebLink():
            key = parameters.get("key")
            if not isinstance(key, str) or not 1 <= len(key) <= MAX_TEXT:
                raise NotUnderstood(f"its parameters name no key, a text of 1 to {MAX_TEXT} characters")
            return JsonSource(link.url, key)
        case SerialLink() | TcpLink():
            return _register_source(parameters, link)
        case _:
            assert_never(link)


def fingerprint(link: Link | None, source: Source) -> str:
    """Tell this way of reading from any other. Stored beside baselines, so its recipe must stay as it is for ever."""
    return _fingerprint(link, source, source.value_class.name if isinstance(source, RegisterSource) else "")


def synonyms(link: Link | None, source: Source) -> tuple[str, ...]:
    """Return the fingerprints of the same way under other names of its value class, under which baselines may lie."""
    if not isinstance(source, RegisterSource):
        return ()
    return tuple(_fingerprint(link, source, name) for name in source.value_class.synonyms)


def _fingerprint(link: Link | None, source: Source, class_name: str) -> str:
    match source:
        case RegisterSource(span, _, byte_order, _):
            registers = [span.unit, int(span.function), span.address, class_name, byte_order.value]
            parts = [*_way(link), *registers]
        case JsonSource(url, key):
            parts = [url, key]
        case Unusable():
            parts = []
        case _:
            assert_never(source)
    return hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()[:16]


def _register_source(parameters: dict[str, Any], link: SerialLink | TcpLink) -> RegisterSource:
    try:
        function = FunctionCode(whole_number(parameters.get("register")) or 0)
    except ValueError:
        raise NotUnderstood(
            f"its register {shown(parameters.get('register'))} is not one of 0x01, 0x02, 0x03 and 0x04"
        ) from None
    unit = _unit(parameters, link)
    value_class = _value_class(parameters, function)
    count = _count(parameters, function, value_class)
    try:
        byte_order = ByteOrder(parameters.get("byte_order", ByteOrder.ABCD))
    except ValueError:
        known = ", ".join(ByteOrder)
        raise NotUnderstood(f"its byte_order {shown(parameters.get('byte_order'))} is not one of {known}") from None
    address = whole_number(parameters.get("address"))
    last = 65_536 - value_class.width
    if address is None or not 0 <= address <= last:
        raise NotUnderstood(f"its address {shown(parameters.get('address'))} is not within 0 to {last}")
    if address + count > 65_536:
        raise NotUnderstood(
            f"its address {address} and its count {shown(parameters.get('count'))} reach beyond 65,535, the last one"
        )
    bits = 1 if function.reads_bits else value_class.bits
    room = 1 if function.reads_bits else 16 * value_class.width
    invalid = _invalid(parameters.get("invalid"), value_class.name, bits, room)
    return RegisterSource(Span(unit, function, address, count), value_class, byte_order, invalid)


def _unit(parameters: dict[str, Any], link: SerialLink | TcpLink) -> int:
    unit = whole_number(parameters.get("slave"))
    if unit is None or not 0 <= unit <= 255:
        raise NotUnderstood(f"its slave {shown(parameters.get('slave'))} is not within 0 to 255")
    if unit == 0 and link.framing is Framing.RTU:
        # MODBUS over Serial Line V1.02, section 2.1. Over Modbus/TCP 0 may be the gateway itself.
        raise NotUnderstood("its slave 0 is the broadcast of a serial line, which nobody answers; right is 1 to 247")
    return unit


def _value_class(parameters: dict[str, Any], function: FunctionCode) -> ValueClass:
    named = parameters.get("value_class")
    value_class = VALUE_CLASSES.get(named.strip().upper()) if isinstance(named, str) else None
    if value_class is None and not (named is None and function.reads_bits):
        raise NotUnderstood(f"its value_class {shown(named)} is unknown; known are, for example, FLOAT32 and UINT16")
    if value_class is None or function.reads_bits:
        # One bit is 0 or 1, whatever the class is called.
        return VALUE_CLASSES["BOOLEAN"]
    return value_class


def _count(parameters: dict[str, Any], function: FunctionCode, value_class: ValueClass) -> int:
    """Read how many registers or bits are asked for: some devices refuse to be asked for fewer than a block."""
    told = parameters.get("count")
    count = value_class.width if told is None else whole_number(told)
    if count is None or count < value_class.width:
        raise NotUnderstood(f"its count {shown(told)} is smaller than {value_class.name} needs, {value_class.width}")
    most, what = (MAX_BITS, "bits") if function.reads_bits else (MAX_REGISTERS, "registers")
    if count > most:
        raise NotUnderstood(f"its count {shown(told)} is more than one request can ask for, {most:,} {what}")
    return count


def _invalid(told: object, class_name: str, bits: int, room: int) -> frozenset[int]:
    """Read the marks for "no value" of a class of so many `bits`, in registers that have `room` for so many."""
    if told is None:
        return _NO_MARKS
    least, most = -(1 << bits - 1), (1 << room) - 1
    marks = [whole_number(one) for one in told] if isinstance(told, list) and len(told) <= MAX_MARKS else [None]
    known = [mark for mark in marks if mark is not None and least <= mark <= most]
    if len(known) < len(marks):
        raise NotUnderstood(
            f"its invalid {shown(told)} is not a list of at most {MAX_MARKS} raw values of {class_name}, {least} to "
            f'{most}, those beyond 2^53 as text, as in ["0x{(1 << bits) - 1:X}", -1]'
        )
    return frozenset(mark if mark >= 0 else mark + (1 << bits) for mark in known)


def _way(link: Link | None) -> list[object]:
    """Return what tells the way to the registers behind a link from any other."""
    match link:
        case SerialLink():
            return [link.written or link.port, link.baudrate, link.bytesize, link.parity, link.stopbits]
        case TcpLink():
            return [link.host, link.port, link.framing.value]
        case WebLink() | None:
            return []
        case _:
            assert_never(link)
