"""Readings as bytes: those of one commit together, a few bytes each. Pure.

The keys of their series and their values stand in two columns, in the order in which they were read. The first bytes of
all numbers come before the second ones, and so on: bytes that are alike stand together, which is what zlib needs.
"""

import struct
import zlib
from array import array
from collections.abc import Mapping, Set
from typing import Any

MOST_READINGS = 32_768
"""Readings that are packed together at most: a small fraction of a second of work."""

_HEAD = struct.Struct("<II")
"""The CRC-32 of what follows it, and the number of readings."""
_LEVEL = 1
_KEY, _VALUE = 8, 8

# A row is as long as a whole number of pages, less what stands beside the readings: it is then alone on its pages, and
# the next one that takes its place changes those alone ("Database File Format", section 1.6, at sqlite.org, for pages
# of 4096 bytes).
_PAGE = 4092
_FIRST_PAGE = 3933

Readings = tuple["array[int]", "array[float]"]
"""Keys of series, and values."""


class Unreadable(ValueError):
    """What should be packed readings is something else."""


def about(number: object, interval: object, boot: object, uptime: object) -> str:
    """Return what is told of a row when its readings are packed, and when they are unpacked."""
    return f"{number} {interval} {boot} {uptime!r}"


def pack(keys: "array[int]", values: "array[float]", told: str) -> bytes:
    """Pack as many values as keys, at most MOST_READINGS; `told` must be told again when they are unpacked."""
    numbers = zlib.compress(b"".join((*_planes(keys.tobytes(), _KEY), *_planes(values.tobytes(), _VALUE))), _LEVEL)
    content = _HEAD.pack(_sum(len(keys), numbers, told), len(keys)) + numbers
    more = max(0, -(-(len(content) - _FIRST_PAGE) // _PAGE))
    return content.ljust(_FIRST_PAGE + more * _PAGE, b"\0")


def unpack(packed: object, told: str) -> Readings:
    """Return what was packed. Raises Unreadable for anything else, in little time and memory whatever it is."""
    if not isinstance(packed, bytes) or len(packed) < _HEAD.size:
        raise Unreadable("too short")
    known, count = _HEAD.unpack_from(packed)
    if count > MOST_READINGS:
        raise Unreadable(f"{count} readings")
    size = count * (_KEY + _VALUE)
    inflating = zlib.decompressobj()
    try:
        # The end of the stream is seen only where there is room for one byte more.
        planes = inflating.decompress(memoryview(packed)[_HEAD.size :], size + 1)
    except zlib.error as error:
        raise Unreadable(str(error)) from None
    numbers = memoryview(packed)[_HEAD.size : len(packed) - len(inflating.unused_data)]
    if len(planes) != size or not inflating.eof or _sum(count, numbers, told) != known:
        raise Unreadable("not what was packed")
    keys: array[int] = array("q")
    keys.frombytes(_whole(planes, 0, count, _KEY))
    values: array[float] = array("d")
    values.frombytes(_whole(planes, count * _KEY, count, _VALUE))
    return keys, values


def unpacked(number: object, interval: object, boot: object, uptime: object, packed: object) -> Readings:
    """Return the readings of a row. Raises Unreadable for one that holds something else."""
    return unpack(packed, about(number, interval, boot, uptime))


def repacked(row: Mapping[str, Any], series: Set[int]) -> tuple[bytes, int]:
    """Return the readings of these series in a row, and their number. Raises Unreadable."""
    facts = row["number"], row["interval"], row["boot"], row["uptime"]
    keys, values = unpacked(*facts, row["packed"])
    if not all(key in series for key in keys):
        kept = [(key, value) for key, value in zip(keys, values, strict=True) if key in series]
        keys, values = array("q", [key for key, _ in kept]), array("d", [value for _, value in kept])
        return pack(keys, values, about(*facts)), len(keys)
    return row["packed"], len(keys)


def _sum(count: int, numbers: bytes | memoryview, told: str) -> int:
    return zlib.crc32(numbers, zlib.crc32(f"{count} {told}".encode("utf-8", "replace")))


def _planes(whole: bytes, size: int) -> list[bytes]:
    return [whole[place::size] for place in range(size)]


def _whole(planes: bytes, start: int, count: int, size: int) -> bytearray:
    whole = bytearray(count * size)
    for place in range(size):
        whole[place::size] = planes[start + place * count : start + (place + 1) * count]
    return whole
