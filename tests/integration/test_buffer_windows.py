"""Readings become sealed windows, each once and under the right end, whatever the clock and the power do."""

import asyncio
import json
import random
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from inviseobox.buffer import Buffer
from inviseobox.clock import utc_text
from inviseobox.records import Aggregate, Reading, Series
from tests.support.buffers import dating, kept, opened, read, reports, series, stamp

from .minutes import MINUTE, START

ENERGY = series("energy")


def run(tmp_path: Path, *lives: Callable[[Buffer], Awaitable[None]]) -> None:
    """Run each of `lives` with the same file, opened and closed for it."""

    async def live() -> None:
        for life in lives:
            async with opened(tmp_path / "data.db") as buffer:
                await life(buffer)

    asyncio.run(live())


async def sealed_ends(buffer: Buffer, now: float) -> list[int]:
    return [window.end - START for window in await buffer.seal(dating(now))]


def at(seconds: int) -> str:
    return utc_text(START + seconds)


def test_a_window_holds_what_was_read_in_it(tmp_path: Path) -> None:
    async def life(buffer: Buffer) -> None:
        read(buffer, START + 1, MINUTE, ENERGY, 10.0, 14.5, None, 12.0)
        assert await sealed_ends(buffer, START + 59.9) == []
        read(buffer, START + 59.9, MINUTE, ENERGY, 13.25)
        read(buffer, START + 60, MINUTE, ENERGY, 20.0)
        assert await sealed_ends(buffer, START + 60) == [60]
        assert await reports(buffer) == {
            ("energy", at(60)): {"min": "10", "max": "14.5", "avg": "12.4375", "diff": "3.25"}
        }
        assert await sealed_ends(buffer, START + 120) == [120]
        assert await reports(buffer) == {("energy", at(120)): {"min": "20", "max": "20", "avg": "20", "diff": "6.75"}}

    run(tmp_path, life)


def test_a_buffer_closed_in_mid_window_loses_nothing(tmp_path: Path) -> None:
    async def before(buffer: Buffer) -> None:
        read(buffer, START + 1, MINUTE, ENERGY, 10.0)
        await buffer.commit()
        read(buffer, START + 11, MINUTE, ENERGY, 11.0)

    async def after(buffer: Buffer) -> None:
        read(buffer, START + 21, MINUTE, ENERGY, 15.0)
        assert await sealed_ends(buffer, START + 61) == [60]
        assert await reports(buffer) == {("energy", at(60)): {"min": "10", "max": "15", "avg": "12", "diff": "5"}}

    run(tmp_path, before, after)


def test_an_overdue_window_is_sealed_under_its_own_end_and_none_is_invented(tmp_path: Path) -> None:
    async def before(buffer: Buffer) -> None:
        read(buffer, START + 1, MINUTE, ENERGY, 10.0, 12.0)

    async def after(buffer: Buffer) -> None:
        assert buffer.is_overdue(START + 3 * 3600)
        read(buffer, START + 3 * 3600 + 5, MINUTE, ENERGY, 20.0)
        assert await sealed_ends(buffer, START + 3 * 3600 + 5) == [60]
        assert await sealed_ends(buffer, START + 3 * 3600 + 60) == [3 * 3600 + 60]
        found = await reports(buffer)
        assert sorted(found) == [("energy", at(60)), ("energy", at(3 * 3600 + 60))]
        assert found["energy", at(3 * 3600 + 60)]["diff"] == "8"

    run(tmp_path, before, after)


def test_diffs_add_up_over_restarts_and_hours_without_power(tmp_path: Path) -> None:
    values = [1000.1, 1000.3, 1000.7, 1001.9, 1100.4]
    diffs: list[str] = []

    def life(number: int) -> Callable[[Buffer], Awaitable[None]]:
        async def live(buffer: Buffer) -> None:
            now = START + number * 36_000
            read(buffer, now, MINUTE, ENERGY, values[number])
            await buffer.seal(dating(now + 60))
            diffs.extend(value["diff"] for value in (await reports(buffer)).values())

        return live

    run(tmp_path, *map(life, range(len(values))))
    assert diffs == ["0", "0.2", "0.4", "1.2", "98.5"]


def test_a_clock_that_steps_back_moves_the_open_window(tmp_path: Path) -> None:
    async def life(buffer: Buffer) -> None:
        read(buffer, START + 601, MINUTE, ENERGY, 1.0)
        await buffer.commit()
        read(buffer, START + 5, MINUTE, ENERGY, 3.0)
        assert await sealed_ends(buffer, START + 59) == []
        assert await sealed_ends(buffer, START + 60) == [60]
        read(buffer, START + 605, MINUTE, ENERGY, 7.0)
        assert await sealed_ends(buffer, START + 660) == [660]
        assert {key: value["avg"] for key, value in (await reports(buffer)).items()} == {
            ("energy", at(60)): "2",
            ("energy", at(660)): "7",
        }

    run(tmp_path, life)


def test_a_clock_that_stepped_back_while_off_moves_the_open_window_at_start(tmp_path: Path) -> None:
    async def before(buffer: Buffer) -> None:
        read(buffer, START + 601, MINUTE, ENERGY, 1.0)

    async def after(buffer: Buffer) -> None:
        assert await sealed_ends(buffer, START + 5) == []
        assert await sealed_ends(buffer, START + 60) == [60]
        assert list(await reports(buffer)) == [("energy", at(60))]

    run(tmp_path, before, after)


def test_a_sealed_end_is_never_used_again(tmp_path: Path) -> None:
    async def before(buffer: Buffer) -> None:
        read(buffer, START + 1, MINUTE, ENERGY, 1.0)
        read(buffer, START + 61, MINUTE, ENERGY, 2.0)
        assert await sealed_ends(buffer, START + 121) == [60, 120]

    async def after(buffer: Buffer) -> None:
        read(buffer, START + 2, MINUTE, ENERGY, 5.0)
        assert await sealed_ends(buffer, START + 121) == []
        assert await sealed_ends(buffer, START + 180) == [180]
        found = await reports(buffer)
        assert {key: value["avg"] for key, value in found.items()} == {
            ("energy", at(60)): "1",
            ("energy", at(120)): "2",
            ("energy", at(180)): "5",
        }

    run(tmp_path, before, after)


def test_a_clock_that_steps_forward_closes_the_open_window_under_its_end(tmp_path: Path) -> None:
    async def life(buffer: Buffer) -> None:
        read(buffer, START + 1, MINUTE, ENERGY, 1.0)
        read(buffer, START + 86_401, MINUTE, ENERGY, 2.0)
        assert await sealed_ends(buffer, START + 86_402) == [60]
        # And back again: the window opened in the false future takes the readings to the earliest end that is free.
        read(buffer, START + 10, MINUTE, ENERGY, 4.0)
        assert await sealed_ends(buffer, START + 120) == [120]
        assert {key: value["avg"] for key, value in (await reports(buffer)).items()} == {
            ("energy", at(60)): "1",
            ("energy", at(120)): "3",
        }

    run(tmp_path, life)


@pytest.mark.parametrize("seed", range(8))
def test_a_clock_that_jumps_about_loses_and_doubles_nothing(tmp_path: Path, seed: int) -> None:
    """Every reading comes out in exactly one window; no end comes out twice."""
    dice = random.Random(seed)  # noqa: S311
    count = series("count", Aggregate.MIN, Aggregate.MAX)
    ends: list[int] = []
    recorded = 0

    async def life(buffer: Buffer) -> None:
        nonlocal recorded
        now = float(START)
        for _ in range(120):
            now += dice.choice([1, 1, 5, 20, 59, 61, 200, -3, -70, -4000, 4000])
            await sealed(buffer, now)
            for _ in range(dice.randrange(3)):
                recorded += 1
                read(buffer, now, dice.choice([MINUTE, MINUTE, 10]), series(f"reading {recorded}"), float(recorded))
            read(buffer, now, MINUTE, count, float(recorded))
            if dice.random() < 0.5:
                await buffer.commit()
        await sealed(buffer, now + 1_000_000)

    async def sealed(buffer: Buffer, now: float) -> None:
        ends.extend(window.end for window in await buffer.seal(dating(now)))

    async def collect(buffer: Buffer) -> None:
        found = await reports(buffer)
        names = [name for name, _ in found if name != "count"]
        assert sorted(names) == sorted(f"reading {number + 1}" for number in range(recorded))

    run(tmp_path, life, collect)
    assert len(ends) == len(set(ends))
    assert len(ends) > 10


def test_a_changed_interval_takes_effect_after_the_open_window(tmp_path: Path) -> None:
    async def life(buffer: Buffer) -> None:
        read(buffer, START + 1, MINUTE, ENERGY, 1.0)
        read(buffer, START + 2, 10, ENERGY, 2.0)
        assert await sealed_ends(buffer, START + 20) == []
        read(buffer, START + 21, 10, ENERGY, 3.0)
        assert await sealed_ends(buffer, START + 60) == [60]
        read(buffer, START + 61, 10, ENERGY, 4.0)
        assert await sealed_ends(buffer, START + 70) == [70]
        read(buffer, START + 71, 10, ENERGY, 5.0)
        read(buffer, START + 72, 300, ENERGY, 6.0)
        assert await sealed_ends(buffer, START + 80) == [80]
        read(buffer, START + 81, 300, ENERGY, 7.0)
        # START is 4 minutes past a multiple of 300 s.
        assert START % 300 == 240
        assert await sealed_ends(buffer, START + 359) == []
        assert await sealed_ends(buffer, START + 360) == [360]

    run(tmp_path, life)


def test_a_measurement_re_addressed_in_mid_window_gives_one_field_and_starts_anew(tmp_path: Path) -> None:
    old, new = (series("energy", fingerprint=name) for name in ("old meter", "new meter"))

    async def life(buffer: Buffer) -> None:
        read(buffer, START + 1, MINUTE, old, 100.0)
        await buffer.seal(dating(START + 60))
        read(buffer, START + 61, MINUTE, old, 103.0, 104.0)
        read(buffer, START + 90, MINUTE, new, 7.0, 9.0)
        await buffer.seal(dating(START + 120))
        read(buffer, START + 121, MINUTE, old, 110.0)
        await buffer.seal(dating(START + 180))
        found = await reports(buffer)
        assert found["energy", at(120)] == {"min": "7", "max": "104", "avg": "55.75", "diff": "6"}
        assert found["energy", at(180)]["diff"] == "0", "what the old meter moved meanwhile is not known to be its own"

    run(tmp_path, life)


def test_the_aggregates_that_a_measurement_asks_for_may_change_and_change_back(tmp_path: Path) -> None:
    extremes, mean = series("power", Aggregate.MIN, Aggregate.MAX), series("power", Aggregate.AVG)
    asked: list[list[str]] = []

    async def life(buffer: Buffer) -> None:
        for number, one in enumerate((extremes, mean, extremes)):
            read(buffer, START + 60 * number, MINUTE, one, 5.0)
            await buffer.seal(dating(START + 60 * (number + 1)))
            asked.extend(list(value) for value in (await reports(buffer)).values())

    run(tmp_path, life)
    assert asked == [["min", "max"], ["avg"], ["min", "max"]]


def test_a_measurement_may_move_to_another_device_and_back(tmp_path: Path) -> None:
    here, there = series("power", device="here"), series("power", device="there")
    told: list[str] = []

    async def life(buffer: Buffer) -> None:
        for number, one in enumerate((here, there, here)):
            read(buffer, START + 60 * number, MINUTE, one, 5.0)
            await buffer.seal(dating(START + 60 * (number + 1)))
            status = await buffer.next_status()
            assert status is not None
            told.extend(device["_id"] for device in json.loads(status.devices))

    run(tmp_path, life)
    assert told == ["here", "there", "here"]


def test_the_status_tells_of_the_last_window_only(tmp_path: Path) -> None:
    def of(device: str, measurement: str) -> Series:
        return series(measurement, device=device)

    async def life(buffer: Buffer) -> None:
        read(buffer, START + 1, MINUTE, of("a", "a1"), None)
        await buffer.seal(dating(START + 60))
        read(buffer, START + 61, MINUTE, of("a", "a1"), 1.0)
        read(buffer, START + 61, MINUTE, of("a", "a2"), None, 1.0)
        read(buffer, START + 61, MINUTE, of("b", "b1"), None)
        read(buffer, START + 61, MINUTE, of("c", "c1"), 1.0)
        await buffer.seal(dating(START + 120))
        status = await buffer.next_status()
        assert status is not None
        assert {device["_id"]: device for device in json.loads(status.devices)} == {
            "a": {
                "_id": "a",
                "status": "partial",
                "measurements": [{"_id": "a1", "status": "ok"}, {"_id": "a2", "status": "partial"}],
            },
            "b": {"_id": "b", "status": "dead", "measurements": [{"_id": "b1", "status": "dead"}]},
            "c": {"_id": "c", "status": "ok", "measurements": [{"_id": "c1", "status": "ok"}]},
        }
        await buffer.status_sent(status)
        assert await buffer.next_status() is None
        assert ("b1", at(120)) not in await reports(buffer), "a measurement without a good reading has no field"

    run(tmp_path, life)


def test_readings_may_come_while_the_disk_is_written(tmp_path: Path) -> None:
    """The loop that reads must be able to hand over readings at any moment, also while a commit runs."""
    total = 0

    async def life(buffer: Buffer) -> None:
        nonlocal total
        many = [series(f"m{number}") for number in range(500)]
        for _ in range(10):
            buffer.record(stamp(START + 1), MINUTE, [Reading(one, 1.0) for one in many])
            total += len(many)
            committing = asyncio.ensure_future(buffer.commit())
            while not committing.done():
                read(buffer, START + 1, MINUTE, ENERGY, 2.0)
                total += 1
                await asyncio.sleep(0.0005)
            await committing
        await buffer.commit()
        with closing(sqlite3.connect(tmp_path / "data.db")) as connection:
            assert len(kept(connection)) == total

    run(tmp_path, life)


def test_a_measurement_that_leaves_the_list_and_comes_back_goes_on(tmp_path: Path) -> None:
    async def life(buffer: Buffer) -> None:
        read(buffer, START + 1, MINUTE, ENERGY, 100.0)
        await buffer.seal(dating(START + 60))
        read(buffer, START + 61, MINUTE, series("another"), 1.0)
        await buffer.seal(dating(START + 120))
        read(buffer, START + 121, MINUTE, ENERGY, 106.0)
        await buffer.seal(dating(START + 180))
        assert (await reports(buffer))["energy", at(180)]["diff"] == "6"

    run(tmp_path, life)
