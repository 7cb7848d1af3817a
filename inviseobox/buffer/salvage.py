"""What can still be read of a damaged file, brought into a fresh one."""

import sqlite3
from collections.abc import Iterator
from typing import Any

from inviseobox.delivery.batches import digest

_TABLES = {
    "note": ("key", "value"),
    "series": ("key", "measurement", "fingerprint", "device", "aggregates", "baseline"),
    "window": ("end", "interval", "sealed"),
    "reading": ("id", "end", "series", "value"),
    "outbox": ("id", "end", "fields", "digest", "count", "refusals", "proven"),
    "rejected": ("id", "end", "fields", "words"),
}


def salvage(damaged: str, fresh: sqlite3.Connection) -> dict[str, int]:
    """Copy the readable rows of the file `damaged`; give their number by table. A batch whose digest is wrong stays.

    Each table is read from both ends, so that one bad page in the middle costs its own rows only. Nothing is written
    to the damaged file. Raises sqlite3.Error where the fresh one cannot be written.
    """
    saved = dict.fromkeys(_TABLES, 0)
    source = sqlite3.connect(f"file:{damaged}?mode=ro", uri=True, isolation_level=None)
    source.text_factory = lambda text: text.decode("utf-8", "replace")
    try:
        fresh.execute("BEGIN IMMEDIATE")
        for table, columns in _TABLES.items():
            statement = f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608
            for row in _readable(source, table, columns):
                if _is_sound(table, row):
                    saved[table] += _inserted(fresh, statement, row)
        fresh.execute("COMMIT")
    except BaseException:
        if fresh.in_transaction:
            fresh.execute("ROLLBACK")
        raise
    finally:
        source.close()
    return saved


def _readable(source: sqlite3.Connection, table: str, columns: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    for order in ("ASC", "DESC"):
        try:
            yield from source.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY rowid {order}")  # noqa: S608
        except sqlite3.DatabaseError:
            continue
        else:
            return


def _is_sound(table: str, row: tuple[Any, ...]) -> bool:
    if table != "outbox":
        return True
    return isinstance(row[2], str) and digest(row[2]) == row[3]


def _inserted(fresh: sqlite3.Connection, statement: str, row: tuple[Any, ...]) -> int:
    try:
        return max(0, fresh.execute(statement, row).rowcount)
    except (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError):
        return 0
