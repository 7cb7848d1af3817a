"""What a buffer's file holds, looked at from outside."""

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inviseobox.clock import utc_text
from tests.support.buffers import kept

Report = tuple[str, str]
"""A measurement and a timestamp."""
Value = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class OnDisk:
    """`sealed` are the reports that must reach the server; `last` the newest good reading of each measurement."""

    sealed: Mapping[Report, Value]
    last: Mapping[str, float]


def on_disk(buffer: Path) -> OnDisk:
    """Look at the file of a daemon that is not running, without touching it."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        for suffix in ("", "-wal"):
            file = Path(f"{buffer}{suffix}")
            if file.exists():
                shutil.copy(file, Path(folder) / f"copy.db{suffix}")
        copy = Path(folder) / "copy.db"
        if not copy.exists():
            return OnDisk({}, {})
        with closing(sqlite3.connect(copy)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'history'").fetchone():
                return OnDisk({}, {})
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return OnDisk(_sealed(connection), _last(connection))


def _sealed(connection: sqlite3.Connection) -> dict[Report, Value]:
    rows = connection.execute("SELECT measurement, end, value FROM history WHERE value != '{}'")
    sealed: dict[Report, Value] = {(measurement, utc_text(end)): json.loads(value) for measurement, end, value in rows}
    for (fields,) in connection.execute("SELECT fields FROM outbox"):
        for field in json.loads(fields):
            assert sealed[field["measurement"], field["timestamp"]] == field["value"]
    return sealed


def _last(connection: sqlite3.Connection) -> dict[str, float]:
    last = dict(connection.execute("SELECT measurement, baseline FROM series WHERE baseline IS NOT NULL"))
    good = {measurement: value for measurement, value, _ in kept(connection) if value is not None}
    return last | good


def rows(buffer: Path, sql: str) -> list[tuple[Any, ...]]:
    """Ask the file of a daemon, which may be running."""
    with closing(sqlite3.connect(f"file:{buffer}?mode=ro", uri=True, timeout=5)) as connection:
        return connection.execute(sql).fetchall()


def backlog(buffer: Path) -> int:
    """Count the batches that wait."""
    return int(rows(buffer, "SELECT count(*) FROM outbox")[0][0])
