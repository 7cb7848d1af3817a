"""What stays in the file, and for how long; and what the journal says when something has to go."""

import asyncio
import logging
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from inviseobox.buffer import Buffer, Dropped
from inviseobox.buffer.database import Database
from inviseobox.buffer.retention import enforce_max_size
from inviseobox.delivery.windows import Windows
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.health.health import Health
from inviseobox.records import Aggregate, Reading
from tests.support import virtual_time
from tests.support.buffers import dating, opened, read, series, stamp, waiting
from tests.support.clocks import timekeeper

MINUTE = 60
HOUR = 3600
DAY = 86_400
START = 1_699_920_000  # a whole day
LEAST = 1_048_576
POWER = series("power", Aggregate.AVG)
MANY = [series(f"65a0000000000000{number:08d}") for number in range(1000)]


def ask(path: Path, sql: str, rows: Iterable[tuple[object, ...]] | None = None) -> list[tuple[int, ...]]:
    """Ask the file from outside, or write `rows` into it."""
    with closing(sqlite3.connect(path)) as connection, connection:
        if rows is None:
            return connection.execute(sql).fetchall()
        connection.executemany(sql, rows)
        return []


async def windows(buffer: Buffer, first: int, interval: int, number: int) -> int:
    """Fill, seal and deliver that many windows of `interval` seconds; return the end of the last one."""
    end = first
    for _ in range(number):
        read(buffer, end, interval, POWER, 1.0)
        end += interval
        await buffer.seal(dating(end))
        await waiting(buffer)
    return end


@pytest.mark.parametrize("intervals", [(HOUR, DAY), (DAY, HOUR)])
def test_the_history_stays_31_days_also_when_the_interval_changes(tmp_path: Path, intervals: tuple[int, int]) -> None:
    before, after = intervals
    path = tmp_path / "data.db"

    async def scenario() -> None:
        async with opened(path) as buffer:
            changed = await windows(buffer, START, before, 40 * DAY // before)
            await windows(buffer, changed, after, 2 * DAY // after)
            kept = await asyncio.to_thread(ask, path, "SELECT min(end) FROM history")
            # Those of a longer interval may stay until as many shorter windows have passed.
            assert kept[0][0] in range(changed - 31 * DAY, changed - 28 * DAY)
            end = await windows(buffer, changed + 2 * DAY, after, 33 * DAY // after)
            kept = await asyncio.to_thread(ask, path, "SELECT min(end), count(*) FROM history")
            assert kept == [(end - 31 * DAY + after, 31 * DAY // after)]

    asyncio.run(scenario())


def test_the_history_of_ends_that_are_forgotten_goes_too(tmp_path: Path) -> None:
    path = tmp_path / "data.db"

    async def scenario() -> None:
        async with opened(path) as buffer:
            await windows(buffer, START, HOUR, 2)
            await asyncio.to_thread(ask, path, "DELETE FROM window", [()])
            end = await windows(buffer, START + 40 * DAY, HOUR, 1)
            assert await asyncio.to_thread(ask, path, "SELECT end FROM history") == [(end,)]

    asyncio.run(scenario())


def test_rejected_items_and_old_ends_are_dropped_before_waiting_batches(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    fields = '[{"measurement":"power"}]' + " " * 1000

    async def scenario() -> None:
        async with opened(path) as buffer:
            read(buffer, START, HOUR, POWER, 1.0)
            await buffer.seal(dating(START + HOUR))
            await asyncio.to_thread(fill)
            read(buffer, START + HOUR, HOUR, POWER, 2.0)
            await buffer.seal(dating(START + 2 * HOUR))
            dropped = await buffer.enforce_max_size(LEAST)
            assert dropped.rejected > 0
            assert (dropped.deliveries, dropped.fields) == (0, 0)
            assert [batch.window_end for batch in await waiting(buffer)] == [START + 2 * HOUR, START + HOUR]
        assert ask(path, "SELECT count(*) FROM window")[0][0] <= 10_000

    def fill() -> None:
        ask(path, "INSERT INTO rejected (end, fields, words) VALUES (?, ?, 'no')", [(START, fields)] * 900)
        ends = ((number * MINUTE, number - 99_999) for number in range(60_000))
        ask(path, "INSERT INTO window (end, interval, sealed, delivered) VALUES (?, 60, ?, 1)", ends)

    asyncio.run(scenario())


def test_the_newest_window_stays_whatever_fills_the_file(tmp_path: Path) -> None:
    path = tmp_path / "data.db"

    async def scenario() -> None:
        async with opened(path) as buffer:
            for number in range(3):
                read(buffer, START + number * HOUR, HOUR, POWER, 1.0)
                await buffer.seal(dating(START + (number + 1) * HOUR))
            dropped = await buffer.enforce_max_size(1)
            assert (dropped.deliveries, dropped.fields) == (2, 2)
            assert [batch.window_end for batch in await waiting(buffer)] == [START + 3 * HOUR]

    asyncio.run(scenario())


def test_the_bound_of_the_file_holds_also_where_no_window_is_known(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    database = Database(str(path))
    try:
        row = (START, "[]" + " " * 1000, "digest", 2)
        ask(path, "INSERT INTO outbox (end, fields, digest, count) VALUES (?, ?, ?, ?)", [row] * 2000)
        dropped, is_done = enforce_max_size(database, LEAST)
        assert is_done
        assert 1000 < dropped.deliveries < 1500
        assert dropped == Dropped(deliveries=dropped.deliveries, fields=2 * dropped.deliveries)
    finally:
        database.close()


def test_a_full_buffer_file_is_told_in_one_line_and_its_end_in_another(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The server takes nothing for long, then all. Not every window has to drop something for there to be room."""
    caplog.set_level(logging.INFO)
    interval = 10

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        health = Health()
        async with opened(tmp_path / "data.db") as buffer:

            def clock() -> float:
                return START + 1 + loop.time() - began

            async def live(windows: int) -> int:
                read = 0
                for number in range(windows):
                    values = [Reading(one, 1.25) for one in (MANY if number % 2 else MANY[:10])]
                    buffer.record(stamp(clock()), interval, values)
                    read += len(values)
                    await asyncio.sleep(interval)
                return read

            task = asyncio.ensure_future(
                Windows(buffer, timekeeper(clock, buffer, health), DevicesInForce(interval), LEAST, health).run()
            )
            count = await live(30)
            (trouble,) = health.troubles.current()
            assert trouble.cause.startswith("full (buffer.max_size): ")
            lost = count - sum(batch.count for batch in await waiting(buffer))
            await live(4)
            task.cancel()
            await asyncio.wait([task])
        lines = [record.message for record in caplog.records if record.message.startswith("buffer size: ")]
        assert len(lines) == 2, "\n".join(lines)
        assert "values that the server did not take were dropped" in lines[0]
        assert lines[1] == f"buffer size: has room again; {lost} values were lost"

    virtual_time.run(scenario())


def test_much_that_must_go_goes_in_steps_between_which_there_is_a_sign(tmp_path: Path) -> None:
    path = tmp_path / "data.db"

    async def scenario() -> int:
        signs = 0

        def sign() -> None:
            nonlocal signs
            signs += 1

        async with opened(path) as buffer:
            rows = [(START, "[]" + " " * 200, "no", number) for number in range(20_000)]
            ask(path, "INSERT INTO rejected (end, fields, words, offered) VALUES (?, ?, ?, ?)", rows)
            dropped = await buffer.enforce_max_size(LEAST, sign)
            assert 10_000 < dropped.rejected < 20_000
        return signs

    assert asyncio.run(scenario()) > 5
