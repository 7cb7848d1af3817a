"""From the registers of one answer to the values of all measurements in it, in one go. Pure.

What `RegisterSource.value` does for one of them, struct does for most of them at once: the orders of bytes are the two
of struct, on the registers as they came or with the two bytes of each swapped.
"""

import math
import struct
from array import array
from collections.abc import Iterator, Sequence
from functools import cache

from inviseobox.devices.register_codec import ByteOrder, ValueClass
from inviseobox.devices.sources import RegisterSource
from inviseobox.errors import UnusableValue
from inviseobox.records import FAILED

_LAYOUTS = {
    "FLOAT32": "f",
    "FLOAT64": "d",
    "INT16": "h",
    "UINT16": "H",
    "INT32": "i",
    "UINT32": "I",
    "INT64": "q",
    "UINT64": "Q",
}
"""The classes that struct knows, with its letters for them."""
_ENDS = {ByteOrder.ABCD: ">", ByteOrder.DCBA: "<", ByteOrder.BADC: ">", ByteOrder.CDAB: "<"}
_SWAPPED = (ByteOrder.BADC, ByteOrder.CDAB)


class AnswerDecoder:
    """Makes the values of `sources`, all of one unit and function, out of the registers from the address `start` on."""

    def __init__(self, start: int, sources: Sequence[RegisterSource]) -> None:
        """Prepare for answers to one request."""
        self._sources = sources
        self._starts = [source.span.address - start for source in sources]
        self._ends = [source.span.end - start for source in sources]
        self._groups: list[tuple[bool, struct.Struct, list[int]]] = []
        in_one_go: set[int] = set()
        for order in ByteOrder:
            places, layout = self._layout(order)
            if places:
                self._groups.append((order in _SWAPPED, struct.Struct(_ENDS[order] + layout), places))
                in_one_go.update(places)
        self._by_themselves = [place for place in range(len(sources)) if place not in in_one_go]
        self._marked = [(place, marks) for place in in_one_go if (marks := _marks(sources[place].value_class))]

    def _layout(self, order: ByteOrder) -> tuple[list[int], str]:
        """Return which sources of this order one pass can take, in order of address, and how they lie."""
        places: list[int] = []
        layout, end = "", 0
        for place in sorted(range(len(self._sources)), key=self._starts.__getitem__):
            source, start = self._sources[place], self._starts[place]
            letter = _LAYOUTS.get(source.value_class.name)
            if letter is None or source.byte_order is not order or start < end:
                continue
            if source.span.function.reads_bits or source.invalid:
                continue
            layout += f"{2 * (start - end)}x{letter}"
            end = start + source.value_class.width
            places.append(place)
        return places, layout

    def values(self, registers: Sequence[int]) -> "tuple[array[float], dict[int, UnusableValue]]":
        """Return the value of each source, FAILED where it has none, and by their places why these have none."""
        found: list[float] = [FAILED] * len(self._sources)
        for is_swapped, layout, places in self._groups:
            data = struct.pack(f"{'<' if is_swapped else '>'}{len(registers)}H", *registers)
            for place, value in zip(places, layout.unpack_from(data), strict=True):
                found[place] = value
        problems: dict[int, UnusableValue] = {}
        if self._by_themselves or not all(map(math.isfinite, found)):
            for place, value in enumerate(found):
                if not math.isfinite(value):
                    try:
                        found[place] = self._by_itself(place, registers)
                    except UnusableValue as error:
                        found[place], problems[place] = FAILED, error
        return array("d", found), problems

    def likely_marks(self, registers: Sequence[int], values: Sequence[float]) -> Iterator[tuple[int, str]]:
        """Yield the places of sources whose value many meters send when they have none, each with its raw value."""
        likely = [place for place, marks in self._marked if values[place] in marks]
        for place in [*likely, *self._by_themselves]:
            raw = self._sources[place].likely_mark(registers[self._starts[place] : self._ends[place]])
            if raw is not None and math.isfinite(values[place]):
                yield place, raw

    def _by_itself(self, place: int, registers: Sequence[int]) -> float:
        return self._sources[place].value(registers[self._starts[place] : self._ends[place]])


@cache
def _marks(value_class: ValueClass) -> frozenset[float]:
    """Return the values that the usual marks of a class become; beyond 2**53 some others become the same."""
    size = 2 * value_class.width
    return frozenset(value_class.decode(raw.to_bytes(size, "big")) for raw in value_class.usual_marks)
