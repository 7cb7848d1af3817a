"""How instruments put numbers into registers: struct formats and the four byte orders of the Inviseo API.

The names of the byte orders give each wire byte's significance: `3-2-1-0` is ABCD, `1-0-3-2` CDAB,
`2-3-0-1` BADC and `0-1-2-3` DCBA; wider values extend the rule.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

_FORMATS = {
    "FLOAT32": ">f",
    "FLOAT64": ">d",
    "INT16": ">h",
    "UINT16": ">H",
    "INT32": ">i",
    "UINT32": ">I",
    "INT64": ">q",
    "UINT64": ">Q",
}
_SWAPS_WORDS = {"3-2-1-0": False, "1-0-3-2": True, "2-3-0-1": False, "0-1-2-3": True}
_SWAPS_BYTES = {"3-2-1-0": False, "1-0-3-2": False, "2-3-0-1": True, "0-1-2-3": True}


@dataclass(frozen=True, slots=True)
class Encoding:
    """A value class and a byte order, by the names that the device list uses."""

    value_class: str = "FLOAT32"
    byte_order: str = "3-2-1-0"

    @property
    def width(self) -> int:
        """How many registers a value takes."""
        return struct.calcsize(_FORMATS[self.value_class]) // 2

    def words(self, value: float) -> list[int]:
        """The registers that hold `value`. Raises struct.error or OverflowError if it does not fit."""
        form = _FORMATS[self.value_class]
        packed = struct.pack(form, value if form in (">f", ">d") else round(value))
        return self._arranged([int.from_bytes(packed[at : at + 2], "big") for at in range(0, len(packed), 2)])

    def value(self, words: Sequence[int]) -> float:
        """The double that `words` stand for."""
        packed = b"".join(word.to_bytes(2, "big") for word in self._arranged(words))
        return float(struct.unpack(_FORMATS[self.value_class], packed)[0])

    def _arranged(self, words: Sequence[int]) -> list[int]:
        # Each of the four orders is its own inverse, so this serves both ways.
        swapped = [(word & 0xFF) << 8 | word >> 8 if _SWAPS_BYTES[self.byte_order] else word for word in words]
        return swapped[::-1] if _SWAPS_WORDS[self.byte_order] else swapped
