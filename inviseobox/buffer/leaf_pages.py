"""Rows of readings found page by page, where the pages are damaged that tell where they lie.

Formats: "Database File Format", sections 1.6 (pages), 2.1 (records) and 4 (write-ahead log), at sqlite.org.
"""

import os
import struct
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

from inviseobox.buffer.schema import COLUMNS

_PAGE = 4096
_LEAF = 0x0D
_LOG_HEADER, _FRAME_HEADER = 32, 24
_MOST_LOCAL = _PAGE - 35
_LEAST_LOCAL = (_PAGE - 12) * 32 // 255 - 23
_MOST_CELLS = 2
_MOST_BYTES = 2**20
"""No row is longer."""
_COLUMNS = COLUMNS["reading"]
_REALS = ("uptime", "now")
_SIZES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 7: 8}
"""Bytes of a number, by its serial type: integers, and a double."""
_DOUBLE = 7

_Damage = (IndexError, ValueError, struct.error)


def scattered_rows(path: str) -> Iterator[dict[str, Any]]:
    """Yield whatever looks like a row of the table `reading` in the file at `path` and its write-ahead log.

    It may be damaged, or no longer in use. Raises OSError.
    """
    with ExitStack() as stack:
        pages = _Pages(stack, path)
        for number in pages.numbers():
            with suppress(*_Damage):
                page = pages.page(number)
                for cell in _cells(page):
                    with suppress(*_Damage):
                        yield _row(pages, page, cell)


class _Pages:
    """The pages of a file as they are with its write-ahead log, of which the last frame of a page counts."""

    def __init__(self, stack: ExitStack, path: str) -> None:
        self._file, self._size = _opened(stack, path)
        self._log, size = _opened(stack, path + "-wal")
        self._frames: dict[int, int] = {}
        place = _LOG_HEADER
        with suppress(IndexError):
            salts = _read(self._log, 16, 8)
            while place + _FRAME_HEADER + _PAGE <= size:
                frame = _read(self._log, place, _FRAME_HEADER)
                if frame[8:16] != salts:
                    break
                self._frames[int.from_bytes(frame[:4], "big")] = place + _FRAME_HEADER
                place += _FRAME_HEADER + _PAGE

    def numbers(self) -> list[int]:
        """Return the numbers of all pages."""
        return sorted({*range(1, self._size // _PAGE + 1), *self._frames})

    def page(self, number: int) -> bytes:
        """Return a page. Raises IndexError where there is none, or where it cannot be read."""
        if number in self._frames:
            return _read(self._log, self._frames[number], _PAGE)
        if number < 1:
            raise IndexError(number)
        return _read(self._file, (number - 1) * _PAGE, _PAGE)


def _opened(stack: ExitStack, path: str) -> tuple[int, int]:
    """Open a file; return its descriptor and size, where there is none -1 and 0."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return -1, 0
    stack.callback(os.close, file)
    return file, os.fstat(file).st_size


def _read(file: int, place: int, size: int) -> bytes:
    # Not by mapping it into memory: a bad sector would end the process.
    try:
        found = os.pread(file, size, place)
    except OSError as error:
        raise IndexError(place) from error
    if len(found) < size:
        raise IndexError(place)
    return found


def _cells(page: bytes) -> Iterator[int]:
    """Yield where the cells of a leaf begin; none where there are many, for rows of readings are alone on it."""
    count = int.from_bytes(page[3:5], "big")
    if page[0] == _LEAF and count <= _MOST_CELLS:
        yield from struct.unpack_from(f">{count}H", page, 8)


def _row(pages: _Pages, page: bytes, cell: int) -> dict[str, Any]:
    """Return the row in a cell. Raises one of _Damage."""
    size, place = _varint(page, cell)
    row_id, place = _varint(page, place)
    if size > _MOST_BYTES:
        raise ValueError("too long")
    local = size
    if size > _MOST_LOCAL:
        local = _LEAST_LOCAL + (size - _LEAST_LOCAL) % (_PAGE - 4)
        local = local if local <= _MOST_LOCAL else _LEAST_LOCAL
    payload = page[place : place + local]
    following = page[place + local : place + local + 4]
    while len(payload) < size:
        more = pages.page(int.from_bytes(following, "big"))
        payload += more[4 : 4 + size - len(payload)]
        following = more[:4]
    row: dict[str, Any] = dict(zip(_COLUMNS, _values(payload), strict=True)) | {"id": row_id}
    # A whole number is kept as an integer, whatever the column.
    return row | {name: float(row[name]) for name in _REALS if isinstance(row[name], int)}


def _values(record: bytes) -> Iterator[object]:
    """Yield the values of a record. Raises one of _Damage."""
    end, place = _varint(record, 0)
    content = end
    while place < end:
        kind, place = _varint(record, place)
        size = _SIZES[kind] if kind in _SIZES else max(0, kind - 12) // 2
        found = record[content : content + size]
        content += size
        if len(found) < size:
            raise IndexError(content)
        if kind == _DOUBLE:
            yield struct.unpack(">d", found)[0]
        elif kind in _SIZES:
            yield int.from_bytes(found, "big", signed=True)
        elif kind < 12:
            yield {8: 0, 9: 1}.get(kind)
        else:
            yield found.decode() if kind % 2 else found


def _varint(page: bytes, place: int) -> tuple[int, int]:
    """Return a number of one to nine bytes, and where it ends. Raises IndexError."""
    value = 0
    for read in range(8):
        byte = page[place + read]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + read + 1
    return value << 8 | page[place + 8], place + 9
