"""The SQLite file: who may open it, its schema, its transactions. The only file that imports sqlite3.

Everything here runs in the buffer's own thread.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inviseobox.errors import BufferFault, BufferUnusable

SCHEMA = 1
"""The version that this program writes (`PRAGMA user_version`). Changes to the schema only ever add to it."""

_TABLES = """
CREATE TABLE note (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE series (
    key INTEGER PRIMARY KEY, measurement TEXT NOT NULL, fingerprint TEXT NOT NULL,
    device TEXT NOT NULL, aggregates TEXT NOT NULL, baseline REAL,
    UNIQUE (measurement, fingerprint)
) STRICT;
CREATE TABLE window (end INTEGER PRIMARY KEY, interval INTEGER NOT NULL, sealed INTEGER UNIQUE) STRICT;
CREATE TABLE reading (id INTEGER PRIMARY KEY, end INTEGER NOT NULL, series INTEGER NOT NULL, value REAL) STRICT;
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY, end INTEGER NOT NULL, fields TEXT NOT NULL, digest TEXT NOT NULL, count INTEGER NOT NULL,
    refusals INTEGER NOT NULL DEFAULT 0, proven INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX outbox_order ON outbox (refusals, end, id);
CREATE TABLE status (id INTEGER PRIMARY KEY, end INTEGER NOT NULL, devices TEXT NOT NULL) STRICT;
CREATE TABLE rejected (
    id INTEGER PRIMARY KEY, end INTEGER NOT NULL, fields TEXT NOT NULL, words TEXT NOT NULL
) STRICT;
INSERT INTO note VALUES ('oldest reader', '1');
"""


class Database:
    """One open file. Where it was damaged and had to be set aside, `set_aside` names the old one."""

    def __init__(self, path: str) -> None:
        """Open or create the file. Raises BufferUnusable where another daemon holds it or a newer program wrote it."""
        self.set_aside: str | None = None
        self._lock = _take_lock(path)
        try:
            self._connection = self._open(path)
        except BaseException:
            os.close(self._lock)
            raise

    def _open(self, path: str) -> sqlite3.Connection:
        try:
            return _connect(path)
        except sqlite3.OperationalError as error:
            raise BufferFault(f"{path}: cannot be opened: {error}") from None
        except sqlite3.DatabaseError:
            self.set_aside = f"{path}.corrupt-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
            for suffix in ("", "-wal", "-shm"):
                if Path(path + suffix).exists():
                    Path(path + suffix).rename(self.set_aside + suffix)
            return _connect(path)

    def close(self) -> None:
        """Close the file and let the next daemon have it."""
        self._connection.close()
        os.close(self._lock)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all that is inside or nothing. When it ends the changes are on the disk (`synchronous=FULL`).

        Raises BufferFault where SQLite could not, for example on a full disk; nothing was changed then.
        """
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise BufferFault(f"the buffer cannot be written: {error}") from error

    def run(self, sql: str, *values: object) -> int:
        """Execute one statement inside a transaction; give the id of the row that it inserted."""
        return self._connection.execute(sql, values).lastrowid or 0

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
        except sqlite3.Error as error:
            raise BufferFault(f"the buffer cannot be read: {error}") from error
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


def _connect(path: str) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA:
            _check_readable(connection, path, version)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_size_limit = 16777216")
        if version == 0:
            connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {SCHEMA}; COMMIT;")
    except BaseException:
        connection.close()
        raise
    return connection


def _check_readable(connection: sqlite3.Connection, path: str, version: int) -> None:
    oldest = connection.execute("SELECT value FROM note WHERE key = 'oldest reader'").fetchone()
    if oldest is None or int(oldest[0]) > SCHEMA:
        raise BufferUnusable(f"{path} was written by a newer inviseobox (schema {version}); install that version")
