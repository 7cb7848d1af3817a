"""The SQLite file: who may open it, its transactions, and what becomes of it when it is damaged.

Everything here runs in the buffer's own thread.
"""

import fcntl
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
from inviseobox.buffer.salvage import salvage
from inviseobox.buffer.schema import COLUMNS, bring_up_to_date
from inviseobox.errors import BufferFault, BufferUnusable

_log = logging.getLogger(__name__)

_CHECK_TIME = 2.0
"""Seconds that the check of the whole file at the start may take; on a large file it ends without a verdict."""
_CHECK_STEPS = 10_000
_FILES = ("", "-wal", "-shm")
_SALVAGED = ".salvaged"
"""Ends the name of a file that holds all that could be saved of a damaged one, until it takes its place."""
_DAMAGE = ("malformed", "not a database", "corrupt")
_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite's calls raise; the latter where Python cannot decode a message in which SQLite repeats damaged text."""


class Database:
    """One open file. A damaged one is set aside, what can be read of it is saved, and a fresh one takes its place."""

    def __init__(self, path: str) -> None:
        """Open or create the file. Raises BufferUnusable where another daemon holds it or a newer program wrote it."""
        self.set_aside: str | None = None
        """The name that a damaged file was given, None where there was no damage."""
        self.generation = 0
        """Counts the times that a fresh file took the place of a damaged one."""
        self._path = path
        self._lock = _take_lock(path)
        self._is_damaged = False
        try:
            self._connection = self._open()
        except _ERRORS as error:
            os.close(self._lock)
            raise self._fault("read", error) from None
        except BaseException:
            os.close(self._lock)
            raise

    def _open(self) -> sqlite3.Connection:
        if Path(self._path + _SALVAGED).exists():
            self._set_aside()
        try:
            return self._connected()
        except _ERRORS as error:
            if not _is_damage(error):
                raise BufferFault(f"{self._path}: cannot be opened: {error}") from None
        return self._replaced()

    def _connected(self) -> sqlite3.Connection:
        """Open the file once it is known to be sound, and its first page remembered."""
        _sound(self._path).close()
        # On a full disk the next start tries again: the copy is of use only if the file is damaged, too.
        with suppress(OSError):
            first_page.remember(self._path)
        return _connect(self._path)

    def _replaced(self) -> sqlite3.Connection:
        """Set the damaged file aside and give a fresh one with all that could be saved.

        The damaged one stays in its place until all is saved: it can be done again after a power cut or a full disk.
        """
        unfinished = self._path + ".fresh"
        try:
            for suffix in _FILES:
                Path(unfinished + suffix).unlink(missing_ok=True)
            with closing(_sound(unfinished)) as fresh:
                saved = salvage(self._path, fresh)
            Path(unfinished).rename(self._path + _SALVAGED)
            self._set_aside()
            connection = self._connected()
        except (*_ERRORS, OSError) as error:
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
        """Somebody deleted the file: write it again from the one that is still open."""
        for suffix in ("-wal", "-shm"):
            Path(self._path + suffix).unlink(missing_ok=True)
        try:
            fresh = _sound(self._path)
            self._connection.backup(fresh)
        except _ERRORS as error:
            raise BufferFault(f"{self._path} was deleted and cannot be written again: {error}") from None
        self._connection.close()
        marks = events.DATABASE_DELETED(file=self._path)
        _log.error("%s was deleted while it was in use; it is written again from memory", self._path, extra=marks)
        return fresh

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
        elif not Path(self._path).exists():
            self._connection = self._restored()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except _ERRORS as error:
            raise self._fault("written", error) from error

    def _fault(self, verb: str, error: Exception) -> BufferFault:
        self._is_damaged = self._is_damaged or _is_damage(error)
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
        except _ERRORS as error:
            raise self._fault("read", error) from error
        return found


def _take_lock(path: str) -> int:
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise BufferFault(f"{path}: cannot be opened: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise BufferUnusable(f"{path} is in use by another inviseobox") from None
    return lock


def _is_damage(error: Exception) -> bool:
    if isinstance(error, UnicodeDecodeError):
        return True
    return isinstance(error, sqlite3.DatabaseError) and any(mark in str(error) for mark in _DAMAGE)


def _sound(path: str) -> sqlite3.Connection:
    """Open or create the file, bring its tables up to date and look for damage."""
    connection = _connect(path)
    try:
        bring_up_to_date(connection, path)
        _check(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(path: str) -> sqlite3.Connection:
    try:
        # SQLite would make the file with the permissions of the umask.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise BufferFault(f"{path}: cannot be opened: {error.strerror}") from None
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
    # A damaged text is found out by its digest; it must be readable for that.
    connection.text_factory = lambda text: text.decode("utf-8", "replace")
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_size_limit = 16777216")
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection) -> None:
    """Raise DatabaseError where the file is damaged, as far as that can be found out in a short time."""
    for table, columns in COLUMNS.items():
        try:
            connection.execute(f"SELECT {', '.join(columns)} FROM {table} LIMIT 1").fetchone()  # noqa: S608
        except sqlite3.OperationalError as error:
            if not str(error).startswith("no such"):
                raise
            # Such damage leaves the file well-formed: a bit of a column's name.
            raise sqlite3.DatabaseError(f"database disk image is malformed: {error}") from None
    give_up = time.monotonic() + _CHECK_TIME
    connection.set_progress_handler(lambda: time.monotonic() > give_up, _CHECK_STEPS)
    try:
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.OperationalError:
        # Interrupted: the file is large, and so far nothing was wrong with it.
        return
    finally:
        connection.set_progress_handler(None, 0)
    if found != "ok":
        raise sqlite3.DatabaseError(f"database disk image is malformed: {found}")
