"""From registers to numbers: value classes and byte orders. Pure.

The names are PyScada's, and so is their meaning: a byte order names the significance of each byte as it comes over
the wire, so `3-2-1-0` is the big-endian order of the MODBUS Application Protocol V1.1b3, section 4.2.
"""

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from inviseobox.errors import UnusableValue


class ByteOrder(StrEnum):
    """The four orders in which devices send the bytes A B C D of a 32-bit value, A being the most significant."""

    ABCD = "3-2-1-0"
    CDAB = "1-0-3-2"
    BADC = "2-3-0-1"
    DCBA = "0-1-2-3"

    @property
    def words_reversed(self) -> bool:
        """Whether the register with the lowest address holds the least significant word."""
        return self in (ByteOrder.CDAB, ByteOrder.DCBA)

    @property
    def bytes_swapped(self) -> bool:
        """Whether each register holds its less significant byte first."""
        return self in (ByteOrder.BADC, ByteOrder.DCBA)


@dataclass(frozen=True, slots=True)
class ValueClass:
    """How `width` registers, once their bytes stand in big-endian order, become a number.

    `name` is the same for all names of one class; `synonyms` are the others. `bits` are those that it takes, the least
    significant ones of its registers.
    """

    name: str
    width: int
    decode: Callable[[bytes], float]
    synonyms: tuple[str, ...] = ()

    @property
    def bits(self) -> int:
        """The number of bits of which a value is made."""
        return _NARROW.get(self.name, 16 * self.width)

    @property
    def usual_marks(self) -> tuple[int, ...]:
        """The raw values with which meters of this class usually say that they have no value.

        All ones of unsigned integers, the least and the greatest of signed ones (SunSpec Information Model
        Specification, "Not Implemented" values; the greatest is what PLCs put for a broken wire), and the greatest
        floats. None of a byte or a bit, nor of packed digits: there each value is as likely as another.
        """
        ones, top = (1 << self.bits) - 1, 1 << (self.bits - 1)
        match self.name:
            case "UINT16" | "UINT32" | "UINT48" | "UINT64":
                return (ones,)
            case "INT16" | "INT32" | "INT48" | "INT64":
                return (top, top - 1)
            case "FLOAT32":
                return (0x7F7FFFFF, 0xFF7FFFFF)
            case "FLOAT64":
                return (0x7FEFFFFFFFFFFFFF, 0xFFEFFFFFFFFFFFFF)
        return ()


_NARROW = {"INT8": 8, "UINT8": 8, "BCD24": 24}
"""The bits of classes that leave some of their registers' out."""


def _unpack(layout: str) -> Callable[[bytes], float]:
    return lambda data: float(struct.unpack(layout, data)[0])


def _integer(signed: bool) -> Callable[[bytes], float]:
    return lambda data: float(int.from_bytes(data, "big", signed=signed))


def _low_byte(signed: bool) -> Callable[[bytes], float]:
    return lambda data: float(int.from_bytes(data[-1:], "big", signed=signed))


def _packed_decimal(digits: int) -> Callable[[bytes], float]:
    def decode(data: bytes) -> float:
        text = data.hex()[-digits:]
        if not text.isdecimal():
            raise UnusableValue(f"not packed decimal digits: 0x{text}")
        return float(text)

    return decode


def _truth(data: bytes) -> float:
    return float(any(data))


_CLASSES = {
    ("FLOAT32", "SINGLE", "REAL", "UNIXTIMEF32"): (2, _unpack(">f")),
    ("FLOAT64", "DOUBLE", "FLOAT", "LREAL", "UNIXTIMEF64"): (4, _unpack(">d")),
    ("INT16", "INT"): (1, _integer(signed=True)),
    ("UINT16", "UINT", "WORD"): (1, _integer(signed=False)),
    ("INT32",): (2, _integer(signed=True)),
    ("UINT32", "DWORD", "UNIXTIMEI32"): (2, _integer(signed=False)),
    ("INT48",): (3, _integer(signed=True)),
    ("UINT48",): (3, _integer(signed=False)),
    ("INT64", "UNIXTIMEI64"): (4, _integer(signed=True)),
    ("UINT64",): (4, _integer(signed=False)),
    ("INT8",): (1, _low_byte(signed=True)),
    ("UINT8", "BYTE"): (1, _low_byte(signed=False)),
    ("BCD16",): (1, _packed_decimal(4)),
    ("BCD24",): (2, _packed_decimal(6)),
    ("BCD32",): (2, _packed_decimal(8)),
    ("BOOLEAN", "BOOL"): (1, _truth),
}

VALUE_CLASSES = {
    name: ValueClass(names[0], width, decode, names[1:])
    for names, (width, decode) in _CLASSES.items()
    for name in names
}
"""All classes by upper-case name."""


def decode_registers(registers: Sequence[int], value_class: ValueClass, byte_order: ByteOrder) -> float:
    """Turn the registers of a measurement, lowest address first, into its value; those beyond its width are left out.

    Raises UnusableValue for NaN, infinities and nibbles that are not digits. Integers beyond 2**53 become the nearest
    double.
    """
    value = value_class.decode(_in_order(registers, value_class, byte_order))
    if not math.isfinite(value):
        raise UnusableValue(f"the device sent {value} ({value_class.name})")
    return value


def raw_value(registers: Sequence[int], value_class: ValueClass, byte_order: ByteOrder) -> int:
    """Return the bits of the same registers in the right order, as an unsigned number."""
    return int.from_bytes(_in_order(registers, value_class, byte_order), "big")


def _in_order(registers: Sequence[int], value_class: ValueClass, byte_order: ByteOrder) -> bytes:
    words = registers[: value_class.width]
    if byte_order.words_reversed:
        words = words[::-1]
    return b"".join(word.to_bytes(2, "little" if byte_order.bytes_swapped else "big") for word in words)
