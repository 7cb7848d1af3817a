"""What the server refused for good, looked at and queued again from outside the daemon, which may run meanwhile.

SQLite lets two processes work on one file; each function opens it for a moment and makes no tables.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from inviseobox.delivery.batches import digest
from inviseobox.errors import BufferFault

_WAIT = 5.0
"""Seconds to wait for the daemon to end a transaction of its own."""


def listed(path: str) -> list[tuple[int, str, str]]:
    """Give the end of the window (seconds since the epoch), the fields (JSON) and the server's words of each.

    Raises BufferFault.
    """
    with _opened(path) as connection:
        return connection.execute("SELECT end, fields, words FROM rejected ORDER BY id").fetchall()


def queue_again(path: str) -> int:
    """Put everything back to what waits for the server; give how much it was. Raises BufferFault."""
    with _opened(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        rows = connection.execute("SELECT end, fields, json_array_length(fields) FROM rejected ORDER BY id").fetchall()
        connection.executemany(
            "INSERT INTO outbox (end, fields, digest, count) VALUES (?, ?, ?, ?)",
            ((end, fields, digest(fields), count) for end, fields, count in rows),
        )
        connection.execute("DELETE FROM rejected")
        connection.execute("COMMIT")
        return len(rows)


@contextmanager
def _opened(path: str) -> Iterator[sqlite3.Connection]:
    try:
        connection = sqlite3.connect(f"file:{path}?mode=rw", uri=True, isolation_level=None, timeout=_WAIT)
        try:
            yield connection
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise BufferFault(f"{path}: {error}") from None
