"""What was sealed is found again, window by window."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.buffer import Buffer
from inviseobox.buffer.history import PastReport
from inviseobox.records import Aggregate
from tests.support.buffers import dating, opened, read, series, waiting

MINUTE = 60
NAMES = [f"m{number:02d}" for number in range(20)]


async def fill(buffer: Buffer, windows: list[dict[str, float | None]]) -> list[int]:
    """Seal windows of a minute in which these measurements were read; return their ends."""
    ends = []
    for number, values in enumerate(windows, 1):
        for name, value in values.items():
            read(buffer, number * MINUTE - 30, MINUTE, series(name, Aggregate.AVG, Aggregate.MAX), value)
        await buffer.seal(dating(number * MINUTE))
        ends.append(number * MINUTE)
    return ends


async def told(buffer: Buffer, measurement: str, since: int = 0) -> list[PastReport]:
    """Return the whole history of a measurement."""
    found: list[PastReport] = []
    after: int | None = await buffer.history_start(since, 1000)
    while after is not None:
        reports, after = await buffer.history(measurement, after)
        found += reports
    return found


SITES = st.lists(st.dictionaries(st.sampled_from(NAMES), st.none() | st.integers(0, 9), max_size=20), max_size=6)


@given(SITES, st.sampled_from(NAMES), st.integers(0, 6 * MINUTE))
def test_a_measurement_is_found_in_each_window_that_it_was_read_in(
    tmp_path_factory: pytest.TempPathFactory, windows: list[dict[str, float | None]], name: str, since: int
) -> None:
    async def scenario() -> None:
        async with opened(tmp_path_factory.mktemp("history") / "data.db") as buffer:
            ends = await fill(buffer, windows)
            expected = {end: values[name] for end, values in zip(ends, windows, strict=True) if name in values}
            found = await told(buffer, name, since)
            assert {one.end: float(one.value["avg"]) if one.value else None for one in found} == {
                end: value for end, value in expected.items() if end > since
            }
            assert [one.end for one in found] == sorted(one.end for one in found)
            held = [end for end, values in zip(ends, windows, strict=True) if values]
            newest = await buffer.newest_ends(3)
            assert newest == held[-3:]
            averages = await buffer.averages(newest, NAMES)
            assert averages == {each: [windows[end // MINUTE - 1].get(each) for end in newest] for each in NAMES}

    asyncio.run(scenario())


def test_many_windows_come_in_slices_and_of_too_many_the_newest(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path / "data.db") as buffer:
            ends = await fill(buffer, [{"a": float(number), "b": 1.0} for number in range(250)])
            first, after = await buffer.history("b", 0)
            assert len(first) == 100
            assert after == ends[99]
            assert [one.end for one in await told(buffer, "b")] == ends
            assert await buffer.history_start(0, 10) == ends[-11]
            assert await buffer.history_start(ends[-5], 10) == ends[-5]
            assert await buffer.history_start(0, 1000) == 0

    asyncio.run(scenario())


def test_delivered_is_what_does_not_wait_and_was_not_refused_for_good(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path / "data.db") as buffer:
            await fill(buffer, [{"a": 1.0}])
            await waiting(buffer)
            await fill_one_more(buffer, 2)
            batch = await buffer.next_batch()
            assert batch is not None
            await buffer.reject(batch, "no", 0.0)
            await fill_one_more(buffer, 3)
            assert [(one.end, one.is_delivered) for one in await told(buffer, "a")] == [
                (MINUTE, True), (2 * MINUTE, False), (3 * MINUTE, False),
            ]  # fmt: skip

    async def fill_one_more(buffer: Buffer, number: int) -> None:
        read(buffer, number * MINUTE - 30, MINUTE, series("a", Aggregate.AVG), 1.0)
        await buffer.seal(dating(number * MINUTE))

    asyncio.run(scenario())


DAMAGES = {
    "holes": ("DELETE FROM history WHERE rowid % 3 = 1", {"m00": None, "m01": 1.0, "m02": 2.0, "m07": 7.0}),
    "no JSON": ("UPDATE history SET value = '{'", {"m00": None, "m19": None}),
    "another JSON": ("UPDATE history SET value = '[5]'", {"m00": None, "m19": None}),
    "bytes that are no text": ("UPDATE history SET value = CAST(x'ff' AS TEXT)", {"m00": None}),
    "a number that is none": ('UPDATE history SET value = \'{"avg":"1e999"}\'', {"m00": None}),
}


@pytest.mark.parametrize(("damage", "left"), DAMAGES.values(), ids=DAMAGES)
def test_damaged_rows_cost_themselves(tmp_path: Path, damage: str, left: dict[str, float | None]) -> None:
    async def scenario() -> None:
        async with opened(tmp_path / "data.db") as buffer:
            (end,) = await fill(buffer, [{name: float(number) for number, name in enumerate(NAMES)}])
            with closing(sqlite3.connect(tmp_path / "data.db")) as connection, connection:
                connection.execute(damage)
            averages = await buffer.averages([end], list(left))
            assert {name: found[0] for name, found in averages.items()} == left

    asyncio.run(scenario())


def test_what_was_rejected_is_told_in_small_parts_damaged_or_not(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path / "data.db") as buffer:
            for number in range(1, 41):
                read(buffer, number * MINUTE - 30, MINUTE, series("a", Aggregate.AVG), float(number))
                await buffer.seal(dating(number * MINUTE))
                batch = await buffer.next_batch()
                assert batch is not None
                await buffer.reject(batch, f"no {number}", 0.0)
            with closing(sqlite3.connect(tmp_path / "data.db")) as connection, connection:
                connection.execute("UPDATE rejected SET fields = CAST(x'5bff' AS TEXT) WHERE id = 3")
            found, after = [], 0
            while some := await buffer.rejected_after(after):
                assert len(some) <= 16
                found += some
                after = some[-1].id
            assert [one.words for one in found] == [f"no {number}" for number in range(1, 41)]
            assert [one.is_intact for one in found] == [number != 3 for number in range(1, 41)]
            assert json.loads(found[-1].fields)[0]["value"] == {"avg": "40"}

    asyncio.run(scenario())
