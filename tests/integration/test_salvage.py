"""What is saved of a damaged file is what it was: nothing is counted for another series, no end is used twice."""

import asyncio
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.buffer.leaf_pages import scattered_rows
from inviseobox.buffer.schema import COLUMNS
from inviseobox.clock import utc_text
from inviseobox.records import Aggregate, Reading, Stamp
from tests.support.buffers import dating, opened, read, reports, series, waiting
from tests.support.damages import damage

from .earlier_files import EARLIER, write_earlier_file
from .minutes import MINUTE, POWER, START, end, windows

ENERGY = series("energy", Aggregate.DIFF)


def lose(path: Path, *tables: str) -> None:
    """Write rubbish over the first page of each table."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        roots = dict(connection.execute("SELECT name, rootpage FROM sqlite_master"))
    damage(path, random.Random(path.name), [roots[table] for table in tables], size)  # noqa: S311


async def _two_readings(path: Path) -> None:
    """Leave two readings in the open window."""
    async with opened(path) as buffer:
        read(buffer, START + 1, MINUTE, POWER, 7.0, 9.0)


def test_readings_of_a_lost_series_are_counted_for_no_other(tmp_path: Path) -> None:
    path = tmp_path / "data.db"

    async def after() -> None:
        async with opened(path) as buffer:
            assert buffer.set_aside is not None
            # The first to come gets the key that the lost one had.
            read(buffer, START + 2, MINUTE, ENERGY, 1000.0, 1000.5)
            read(buffer, START + 3, MINUTE, POWER, 3.0)
            await buffer.seal(dating(end(0)))
            assert await reports(buffer) == {
                ("energy", utc_text(end(0))): {"diff": "0.5"},
                ("power", utc_text(end(0))): {"avg": "3"},
            }

    asyncio.run(_two_readings(path))
    lose(path, "series", "sqlite_autoindex_series_1")
    asyncio.run(after())


@pytest.mark.parametrize("table", ["series", "sqlite_autoindex_series_1"])
def test_of_series_of_which_a_table_or_an_index_is_left_no_reading_is_lost(tmp_path: Path, table: str) -> None:
    path = tmp_path / "data.db"

    async def after() -> None:
        async with opened(path) as buffer:
            read(buffer, START + 2, MINUTE, ENERGY, 1000.0)
            read(buffer, START + 3, MINUTE, POWER, 5.0)
            await buffer.seal(dating(end(0)))
            assert (await reports(buffer))["power", utc_text(end(0))] == {"avg": "7"}

    asyncio.run(_two_readings(path))
    lose(path, table)
    asyncio.run(after())


def test_no_device_without_a_name_is_told_of(tmp_path: Path) -> None:
    """Where the index alone is left of a series, its device is not known until it is read again."""
    path = tmp_path / "data.db"

    async def after() -> None:
        async with opened(path) as buffer:
            read(buffer, START + 2, MINUTE, ENERGY, 1000.0)
            await buffer.seal(dating(end(0)))
            status = await buffer.next_status()
            assert status is not None
            assert [device["_id"] for device in json.loads(status.devices)] == [ENERGY.device]

    asyncio.run(_two_readings(path))
    lose(path, "series")
    asyncio.run(after())


@pytest.mark.parametrize("tables", [("window",), ("window", "history")], ids=" and ".join)
def test_lost_windows_are_sealed_in_order_and_no_end_is_used_twice(tmp_path: Path, tables: tuple[str, ...]) -> None:
    """Without the history, too: what waits for the server has its end as well."""
    path = tmp_path / "data.db"

    async def before() -> None:
        async with opened(path) as buffer:
            await windows(buffer, 0, 1, 2)
            read(buffer, START + MINUTE * 3 + 1, MINUTE, POWER, 3.0)

    async def after() -> None:
        async with opened(path) as buffer:
            assert buffer.is_overdue(end(3))
            assert [window.end for window in await buffer.seal(dating(end(3)))] == [end(3)]
            # The clock is put back to where all is sealed.
            read(buffer, START + 1, MINUTE, POWER, 10.0)
            await buffer.seal(dating(START + 2))
            assert [window.end for window in await buffer.seal(dating(end(4)))] == [end(4)]
            batches = await waiting(buffer)
            assert [batch.window_end for batch in batches] == [end(4), end(0), end(1), end(2), end(3)]

    asyncio.run(before())
    lose(path, *tables)
    asyncio.run(after())


CUT_SHORT = """
import asyncio, os, sys
from inviseobox.buffer import Buffer
from inviseobox.records import Aggregate, Dating, Reading, Series, Stamp

async def live():
    buffer = await Buffer.open(sys.argv[1], "boot")
    power = Series("power", "meter", "as built", (Aggregate.AVG,))
    for number in range(5):
        start = 1_700_000_040 + 60 * number
        buffer.record(Stamp(start, start), 60, [Reading(power, float(number))])
        await (buffer.seal(Dating(start + 60, start + 60, False, None)) if number < 4 else buffer.commit())
    os._exit(0)

asyncio.run(live())
"""


@pytest.mark.parametrize("loss", ["emptied", "removed"])
def test_a_write_ahead_log_without_its_file_gives_all_that_it_holds(tmp_path: Path, loss: str) -> None:
    """As after a power cut, and a check of the file system that kept only one of the two."""
    path = tmp_path / "data.db"
    subprocess.run([sys.executable, "-c", CUT_SHORT, str(path)], check=True, timeout=20)
    log = Path(f"{path}-wal").stat().st_size
    assert log > 50_000
    if loss == "emptied":
        os.truncate(path, 0)
    else:
        path.unlink()

    async def after() -> None:
        async with opened(path) as buffer:
            assert buffer.set_aside is not None
            await buffer.seal(dating(end(4)))
            assert await reports(buffer) == {
                ("power", utc_text(end(number))): {"avg": str(number)} for number in range(5)
            }

    asyncio.run(after())
    assert [file.stat().st_size for file in tmp_path.glob("data.db.corrupt-*-wal")] == [log]


@pytest.mark.parametrize("is_in_the_log", [True, False], ids=["in the log", "in the file"])
def test_rows_of_readings_are_found_without_the_pages_that_tell_of_them(tmp_path: Path, is_in_the_log: bool) -> None:
    """Whole numbers and long rows, with and without a date, in the file or in its write-ahead log."""
    path, copy = tmp_path / "data.db", tmp_path / "copy.db"
    dice = random.Random(4)  # noqa: S311
    many = [series(f"m{number}") for number in range(2000)]
    columns = COLUMNS["reading"]

    async def scenario() -> list[dict[str, object]]:
        async with opened(path) as buffer:
            for number, now in enumerate((START, START + 0.5, None, START + 40, None, START + 60.25)):
                readings = [Reading(one, dice.random()) for one in many[: 1 if number % 2 else 2000]]
                buffer.record(Stamp(now, 100.0 + 10 * number), MINUTE, readings)
                await buffer.commit()
            if not is_in_the_log:
                with closing(sqlite3.connect(path)) as connection:
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            for suffix in ("", "-wal"):
                shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
            with closing(sqlite3.connect(path)) as connection:
                rows = connection.execute(f"SELECT {', '.join(columns)} FROM reading").fetchall()  # noqa: S608
                return [dict(zip(columns, row, strict=True)) for row in rows]

    rows = asyncio.run(scenario())
    assert len(rows) == 6
    found = [row for row in scattered_rows(str(copy)) if row in rows]
    assert sorted(row["id"] for row in found) == sorted(int(str(row["id"])) for row in rows)


@given(st.binary(max_size=4096), st.binary(max_size=4096))
def test_no_rubbish_stops_the_search_for_rows(page: bytes, log: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.db"
        path.write_bytes(b"\x0d\0\0\0\1" + page.ljust(8187, page[:1] or b"\0"))
        Path(f"{path}-wal").write_bytes(log * 3)
        list(scattered_rows(str(path)))


def test_an_empty_file_of_which_nothing_was_known_is_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    path.touch()

    async def after() -> None:
        async with opened(path) as buffer:
            assert buffer.set_aside is None

    asyncio.run(after())


@pytest.mark.parametrize("version", EARLIER)
@pytest.mark.parametrize("lost", ["setting", "window"])
def test_a_damaged_file_of_an_earlier_version_is_saved(tmp_path: Path, version: int, lost: str) -> None:
    path = tmp_path / "data.db"
    write_earlier_file(path, version)
    lose(path, lost)

    async def after() -> None:
        async with opened(path) as buffer:
            assert buffer.set_aside is not None
            assert await buffer.seal(dating(end(1))) == []
            assert await reports(buffer) == {("energy", utc_text(end(0))): {"diff": "10.5"}}
            assert await buffer.rejected() == 1

    asyncio.run(after())


@pytest.mark.parametrize("folder", ["a#b", "a?b=c", "%41", "Zähler 1"])
def test_a_damaged_file_is_saved_on_a_path_with_signs_of_an_address(tmp_path: Path, folder: str) -> None:
    path = tmp_path / folder / "data.db"

    async def before() -> None:
        async with opened(path) as buffer:
            await windows(buffer, 0, 1)

    async def after() -> None:
        async with opened(path) as buffer:
            assert buffer.set_aside is not None
            assert len(await reports(buffer)) == 2

    asyncio.run(before())
    lose(path, "outbox_order")
    asyncio.run(after())
    assert [file.name for file in tmp_path.iterdir()] == [folder]
