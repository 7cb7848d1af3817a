"""The SQLite file: who may open it, its transactions, and what becomes of it when it is damaged.

Everything here runs in the buffer's own thread.
"""

import logging
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from inviseobox import events
from inviseobox.buffer import first_page
from inviseobox.buffer.opening import (
    ERRORS,
    LOCK,
    cannot_open,
    connect,
    is_damage,
    release_reserve,
    reserve_space,
    sound,
    take_lock,
)
from inviseobox.buffer.salvage import salvage
from inviseobox.errors import BufferFault, BufferUnusable

_log = logging.getLogger(__name__)

_FILES = ("", "-wal", "-shm")
_FRESH = ".fresh"
"""Ends the name of a file that is written to take the place of another."""
_SALVAGED = ".salvaged"
"""Ends the name of a file that is complete, until it takes the place of the one that was damaged or deleted."""
_REPLACED = ".replaced"
"""Ends the name of a file that somebody put in the place of the one in use."""


class Database:
    """One open file. A damaged one is set aside, what can be read of it is saved, and a fresh one takes its place."""

    def __init__(self, path: str) -> None:
        """Open or create the file. Raises BufferUnusable where another daemon holds it or a newer program wrote it."""
        self.set_aside: str | None = None
        """The name that a damaged file was given, None where there was no damage."""
        self.generation = 0
        """Counts the times that a fresh file took the place of a damaged one."""
        self._path = path
        self._lock = take_lock(path)
        self._is_damaged = False
        self._is_full = False
        try:
            self._connection = self._open()
        except ERRORS as error:
            os.close(self._lock)
            raise self._fault("read", error) from None
        except BaseException:
            os.close(self._lock)
            raise

    def _open(self) -> sqlite3.Connection:
        try:
            if Path(self._path + _SALVAGED).exists():
                self._set_aside()
            if first_page.is_lost(self._path):
                return self._replaced()
            connection = self._connected()
        except (*ERRORS, OSError) as error:
            if is_damage(error):
                return self._replaced()
            if not release_reserve(self._path):
                raise cannot_open(self._path, error) from None
            return self._open()
        self.reserve_space()
        return connection

    def _connected(self) -> sqlite3.Connection:
        """Open the file once it is known to be sound."""
        sound(self._path).close()
        return self._connected_as_it_is()

    def _connected_as_it_is(self) -> sqlite3.Connection:
        """Open the file once its first page is remembered."""
        # On a full disk the next start tries again: the copy is of use only if the file is damaged, too.
        with suppress(OSError):
            first_page.remember(self._path)
        connection = connect(self._path)
        self._identity = _identity(self._path)
        return connection

    def _replaced(self) -> sqlite3.Connection:
        """Set the damaged file aside and give a fresh one with all that could be saved.

        The damaged one stays in its place until all is saved: it can be done again after a power cut or a full disk.
        """
        unfinished = self._path + _FRESH
        _log.info("saving what can be read of %s, which may take minutes", self._path)
        try:
            _remove(unfinished)
            with closing(sound(unfinished)) as fresh:
                saved = salvage(self._path, fresh)
            Path(unfinished).rename(self._path + _SALVAGED)
            self._set_aside()
            connection = self._connected()
        except (*ERRORS, OSError) as error:
            raise BufferFault(f"{self._path}: no fresh file in place of the damaged one: {error}") from None
        self._is_damaged = False
        self.generation += 1
        _log.error(
            "the buffer was damaged and is set aside as %s; saved of it: %d readings, %d deliveries",
            self.set_aside,
            saved["reading"],
            saved["outbox"],
            extra=events.DATABASE_SET_ASIDE(file=str(self.set_aside)),
        )
        return connection

    def _set_aside(self) -> None:
        """Give the damaged file another name, and its own to the one that holds what was saved."""
        self.set_aside = f"{self._path}.corrupt-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
        for suffix in _FILES:
            if Path(self._path + suffix).exists():
                Path(self._path + suffix).rename(self.set_aside + suffix)
        Path(self._path + _SALVAGED).rename(self._path)

    def _restored(self) -> sqlite3.Connection:
        """Somebody deleted the file, or put another in its place: write it again from the one that is still open.

        Until all is written, the open one stays what it is. The other, the last of them if there were several, is kept.
        """
        fresh = self._path + _FRESH
        try:
            if not self._has_lock():
                lock = take_lock(self._path)
                os.close(self._lock)
                self._lock = lock
            _remove(fresh)
            with closing(sound(fresh)) as copy:
                self._connection.backup(copy)
            # A power cut from here on is made good at the next start.
            Path(fresh).rename(self._path + _SALVAGED)
            kept = _kept(self._path)
            _remove(self._path)
            Path(self._path + _SALVAGED).rename(self._path)
            connection = self._connected_as_it_is()
        except (*ERRORS, OSError, BufferUnusable) as error:
            raise BufferFault(f"{self._path} was deleted and cannot be written again: {error}") from None
        self._connection.close()
        marks = events.DATABASE_DELETED(file=self._path)
        _log.error("%s was deleted while it was in use; it is written again%s", self._path, kept, extra=marks)
        return connection

    def _has_lock(self) -> bool:
        """Whether the file that is locked is the one that another daemon would try to lock."""
        try:
            return os.path.samestat(os.fstat(self._lock), Path(self._path + LOCK).stat())
        except FileNotFoundError:
            return False

    def _is_in_place(self) -> bool:
        """Whether the open file is the one at its path."""
        try:
            return _identity(self._path) == self._identity
        except FileNotFoundError:
            return False
        except OSError as error:
            raise cannot_open(self._path, error) from None

    def reserve_space(self) -> None:
        """Reserve the room for a start again, where it was used or somebody deleted it."""
        reserve_space(self._path)

    def close(self) -> None:
        """Close the file and let the next daemon have it."""
        self._connection.close()
        os.close(self._lock)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all that is inside or nothing. When it ends the changes are on the disk (`synchronous=FULL`).

        Raises BufferFault where SQLite could not, for example on a full disk; nothing was changed then. Where the file
        was found damaged, the next transaction begins on a fresh one.
        """
        if self._is_damaged:
            self._connection.close()
            self._connection = self._replaced()
        elif not self._is_in_place():
            self._connection = self._restored()
        if self._is_full:
            self._shorten_log()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except ERRORS as error:
            raise self._fault("written", error) from error

    def _shorten_log(self) -> None:
        """On a full disk, bring what is in the write-ahead log into the file: its room may be enough to go on."""
        with suppress(*ERRORS):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self._is_full = False

    def _fault(self, verb: str, error: Exception) -> BufferFault:
        self._is_damaged = self._is_damaged or is_damage(error)
        self._is_full = self._is_full or "full" in str(error)
        return BufferFault(f"the buffer cannot be {verb}: {error}")

    def run(self, sql: str, *values: object) -> int:
        """Execute one statement inside a transaction; give the number of rows that it changed."""
        return self._connection.execute(sql, values).rowcount

    def run_many(self, sql: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Execute one statement for each row, inside a transaction."""
        self._connection.executemany(sql, rows)

    def rows(self, sql: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """Give the rows of a query one by one, inside a transaction."""
        return self._connection.execute(sql, values)

    def row(self, sql: str, *values: object) -> tuple[Any, ...] | None:
        """Give the first row of a query. Raises BufferFault."""
        try:
            found: tuple[Any, ...] | None = self._connection.execute(sql, values).fetchone()
        except ERRORS as error:
            raise self._fault("read", error) from error
        return found


def _identity(path: str) -> tuple[int, int]:
    found = Path(path).stat()
    return found.st_dev, found.st_ino


def _kept(path: str) -> str:
    """Give a file that is in the way another name; tell of it, where there is one."""
    try:
        Path(path).rename(path + _REPLACED)
    except FileNotFoundError:
        return ""
    return f"; what was in its place is kept as {path}{_REPLACED}"


def _remove(path: str) -> None:
    for suffix in _FILES:
        Path(path + suffix).unlink(missing_ok=True)
