"""Files of earlier versions: they open with all that they hold, and the version before still works on the result."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from inviseobox.clock import utc_text
from inviseobox.records import Aggregate
from inviseobox.reports.batches import digest
from tests.support.buffers import dating, opened, read, reports, series

from .earlier_files import write_earlier_file
from .minutes import MINUTE, START


@pytest.mark.parametrize("version", [1, 2])
def test_a_file_of_an_earlier_version_goes_on_where_it_was(tmp_path: Path, version: int) -> None:
    path = tmp_path / "data.db"
    write_earlier_file(path, version)

    async def scenario() -> None:
        async with opened(path) as buffer:
            assert buffer.set_aside is None
            assert await buffer.setting("device list") == "[]"
            read(buffer, START + MINUTE + 30, MINUTE, series("energy", Aggregate.DIFF), 13.0)
            await buffer.seal(dating(START + 2 * MINUTE))
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
    write_earlier_file(path, version)
    write_earlier_file(old, version)

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
