"""How a measurement is read: which registers of which unit, or which key of which page. Pure."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, assert_never

from inviseobox.devices.links import Link, SerialLink, TcpLink, WebLink
from inviseobox.devices.register_codec import VALUE_CLASSES, ByteOrder, ValueClass
from inviseobox.devices.registers import FunctionCode, Span
from inviseobox.errors import NotUnderstood
from inviseobox.untrusted import MAX_TEXT, shown, whole_number


@dataclass(frozen=True, slots=True)
class RegisterSource:
    """A measurement that is read over Modbus: where its registers are, and what they mean."""

    span: Span
    value_class: ValueClass
    byte_order: ByteOrder


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
            return _register_source(parameters)
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
        case RegisterSource(span, _, byte_order):
            registers = [span.unit, int(span.function), span.address, class_name, byte_order.value]
            parts = [*_way(link), *registers]
        case JsonSource(url, key):
            parts = [url, key]
        case Unusable():
            parts = []
        case _:
            assert_never(source)
    return hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()[:16]


def _register_source(parameters: dict[str, Any]) -> RegisterSource:
    try:
        function = FunctionCode(whole_number(parameters.get("register")) or 0)
    except ValueError:
        raise NotUnderstood(
            f"its register {shown(parameters.get('register'))} is not one of 0x01, 0x02, 0x03 and 0x04"
        ) from None
    unit = whole_number(parameters.get("slave"))
    if unit is None or not 0 <= unit <= 255:
        raise NotUnderstood(f"its slave {shown(parameters.get('slave'))} is not within 0 to 255")
    named = parameters.get("value_class")
    value_class = VALUE_CLASSES.get(named.strip().upper()) if isinstance(named, str) else None
    if value_class is None and not (named is None and function.reads_bits):
        raise NotUnderstood(f"its value_class {shown(named)} is unknown; known are, for example, FLOAT32 and UINT16")
    if value_class is None or function.reads_bits:
        # One bit is 0 or 1, whatever the class is called.
        value_class = VALUE_CLASSES["BOOLEAN"]
    width = 1 if function.reads_bits else value_class.width
    count = whole_number(parameters.get("count", width))
    if count is None or count < width:
        raise NotUnderstood(
            f"its count {shown(parameters.get('count'))} is smaller than {value_class.name} needs, {width}"
        )
    try:
        byte_order = ByteOrder(parameters.get("byte_order", ByteOrder.ABCD))
    except ValueError:
        known = ", ".join(ByteOrder)
        raise NotUnderstood(f"its byte_order {shown(parameters.get('byte_order'))} is not one of {known}") from None
    address = whole_number(parameters.get("address"))
    if address is None or not 0 <= address <= 65_536 - width:
        raise NotUnderstood(f"its address {shown(parameters.get('address'))} is not within 0 to {65_536 - width}")
    return RegisterSource(Span(unit, function, address, width), value_class, byte_order)


def _way(link: Link | None) -> list[object]:
    """Return what tells the way to the registers behind a link from any other."""
    match link:
        case SerialLink():
            return [link.port, link.baudrate, link.bytesize, link.parity, link.stopbits]
        case TcpLink():
            return [link.host, link.port, link.framing.value]
        case WebLink() | None:
            return []
        case _:
            assert_never(link)
