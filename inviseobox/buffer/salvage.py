"""What can still be read of a damaged file, brought into a fresh one."""

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from inviseobox.buffer.first_page import readable
from inviseobox.buffer.leaf_pages import scattered_rows
from inviseobox.buffer.packing import Unreadable, repacked
from inviseobox.buffer.restoring import HISTORY, missing, restored
from inviseobox.buffer.schema import COLUMNS, LAST_SEALED
from inviseobox.configuration import DEFAULT_INTERVAL, MAX_INTERVAL
from inviseobox.reports.batches import digest

_Row = dict[str, Any]
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)
_NAMES = "SELECT key, measurement, fingerprint FROM series INDEXED BY sqlite_autoindex_series_1"
_TOLD = "SELECT end FROM history UNION SELECT end FROM outbox UNION SELECT end FROM rejected"
_SEALED = f"SELECT end FROM window WHERE sealed IS NOT NULL UNION {_TOLD}"  # noqa: S608


def salvage(damaged: str, fresh: sqlite3.Connection) -> dict[str, int]:
    """Copy the readable rows of the file `damaged`; return their number by table.

    Each table is read from both ends, so that one bad page in the middle costs its own rows only. A batch whose digest
    is wrong, or which cannot be read, is made again from the history if that gives the right digest; else it stays.
    Nothing is written to the damaged file. Raises sqlite3.Error or OSError where the fresh one cannot be written.
    """
    saved = dict.fromkeys(COLUMNS, 0)
    incomplete_tables: set[str] = set()
    fresh.execute("BEGIN IMMEDIATE")
    try:
        with readable(damaged) as source:
            source.text_factory = lambda text: text.decode("utf-8", "replace")
            for table in COLUMNS:
                saved[table] = _copied(source, table, fresh, incomplete_tables)
        # A single bit may hide rows without an error. Not while a connection is open on the file (see first_page).
        saved["reading"] += _save_readings(scattered_rows(damaged), fresh)
        _complete_windows(fresh)
        if "outbox" in incomplete_tables:
            saved["outbox"] += _brought_back(fresh)
        fresh.execute("COMMIT")
    except BaseException:
        if fresh.in_transaction:
            fresh.execute("ROLLBACK")
        raise
    return saved


def _copied(source: sqlite3.Connection, table: str, fresh: sqlite3.Connection, incomplete_tables: set[str]) -> int:
    """Copy the readable rows of a table; return their number."""
    rows = _readable(source, table, incomplete_tables)
    if table == "reading":
        return _save_readings(rows, fresh)
    saved = 0
    for row in rows:
        kept = _as_sealed(fresh, row) if table == "outbox" else row
        if kept is None:
            incomplete_tables.add(table)
        else:
            saved += _inserted(fresh, table, kept)
    return saved + (_save_names(source, fresh) if table == "series" else 0)


def _readable(source: sqlite3.Connection, table: str, incomplete_tables: set[str]) -> Iterator[_Row]:
    """Yield the rows that can be read; a table of which some cannot is noted in `incomplete_tables`."""
    # An older file has fewer columns, or lacks the table.
    with suppress(sqlite3.DatabaseError, UnicodeDecodeError):
        present = [row[1] for row in source.execute(f"PRAGMA table_info({table})")]
        columns = [column for column in COLUMNS[table] if column in present or column == "rowid"]
        if not present:
            return
        asked = f"SELECT rowid, {', '.join(columns)} FROM {table} WHERE rowid"  # noqa: S608
        for way, end in ((">? ORDER BY rowid", -(2**63)), ("<? ORDER BY rowid DESC", 2**63 - 1)):
            try:
                for row in _from_one_end(source, f"{asked} {way}", end):
                    yield dict(zip(columns, row, strict=True))
            except (sqlite3.DatabaseError, UnicodeDecodeError):
                incomplete_tables.add(table)
            else:
                return
    incomplete_tables.add(table)


def _from_one_end(source: sqlite3.Connection, sql: str, last: int) -> Iterator[Sequence[object]]:
    """Yield rows, less their rowid, until all are read. Raises one of SQLite's errors at the first bad one."""
    try:
        for row_id, *row in source.execute(sql, (last,)):
            yield row
            last = row_id
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        # Python asks for the row after the one that it returns, and where that one is bad it returns neither.
        while found := source.execute(f"{sql} LIMIT 1", (last,)).fetchone():
            last = found[0]
            yield found[1:]
        raise


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


def _save_names(source: sqlite3.Connection, fresh: sqlite3.Connection) -> int:
    """Save the series that only the index has; return their number.

    Device and aggregates come again with the next reading, the baseline is lost.
    """
    saved = 0
    with suppress(sqlite3.DatabaseError, UnicodeDecodeError):
        for key, measurement, fingerprint in source.execute(_NAMES):
            row = {"key": key, "measurement": measurement, "fingerprint": fingerprint, "device": "", "aggregates": ""}
            saved += _inserted(fresh, "series", row)
    return saved


def _save_readings(rows: Iterable[_Row], fresh: sqlite3.Connection) -> int:
    """Save the readings that are not sealed; return their number.

    Those of series that are lost are left out, for their keys go to other series from now on. So is each row that was
    sealed, and each that holds something else than what was written.
    """
    series = {key for (key,) in fresh.execute("SELECT key FROM series")}
    sealed = {end for (end,) in fresh.execute(_SEALED)}
    opened = {None, *(end for (end,) in fresh.execute("SELECT end FROM window WHERE sealed IS NULL"))}
    setting = fresh.execute("SELECT value FROM setting WHERE key = ?", (LAST_SEALED,)).fetchone()
    last = int(setting[0]) if setting and _NUMBER.fullmatch(setting[0]) else 0
    saved = 0
    for row in rows:
        if row.keys() != set(COLUMNS["reading"]) or row["end"] in sealed:
            continue
        with suppress(Unreadable, TypeError, ValueError):
            packed, count = repacked(row, series)
            is_open = row["end"] in opened or row["number"] > last
            if count and is_open and _inserted(fresh, "reading", row | {"packed": packed}):
                saved += count
    return saved


def _complete_windows(fresh: sqlite3.Connection) -> None:
    """Make the windows again that are lost: those of which there are reports are sealed, those of readings are not.

    The former count as sealed before all that are known, the latest of them last.
    """
    (earliest,) = fresh.execute("SELECT coalesce(min(sealed), 1) FROM window").fetchone()
    sealed = fresh.execute(f"SELECT end FROM ({_TOLD}) WHERE end NOT IN (SELECT end FROM window) ORDER BY 1 DESC")  # noqa: S608
    interval = _likely_interval(fresh)
    rows = [(end, interval, earliest - 1 - before) for before, (end,) in enumerate(sealed.fetchall())]
    fresh.executemany("INSERT INTO window (end, interval, sealed) VALUES (?, ?, ?)", rows)
    opened = "SELECT DISTINCT end, ? FROM reading WHERE end NOT IN (SELECT end FROM window)"
    fresh.execute(f"INSERT INTO window (end, interval) {opened}", (interval,))
    fresh.execute("DELETE FROM window WHERE sealed IS NULL AND end NOT IN (SELECT end FROM reading WHERE end NOT NULL)")


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
