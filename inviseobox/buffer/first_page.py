"""A copy of the file's first page, without which nothing else in a damaged file could be found.

The first page holds the file's header and tells where each table begins. It changes with the tables only, apart from
counters in the header ("Database File Format", sections 1.3 and 2.6, at sqlite.org).
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

_COPY = ".first-page"
_READABLE = ".readable"
_HEADER = 100
_COUNTERS = (slice(24, 40), slice(92, 96))
"""Places in the header: number of changes, size in pages, list of free pages; the change that the size is valid for."""


def remember(path: str) -> None:
    """Keep a copy of the first page of the undamaged file at `path` beside it, where there is none that fits.

    No connection of this process may be open on the file: closing any file descriptor of it would take away the locks
    that SQLite holds ("How To Corrupt An SQLite Database File", section 2.2, at sqlite.org). Raises OSError.
    """
    page = _first(path, _page_size(path))
    if page and not _fits(page, _copy_of(path)):
        unfinished = Path(path + _COPY + ".new")
        unfinished.write_bytes(page)
        unfinished.replace(path + _COPY)


def is_lost(path: str) -> bool:
    """Whether there was a file at `path` of which nothing is left but what is beside it. Raises OSError."""
    try:
        return Path(path).stat().st_size == 0 and bool(_copy_of(path))
    except FileNotFoundError:
        return bool(_copy_of(path))


@contextmanager
def readable(path: str) -> Iterator[sqlite3.Connection]:
    """Open the damaged file for reading; where its first page is damaged, a copy of it with the page as it was.

    Nothing is written to the damaged file. Raises sqlite3.Error or OSError.
    """
    known = _copy_of(path)
    if len(known) < _HEADER or (Path(path).exists() and _fits(_first(path, len(known)), known)):
        with closing(
            sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        ) as connection:
            yield connection
        return
    try:
        _repair(path, known)
        with closing(sqlite3.connect(path + _READABLE, isolation_level=None)) as connection:
            yield connection
    finally:
        for suffix in ("", "-wal", "-shm"):
            Path(path + _READABLE + suffix).unlink(missing_ok=True)


def _repair(path: str, known: bytes) -> None:
    for suffix in ("", "-wal"):
        if Path(path + suffix).exists():
            shutil.copyfile(path + suffix, path + _READABLE + suffix)
    Path(path + _READABLE).touch()
    with Path(path + _READABLE).open("r+b") as file:
        page = bytearray(known)
        page[32:40] = bytes(8)
        # Makes the size in the header invalid, so that the one of the file counts, or of its write-ahead log (1.3.7).
        page[92:96] = bytes(byte ^ 0xFF for byte in page[24:28])
        file.write(page)


def _page_size(path: str) -> int:
    """Read it from the header ("Database File Format", section 1.3.2)."""
    size = int.from_bytes(_first(path, _HEADER)[16:18], "big")
    return 65_536 if size == 1 else size


def _first(path: str, size: int) -> bytes:
    with Path(path).open("rb") as file:
        return file.read(size)


def _copy_of(path: str) -> bytes:
    """Return the copy that was kept; nothing where there is none."""
    try:
        return Path(path + _COPY).read_bytes()
    except FileNotFoundError:
        return b""


def _fits(page: bytes, known: bytes) -> bool:
    return _without_counters(page) == _without_counters(known)


def _without_counters(page: bytes) -> bytes:
    blank = bytearray(page.ljust(_HEADER, b"\0"))
    for place in _COUNTERS:
        blank[place] = bytes(len(blank[place]))
    return bytes(blank)
