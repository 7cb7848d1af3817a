"""What the server refused for good, looked at and queued again from outside the daemon, which may run meanwhile.

SQLite lets two processes work on one file; each function opens it for a moment and makes no tables.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from inviseobox.buffer import first_page
from inviseobox.errors import BufferFault
from inviseobox.reports.batches import digest

DAMAGED = "damaged on the disk"
"""In the place of the server's words, for what was never sent."""

_WAIT = 5.0
"""Seconds to wait for the daemon to end a transaction of its own."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """What was set aside at once: fields (JSON) of the window that ended then (seconds since the epoch), and why."""

    id: int
    end: int
    fields: str
    words: str
    is_intact: bool
    """Whether it is still what was sealed: what was damaged on the disk must not go to the server."""

    @classmethod
    def of(cls, number: int, end: int, fields: str, words: str, noted: str | None) -> "Rejected":
        """Return what a row of the table holds; `noted` is the digest that it has there."""
        return cls(number, end, fields, words, _is_intact(fields, words, noted))


def listed(path: str) -> list[Rejected]:
    """Return all that was set aside, oldest first. Raises BufferFault."""
    with _opened(path) as connection:
        return _listed(connection)


def queue_again(path: str) -> int:
    """Put all that is intact back to what waits for the server; return how much it was. Raises BufferFault."""
    with _opened(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        intact = [one for one in _listed(connection) if one.is_intact]
        connection.executemany(
            "INSERT INTO outbox (end, fields, digest, count) VALUES (?, ?, ?, ?)",
            ((one.end, one.fields, digest(one.fields), len(json.loads(one.fields))) for one in intact),
        )
        connection.executemany("DELETE FROM rejected WHERE id = ?", ((one.id,) for one in intact))
        connection.execute("COMMIT")
        return len(intact)


def _listed(connection: sqlite3.Connection) -> list[Rejected]:
    # The daemon may not have been started yet since the version that knows the column.
    columns = [row[1] for row in connection.execute("PRAGMA table_info(rejected)")]
    column = "digest" if "digest" in columns else "NULL"
    rows = connection.execute(f"SELECT id, end, fields, words, {column} FROM rejected ORDER BY id").fetchall()  # noqa: S608
    return [Rejected.of(*row) for row in rows]


def _is_intact(fields: str, words: str, noted: str | None) -> bool:
    if noted is not None:
        return digest(fields) == noted
    # Set aside by a version that did not note the digest.
    try:
        found = json.loads(fields)
    except ValueError:
        return False
    return isinstance(found, list) and bool(found) and words != DAMAGED


@contextmanager
def _opened(path: str) -> Iterator[sqlite3.Connection]:
    if Path(path).exists() and first_page.is_lost(path):
        # SQLite would throw the write-ahead log away, of which the daemon saves what it can.
        raise BufferFault(f"{path} is damaged; a start of the service saves what it can")
    try:
        connection = sqlite3.connect(
            f"{Path(path).absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=_WAIT
        )
        # A damaged text is found out by its digest; it must be readable for that.
        connection.text_factory = lambda text: text.decode("utf-8", "replace")
        try:
            yield connection
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise BufferFault(f"{path}: {error}") from None
