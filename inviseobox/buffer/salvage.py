"""What can still be read of a damaged file, brought into a fresh one."""

import sqlite3
from collections.abc import Iterator
from typing import Any

from inviseobox.buffer.first_page import readable
from inviseobox.buffer.restoring import HISTORY, missing, restored
from inviseobox.buffer.schema import COLUMNS
from inviseobox.configuration import DEFAULT_INTERVAL, MAX_INTERVAL
from inviseobox.reports.batches import digest

_Row = dict[str, Any]


def salvage(damaged: str, fresh: sqlite3.Connection) -> dict[str, int]:
    """Copy the readable rows of the file `damaged`; return their number by table.

    Each table is read from both ends, so that one bad page in the middle costs its own rows only. A batch whose digest
    is wrong, or which cannot be read, is made again from the history if that gives the right digest; else it stays.
    Nothing is written to the damaged file. Raises sqlite3.Error or OSError where the fresh one cannot be written.
    """
    saved = dict.fromkeys(COLUMNS, 0)
    incomplete_tables: set[str] = set()
    with readable(damaged) as source:
        source.text_factory = lambda text: text.decode("utf-8", "replace")
        fresh.execute("BEGIN IMMEDIATE")
        try:
            for table in COLUMNS:
                for row in _readable(source, table, incomplete_tables):
                    kept = _as_sealed(fresh, row) if table == "outbox" else row
                    if kept is None:
                        incomplete_tables.add(table)
                    else:
                        saved[table] += _inserted(fresh, table, kept)
            saved["reading"] -= _delete_orphans(fresh)
            _complete_windows(fresh)
            if "outbox" in incomplete_tables:
                saved["outbox"] += _brought_back(fresh)
            fresh.execute("COMMIT")
        except BaseException:
            if fresh.in_transaction:
                fresh.execute("ROLLBACK")
            raise
    return saved


def _readable(source: sqlite3.Connection, table: str, incomplete_tables: set[str]) -> Iterator[_Row]:
    """Yield the rows that can be read; a table of which some cannot is noted in `incomplete_tables`."""
    for order in ("ASC", "DESC"):
        try:
            # An older file has fewer columns, or lacks the table.
            present = [row[1] for row in source.execute(f"PRAGMA table_info({table})")]
            columns = [column for column in COLUMNS[table] if column in present or column == "rowid"]
            if present:
                rows = source.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY rowid {order}")  # noqa: S608
                yield from (dict(zip(columns, row, strict=True)) for row in rows)
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            incomplete_tables.add(table)
        else:
            return


def _as_sealed(fresh: sqlite3.Connection, row: _Row) -> _Row | None:
    """Return a batch as it was made; None where that is not to be had."""
    if isinstance(row["fields"], str) and digest(row["fields"]) == row["digest"]:
        return row
    if not isinstance(row["end"], int):
        return None
    found = restored(fresh.execute(HISTORY, (row["end"],)), row["end"], row["digest"])
    return row | {"fields": found[0], "count": found[1]} if found else None


def _brought_back(fresh: sqlite3.Connection) -> int:
    """Queue what is missing of the windows that were not delivered; return the number of batches."""
    windows = fresh.execute("SELECT end, digests FROM window WHERE digests != '' AND NOT delivered ORDER BY end")
    number = 0
    for end, digests in windows.fetchall():
        there = {row[0] for row in fresh.execute("SELECT digest FROM outbox WHERE end = ?", (end,))}
        for fields, count in missing(fresh.execute(HISTORY, (end,)), end, digests.split(","), there):
            row = {"end": end, "fields": fields, "digest": digest(fields), "count": count}
            number += _inserted(fresh, "outbox", row)
    return number


def _delete_orphans(fresh: sqlite3.Connection) -> int:
    """Drop the readings of series that are lost, whose keys go to other series from now on; return their number."""
    return fresh.execute("DELETE FROM reading WHERE series NOT IN (SELECT key FROM series)").rowcount


def _complete_windows(fresh: sqlite3.Connection) -> None:
    """Make the windows again that are lost: those of which there are reports are sealed, those of readings are not.

    The former count as sealed before all that are known, the latest of them last.
    """
    (earliest,) = fresh.execute("SELECT coalesce(min(sealed), 1) FROM window").fetchone()
    sealed = fresh.execute(
        "SELECT end FROM (SELECT end FROM history UNION SELECT end FROM outbox UNION SELECT end FROM rejected) "
        "WHERE end NOT IN (SELECT end FROM window) ORDER BY end DESC"
    ).fetchall()
    interval = _likely_interval(fresh)
    rows = [(end, interval, earliest - 1 - before) for before, (end,) in enumerate(sealed)]
    fresh.executemany("INSERT INTO window (end, interval, sealed) VALUES (?, ?, ?)", rows)
    opened = "SELECT DISTINCT end, ? FROM reading WHERE end NOT IN (SELECT end FROM window)"
    fresh.execute(f"INSERT INTO window (end, interval) {opened}", (interval,))


def _likely_interval(fresh: sqlite3.Connection) -> int:
    """Return the interval of the last window, else the distance of the last two in the history, else a guess."""
    window = fresh.execute("SELECT interval FROM window ORDER BY end DESC LIMIT 1").fetchone()
    if window is not None:
        return int(window[0])
    ends = [end for (end,) in fresh.execute("SELECT DISTINCT end FROM history ORDER BY end DESC LIMIT 2")]
    return min(ends[0] - ends[1], MAX_INTERVAL) if len(ends) == 2 else DEFAULT_INTERVAL


def _inserted(fresh: sqlite3.Connection, table: str, row: _Row) -> int:
    names, places = ", ".join(row), ", ".join("?" * len(row))
    try:
        done = fresh.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({places})", tuple(row.values()))  # noqa: S608
    except (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError):
        return 0
    return max(0, done.rowcount)
