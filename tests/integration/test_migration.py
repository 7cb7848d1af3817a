"""Files of earlier versions: they open with all that they hold, and the version before still works on the result."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from inviseobox.clock import utc_text
from inviseobox.records import Aggregate
from inviseobox.reports.batches import digest

from .buffers import opened, read, reports, series

MINUTE = 60
START = 1_700_000_040

WRITTEN_BY_1 = """
CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
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
INSERT INTO setting VALUES ('device list', '[]');
INSERT INTO setting VALUES ('oldest reader', '1');
INSERT INTO series VALUES (1, 'energy', 'as built', 'meter', 'diff', 10.5);
INSERT INTO window VALUES (1700000100, 60, 1);
INSERT INTO window VALUES (1700000160, 60, NULL);
INSERT INTO reading VALUES (1, 1700000160, 1, 12.75);
INSERT INTO rejected VALUES (1, 1700000100, '[]', 'no');
PRAGMA user_version = 1;
"""
WRITTEN_BY_2 = """
CREATE TABLE history (
    end INTEGER NOT NULL, measurement TEXT NOT NULL, value TEXT NOT NULL, status TEXT NOT NULL
) STRICT;
CREATE INDEX history_by_end ON history (end);
INSERT INTO history VALUES (1700000100, 'energy', '{"diff":"10.5"}', 'ok');
PRAGMA user_version = 2;
"""
WAITING = json.dumps([{"measurement": "energy", "value": {"diff": "10.5"}, "timestamp": utc_text(START + MINUTE)}])


def write(path: Path, version: int) -> None:
    """Make the file as the program with that schema left it, with one window that waits and one that is open."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(WRITTEN_BY_1 + (WRITTEN_BY_2 if version > 1 else ""))
        row = (START + MINUTE, WAITING, digest(WAITING), 1)
        connection.execute("INSERT INTO outbox (end, fields, digest, count) VALUES (?, ?, ?, ?)", row)
        connection.commit()


@pytest.mark.parametrize("version", [1, 2])
def test_a_file_of_an_earlier_version_goes_on_where_it_was(tmp_path: Path, version: int) -> None:
    path = tmp_path / "data.db"
    write(path, version)

    async def scenario() -> None:
        async with opened(path) as buffer:
            assert buffer.set_aside is None
            assert await buffer.setting("device list") == "[]"
            read(buffer, START + MINUTE + 30, MINUTE, series("energy", Aggregate.DIFF), 13.0)
            await buffer.seal(START + 2 * MINUTE)
            assert await buffer.rejected() == 1
            assert await reports(buffer) == {
                ("energy", utc_text(START + MINUTE)): {"diff": "10.5"},
                ("energy", utc_text(START + 2 * MINUTE)): {"diff": "2.5"},
            }

    asyncio.run(scenario())


@pytest.mark.parametrize("version", [1, 2])
def test_the_version_before_works_on_a_file_of_this_one(tmp_path: Path, version: int) -> None:
    """Its tables and columns are all there, and what it writes into them is understood afterwards."""
    path = tmp_path / "data.db"
    fresh, old = tmp_path / "fresh.db", tmp_path / "old.db"
    write(path, version)
    write(old, version)

    async def migrated(path: Path) -> None:
        async with opened(path):
            pass

    asyncio.run(migrated(path))
    asyncio.run(migrated(fresh))
    with closing(sqlite3.connect(old)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {table: connection.execute(f"PRAGMA table_info({table})").fetchall() for table in tables}
    for file in (path, fresh):
        with closing(sqlite3.connect(file)) as connection, connection:
            for table, wanted in columns.items():
                assert connection.execute(f"PRAGMA table_info({table})").fetchall()[: len(wanted)] == wanted
            oldest = connection.execute("SELECT value FROM setting WHERE key = 'oldest reader'").fetchone()
            assert oldest == ("1",)
            # As schemas 1 and 2 seal a window.
            end = START + 9 * MINUTE
            connection.execute("INSERT OR IGNORE INTO window (end, interval) VALUES (?, ?)", (end, MINUTE))
            connection.execute("UPDATE window SET sealed = 99 WHERE end = ?", (end,))
            row = (end, "[7]", digest("[7]"), 1)
            connection.execute("INSERT INTO outbox (end, fields, digest, count) VALUES (?, ?, ?, ?)", row)

    async def back() -> None:
        async with opened(path) as buffer:
            batch = await buffer.next_batch()
            assert batch is not None
            assert batch.fields == "[7]"
            await buffer.accept(batch)

    asyncio.run(back())
