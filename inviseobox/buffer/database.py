"""The SQLite file's transactions and queries. Everything here runs in the buffer's own thread."""

import logging
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from inviseobox import events
from inviseobox.buffer.database_file import DatabaseFile
from inviseobox.buffer.opening import ERRORS, is_damage, is_full
from inviseobox.buffer.reserve import reserve_space
from inviseobox.errors import BufferFault, NoRoomToSave

_log = logging.getLogger(__name__)


class Database:
    """One open file. A damaged one is set aside, what can be read of it is saved, and a fresh one takes its place."""

    def __init__(self, path: str) -> None:
        """Open or create the file. Raises BufferUnusable where another daemon holds it or a newer program wrote it."""
        self._path = path
        self._is_full = False
        self._why_closed = ""
        """What kept a file in the place of a damaged one from being opened; empty where one is open."""
        self._file = DatabaseFile(path)
        try:
            self._connection = self._opened()
        except BaseException:
            self._file.close()
            raise

    def _opened(self) -> sqlite3.Connection:
        """Open the file; a damaged one that there is no room to save as it is, for most of it may be good.

        Raises BufferFault, BufferUnusable.
        """
        try:
            return self._file.open()
        except NoRoomToSave as error:
            try:
                connection = self._file.open_damaged()
            except (*ERRORS, OSError):
                raise error from None
            fields = events.DATABASE_NOT_SAVED(file=self._path)
            _log.error("%s; it is used as it is until there is room", error, extra=fields)
            return connection

    def _reopen(self) -> None:
        self._connection.close()
        try:
            self._connection = self._opened()
        except BufferFault as error:
            self._why_closed = str(error)
            raise
        self._why_closed = ""

    @property
    def set_aside(self) -> str | None:
        """The name that a damaged file was given, None where there was no damage."""
        return self._file.set_aside

    @property
    def generation(self) -> int:
        """How often a fresh file took the place of a damaged one."""
        return self._file.generation

    def reserve_space(self) -> None:
        """Set apart the room for a start again, where it was used or somebody deleted it."""
        reserve_space(self._path)

    def disk_free(self) -> int:
        """Return the bytes that are left on the disk. Raises BufferFault."""
        try:
            room = os.statvfs(Path(self._path).parent)
        except OSError as error:
            raise BufferFault(f"{self._path}: {error.strerror or error}") from None
        return room.f_bavail * room.f_frsize

    def close(self) -> None:
        """Close the file and let the next daemon have it."""
        self._connection.close()
        self._file.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all that is inside or nothing. When it ends the changes are on the disk (`synchronous=FULL`).

        Raises BufferFault where SQLite could not, for example on a full disk; nothing was changed then. Where the file
        was found damaged, the next transaction begins on a fresh one, if the disk has room for that.
        """
        if self._why_closed or (self._file.is_damaged and self._file.has_room()):
            self._reopen()
        elif not self._file.is_in_place():
            self._connection = self._file.write_again(self._connection)
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
        if self._why_closed:
            return BufferFault(self._why_closed)
        if is_damage(error):
            self._file.note_damage()
        self._is_full = self._is_full or is_full(error)
        return BufferFault(f"the buffer cannot be {verb}: {error}")

    def run(self, sql: str, *values: object) -> int:
        """Execute one statement inside a transaction; return the number of rows that it changed."""
        return self._connection.execute(sql, values).rowcount

    def run_many(self, sql: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Execute one statement for each row, inside a transaction."""
        self._connection.executemany(sql, rows)

    def rows(self, sql: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """Return the rows of a query one by one, inside a transaction."""
        return self._connection.execute(sql, values)

    def read(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query, of which there are few. Raises BufferFault."""
        try:
            return self._connection.execute(sql, values).fetchall()
        except ERRORS as error:
            raise self._fault("read", error) from error

    def row(self, sql: str, *values: object) -> tuple[Any, ...] | None:
        """Return the first row of a query. Raises BufferFault."""
        try:
            found: tuple[Any, ...] | None = self._connection.execute(sql, values).fetchone()
        except ERRORS as error:
            raise self._fault("read", error) from error
        return found
