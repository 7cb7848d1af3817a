"""While a window is sealed the others have their turn: it takes nothing any more, and a crash undoes it or nothing."""

import asyncio
import os
import random
import sqlite3
from array import array
from contextlib import closing
from pathlib import Path

import pytest

from inviseobox.buffer import Buffer, sealing
from inviseobox.buffer.readings import Readings
from inviseobox.clock import utc_text
from inviseobox.errors import BufferFault
from inviseobox.records import Aggregate, Reading, Stamp
from tests.support.buffers import dating, kept, opened, read, reports, series, stamp

from .minutes import MINUTE, START, end

ENERGY = series("energy", Aggregate.MIN, Aggregate.MAX, Aggregate.DIFF)
COMMITS = 12


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "_SLICE", 1)


async def fill(buffer: Buffer) -> None:
    """Write a window of readings 0 to 11, each in a row of its own."""
    for number in range(COMMITS):
        read(buffer, START + 5 * number, MINUTE, ENERGY, float(number))
        await buffer.commit()


def on_disk(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def pages_written(path: Path) -> float:
    """Return the number of pages in the write-ahead log."""
    return (Path(f"{path}-wal").stat().st_size - 32) / (24 + 4096)


class Steps:
    """Does something after each step of the buffer's thread, of which it counts those that seal."""

    def __init__(self, buffer: Buffer) -> None:
        self.count = 0
        self._run = buffer._run
        self.after = self.nothing
        buffer._run = self.run  # type: ignore[method-assign, assignment]

    async def nothing(self) -> None:
        """Do nothing."""

    async def run(self, function: object, *arguments: object, **_: object) -> object:
        result: object = await self._run(function, *arguments)  # type: ignore[arg-type]
        if getattr(function, "__name__", "") in ("begin", "count_some"):
            self.count += 1
            await self.after()
        return result


def test_what_is_read_while_a_window_is_sealed_goes_to_the_next_one(tmp_path: Path) -> None:
    """Whatever the clock says meanwhile: it may even step back into the window, or far ahead."""
    clocks = [end(0) + 1, START + 30, START - 3600, end(0) + 86_400, START + 10]

    async def scenario() -> None:
        async with opened(tmp_path / "data.db") as buffer:
            await fill(buffer)
            steps = Steps(buffer)

            async def others() -> None:
                if steps.count <= COMMITS:
                    read(buffer, clocks[steps.count % len(clocks)], MINUTE, ENERGY, 100.0 + steps.count)
                    await buffer.commit()
                    assert await buffer.next_batch() is None

            steps.after = others
            sealed = await buffer.seal(dating(end(0)))
            assert sealed[0].end == end(0)
            assert steps.count > COMMITS
            await buffer.seal(dating(end(0) + 10 * 86_400))
            found = await reports(buffer)
            assert found.pop(("energy", utc_text(end(0)))) == {"min": "0", "max": "11", "diff": "11"}
            assert min(float(value["min"]) for value in found.values()) == 101
            assert max(float(value["max"]) for value in found.values()) == 100 + COMMITS
            assert sum(float(value["diff"]) for value in found.values()) == 100 + COMMITS - 11

    asyncio.run(scenario())


def test_what_is_read_while_a_window_is_sealed_reaches_the_disk_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "data.db"
    monkeypatch.setattr("inviseobox.buffer._COMMIT_PERIOD", -1.0)
    seen: list[bool] = []

    async def scenario() -> None:
        async with opened(path) as buffer:
            await fill(buffer)
            steps = Steps(buffer)

            async def others() -> None:
                if steps.count == 3:
                    read(buffer, end(0) + 1, MINUTE, ENERGY, 100.0)
                if steps.count == 5:
                    seen.append(bool(on_disk(path, f"SELECT 1 FROM reading WHERE end = {end(1)}")))  # noqa: S608
                    assert await buffer.backlog() == 0

            steps.after = others
            await buffer.seal(dating(end(0)))

    asyncio.run(scenario())
    assert seen == [True]


def test_the_same_way_under_another_name_that_comes_while_a_window_is_sealed_goes_on_with_it(tmp_path: Path) -> None:
    renamed = series("energy", Aggregate.DIFF, fingerprint="a synonym")
    renamed = type(renamed)(renamed.measurement, renamed.device, "a synonym", renamed.aggregates, ("as built",))

    async def scenario() -> None:
        async with opened(tmp_path / "data.db") as buffer:
            await fill(buffer)
            steps = Steps(buffer)

            async def others() -> None:
                if steps.count == 3:
                    read(buffer, end(0) + 1, MINUTE, renamed, 15.0)
                    await buffer.commit()

            steps.after = others
            await buffer.seal(dating(end(0)))
            await buffer.seal(dating(end(1)))
            assert {at: value["diff"] for (_, at), value in (await reports(buffer)).items()} == {
                utc_text(end(0)): "11",
                utc_text(end(1)): "4",
            }

    asyncio.run(scenario())


def _crashed(buffer: Buffer) -> None:
    """End the process at once, which gives up its hold on the file."""
    buffer._thread.submit(buffer._database._connection.close).result()
    os.close(buffer._database._file._lock)
    buffer._thread.shutdown()


class Crash(BaseException):
    """The end of the process."""


@pytest.mark.parametrize("at", range(COMMITS + 3))
def test_a_crash_while_a_window_is_sealed_loses_and_doubles_nothing(tmp_path: Path, at: int) -> None:
    async def first_life() -> None:
        buffer = await Buffer.open(str(tmp_path / "data.db"), "boot")
        await fill(buffer)
        steps = Steps(buffer)

        async def others() -> None:
            if steps.count == at:
                read(buffer, end(0) + 1, MINUTE, ENERGY, 20.0)
                await buffer.commit()
                _crashed(buffer)
                raise Crash

        steps.after = others
        buffer._readings.end_sealing = lambda: None  # type: ignore[method-assign]
        try:
            await buffer.seal(dating(end(0)))
        except (Crash, RuntimeError):
            return
        read(buffer, end(0) + 1, MINUTE, ENERGY, 20.0)
        await buffer.commit()
        _crashed(buffer)

    async def second_life() -> None:
        async with opened(tmp_path / "data.db") as buffer:
            await buffer.seal(dating(end(1)))
            assert await reports(buffer) == {
                ("energy", utc_text(end(0))): {"min": "0", "max": "11", "diff": "11"},
                ("energy", utc_text(end(1))): {"min": "20", "max": "20", "diff": "9"},
            }

    asyncio.run(first_life())
    asyncio.run(second_life())


def test_a_window_that_could_not_be_written_is_open_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finish = Readings.finish

    def on_a_full_disk(self: Readings, of: sealing.Sealing) -> sealing.SealedWindow:
        with self._transaction():
            of.write()
            raise BufferFault("the disk is full")

    async def scenario() -> None:
        async with opened(tmp_path / "data.db") as buffer:
            await fill(buffer)
            monkeypatch.setattr(Readings, "finish", on_a_full_disk)
            with pytest.raises(BufferFault):
                await buffer.seal(dating(end(0)))
            assert await buffer.next_batch() is None
            read(buffer, START + 59, MINUTE, ENERGY, 12.0)
            monkeypatch.setattr(Readings, "finish", finish)
            await buffer.seal(dating(end(0)))
            assert await reports(buffer) == {("energy", utc_text(end(0))): {"min": "0", "max": "12", "diff": "12"}}

    asyncio.run(scenario())


def test_the_rows_of_sealed_windows_are_written_over(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    sizes = []

    async def scenario() -> None:
        async with opened(path) as buffer:
            for window in range(6):
                for number in range(COMMITS):
                    many = [Reading(series(f"m{one}", Aggregate.AVG), one / 7) for one in range(50)]
                    buffer.record(stamp(START + MINUTE * window + 5 * number), MINUTE, many)
                    await buffer.commit()
                await buffer.seal(dating(end(window)))
                sizes.append(len(on_disk(path, "SELECT 1 FROM reading")))
                assert len(await reports(buffer)) == 50

    asyncio.run(scenario())
    assert sizes == [COMMITS] * 6


@pytest.mark.parametrize(("measurements", "pages"), [(3, 1), (200, 1), (2000, 3)])
def test_a_commit_changes_no_pages_but_those_of_its_row(tmp_path: Path, measurements: int, pages: int) -> None:
    """Each page goes to the disk twice: it is what a flash disk wears out by."""
    path = tmp_path / "data.db"
    dice = random.Random(4)  # noqa: S311
    many = [series(f"m{number}", Aggregate.AVG) for number in range(measurements)]

    async def scenario() -> None:
        async with opened(path) as buffer:
            for window in range(3):
                for number in range(COMMITS):
                    readings = [Reading(one, 230 + _float32(dice.random())) for one in many]
                    buffer.record(stamp(START + MINUTE * window + 5 * number), MINUTE, readings)
                    on_disk(path, "PRAGMA wal_checkpoint(TRUNCATE)")
                    await buffer.commit()
                    # The first commit of a window writes the window, too.
                    if window == 2 and number > 0:
                        assert pages_written(path) == pages
                await buffer.seal(dating(end(window)))

    asyncio.run(scenario())


def _float32(value: float) -> float:
    (rounded,) = array("f", [value])
    return float(rounded)


def test_rows_that_are_no_longer_needed_are_deleted(tmp_path: Path) -> None:
    path = tmp_path / "data.db"

    async def scenario() -> None:
        async with opened(path) as buffer:
            for number in range(400):
                buffer.record(Stamp(None, 10.0 * number), MINUTE, [Reading(ENERGY, float(number))])
                await buffer.commit()
            assert len(on_disk(path, "SELECT 1 FROM reading")) == 400
        async with opened(path, "another boot") as buffer:
            # What had waited for an hour goes into one window.
            read(buffer, START, MINUTE, ENERGY, 1.0)
            assert await buffer.seal(dating(START + 1)) == []
            sealed = await buffer.seal(dating(end(0)))
            assert [window.end for window in sealed] == [end(0)]
            assert len(on_disk(path, "SELECT 1 FROM reading")) < 50
            read(buffer, end(0), MINUTE, ENERGY, 1.0)
            await buffer.seal(dating(end(1)))
            assert len(on_disk(path, "SELECT 1 FROM reading")) < 20
            assert len(await reports(buffer)) == 2

    asyncio.run(scenario())


@pytest.fixture(params=["window", "window, history", "all that tells of it"])
def lost(request: pytest.FixtureRequest) -> list[str]:
    """Return what damage took of a sealed window."""
    deletes = ["DELETE FROM window", "DELETE FROM history", "DELETE FROM outbox"]
    return deletes[: {"window": 1, "window, history": 2}.get(request.param, 3)]


def test_a_salvage_never_opens_a_sealed_window_again(tmp_path: Path, lost: list[str]) -> None:
    path = tmp_path / "data.db"

    async def before() -> None:
        async with opened(path) as buffer:
            await fill(buffer)
            await buffer.seal(dating(end(0)))
            read(buffer, end(0) + 1, MINUTE, ENERGY, 20.0)

    async def after() -> None:
        async with opened(path) as buffer:
            assert buffer.set_aside is not None
            assert [window.end for window in await buffer.seal(dating(end(1)))] == [end(1)]

    asyncio.run(before())
    with closing(sqlite3.connect(path)) as connection, connection:
        assert len(kept(connection)) == 1
        for sql in lost:
            connection.execute(sql)
        connection.execute("PRAGMA user_version = 4")
    asyncio.run(after())


def test_readings_that_come_after_a_salvage_outlive_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "data.db"

    def damage() -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("PRAGMA user_version = 4")

    async def first() -> None:
        async with opened(path) as buffer:
            await fill(buffer)
            await buffer.seal(dating(end(0)))

    async def second() -> None:
        async with opened(path) as buffer:
            assert buffer.set_aside is not None
            read(buffer, end(0) + 1, MINUTE, ENERGY, 20.0)

    async def third() -> None:
        async with opened(path) as buffer:
            await buffer.seal(dating(end(1)))
            assert ("energy", utc_text(end(1))) in await reports(buffer)

    asyncio.run(first())
    damage()
    asyncio.run(second())
    damage()
    asyncio.run(third())


def test_a_damaged_note_of_what_was_sealed_costs_no_reading(tmp_path: Path) -> None:
    path = tmp_path / "data.db"

    async def before() -> None:
        async with opened(path) as buffer:
            await fill(buffer)
            await buffer.seal(dating(end(0)))
            read(buffer, end(0) + 1, MINUTE, ENERGY, 20.0)
            await buffer.commit()
            buffer.record(Stamp(None, 1e6), MINUTE, [Reading(ENERGY, 21.0)])

    asyncio.run(before())
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE setting SET value = '6' || value WHERE key = 'last sealed reading'")
        connection.execute("PRAGMA user_version = 4")

    async def after() -> None:
        async with opened(path) as buffer:
            assert buffer.set_aside is not None

    asyncio.run(after())
    with closing(sqlite3.connect(path)) as connection:
        assert [value for _, value, _ in kept(connection)] == [20.0, 21.0]
