"""How instruments put numbers into registers: the value classes and the four byte orders of the Inviseo API.

The names of the byte orders give each wire byte's significance: `3-2-1-0` is ABCD, `1-0-3-2` CDAB,
`2-3-0-1` BADC and `0-1-2-3` DCBA; wider values extend the rule.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_SWAPS_WORDS = {"3-2-1-0": False, "1-0-3-2": True, "2-3-0-1": False, "0-1-2-3": True}
_SWAPS_BYTES = {"3-2-1-0": False, "1-0-3-2": False, "2-3-0-1": True, "0-1-2-3": True}

BYTE_ORDERS = tuple(_SWAPS_WORDS)

# What a device keeps in the other half of a register whose low byte is the value is its own affair.
_OTHER_HALF = b"\xa5"


@dataclass(frozen=True, slots=True)
class _Form:
    """A number as the bytes of its registers, most significant first."""

    registers: int
    pack: Callable[[float], bytes]
    unpack: Callable[[bytes], float]


def _ieee_754(layout: str) -> _Form:
    width = struct.calcsize(layout) // 2
    return _Form(width, lambda value: struct.pack(layout, value), lambda data: float(struct.unpack(layout, data)[0]))


def _integer(registers: int, *, signed: bool) -> _Form:
    return _Form(
        registers,
        lambda value: round(value).to_bytes(2 * registers, "big", signed=signed),
        lambda data: float(int.from_bytes(data, "big", signed=signed)),
    )


def _low_byte(*, signed: bool) -> _Form:
    return _Form(
        1,
        lambda value: _OTHER_HALF + round(value).to_bytes(1, "big", signed=signed),
        lambda data: float(int.from_bytes(data[1:], "big", signed=signed)),
    )


def _packed_decimal(digits: int) -> _Form:
    registers = (digits + 3) // 4

    def pack(value: float) -> bytes:
        if not 0 <= round(value) < 10**digits:
            raise OverflowError(f"{value} has no {digits} decimal digits")
        return bytes.fromhex(f"{round(value):0{4 * registers}d}")

    return _Form(registers, pack, lambda data: float(int(data.hex())))


_TRUTH = _Form(1, lambda value: bytes((0, int(bool(value)))), lambda data: float(any(data)))

_FORMS: dict[str, _Form] = {
    **dict.fromkeys(("FLOAT32", "SINGLE", "REAL", "UNIXTIMEF32"), _ieee_754(">f")),
    **dict.fromkeys(("FLOAT64", "DOUBLE", "FLOAT", "LREAL", "UNIXTIMEF64"), _ieee_754(">d")),
    **dict.fromkeys(("INT16", "INT"), _integer(1, signed=True)),
    **dict.fromkeys(("UINT16", "UINT", "WORD"), _integer(1, signed=False)),
    **dict.fromkeys(("INT32",), _integer(2, signed=True)),
    **dict.fromkeys(("UINT32", "DWORD", "UNIXTIMEI32"), _integer(2, signed=False)),
    **dict.fromkeys(("INT48",), _integer(3, signed=True)),
    **dict.fromkeys(("UINT48",), _integer(3, signed=False)),
    **dict.fromkeys(("INT64", "UNIXTIMEI64"), _integer(4, signed=True)),
    **dict.fromkeys(("UINT64",), _integer(4, signed=False)),
    **dict.fromkeys(("INT8",), _low_byte(signed=True)),
    **dict.fromkeys(("UINT8", "BYTE"), _low_byte(signed=False)),
    "BCD16": _packed_decimal(4),
    "BCD24": _packed_decimal(6),
    "BCD32": _packed_decimal(8),
    **dict.fromkeys(("BOOLEAN", "BOOL"), _TRUTH),
}

VALUE_CLASSES = tuple(_FORMS)


@dataclass(frozen=True, slots=True)
class Encoding:
    """A value class and a byte order, by the names that the device list uses."""

    value_class: str = "FLOAT32"
    byte_order: str = "3-2-1-0"

    @property
    def width(self) -> int:
        """How many registers a value takes."""
        return _FORMS[self.value_class].registers

    def words(self, value: float) -> list[int]:
        """Return the registers that hold `value`. Raises OverflowError if it does not fit."""
        packed = _FORMS[self.value_class].pack(value)
        return self._arranged([int.from_bytes(packed[at : at + 2], "big") for at in range(0, len(packed), 2)])

    def value(self, words: Sequence[int]) -> float:
        """Return the double that `words` stand for. Raises ValueError for BCD digits above 9."""
        return _FORMS[self.value_class].unpack(b"".join(word.to_bytes(2, "big") for word in self._arranged(words)))

    def _arranged(self, words: Sequence[int]) -> list[int]:
        # Each of the four orders is its own inverse, so this serves both ways.
        swapped = [(word & 0xFF) << 8 | word >> 8 if _SWAPS_BYTES[self.byte_order] else word for word in words]
        return swapped[::-1] if _SWAPS_WORDS[self.byte_order] else swapped
