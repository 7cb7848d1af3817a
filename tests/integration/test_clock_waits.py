"""Days in which nobody tells the time: the real buffer and timekeeper, without the loops."""

import asyncio
import json
from pathlib import Path

from inviseobox.buffer import Buffer
from inviseobox.health.health import Health
from inviseobox.records import Aggregate, Reading
from inviseobox.timekeeping.timekeeper import BUILT, Clocks, Timekeeper
from tests.support.buffers import series, waiting

START = BUILT + 5_000_000.0
"""The true time at which the story begins, in which an hour is a window."""
HOUR = 3600
Y2024 = 1_717_200_000.0
ONE = series("energy", Aggregate.DIFF)


class Life:
    """A box in true time, in seconds since the epoch, with a counter of seconds that is read every ten minutes."""

    def __init__(self, folder: Path) -> None:
        self.now = START
        self._path = str(folder / "data.db")
        self._closed: list[tuple[int, float]] = []

    async def run(
        self, boot: str, booted: float, clock: float, hours: float, *, server: bool = False, max_size: int = 2**29
    ) -> list[tuple[int, float]]:
        """Run the daemon's parts that date and seal; return the windows closed so far with their differences.

        The machine was `booted` then, with a clock that showed `clock`; the `server` answers in the beginning, or not.
        """
        buffer = await Buffer.open(self._path, boot)
        clocks = Clocks(boot, lambda: self.now - booted + clock, lambda: self.now - booted, lambda: None)
        time = await Timekeeper.opened(clocks, buffer, Health(lambda: self.now))
        if server:
            time.hear_server(booted)
        until = self.now + hours * HOUR
        while self.now < until:
            buffer.record(time.stamp(), HOUR, [Reading(ONE, self.now - START)])
            time.look(max_size)
            await (buffer.commit() if (dating := time.dating(HOUR)) is None else buffer.seal(dating))
            self.now += 600
        time.keep()
        self._closed += [
            (batch.window_end, float(field["value"]["diff"]))
            for batch in await waiting(buffer)
            for field in json.loads(batch.fields)
        ]
        await buffer.close()
        return sorted(self._closed)


def border(now: float) -> int:
    """Return the end of the hour that is going on then."""
    return (int(now) // HOUR + 1) * HOUR


def hours(first: float, last: float) -> list[int]:
    """Return the ends of the windows from that of one moment to that of another, which is still open."""
    return list(range(border(first), border(last), HOUR))


def ends(closed: list[tuple[int, float]]) -> list[int]:
    return [end for end, _ in closed]


def test_after_a_day_over_restarts_the_clock_is_believed(tmp_path: Path) -> None:
    """What waited is dated by the clock as it is then, each reading in the hour in which it was read."""

    async def scenario() -> None:
        life = Life(tmp_path)
        assert await life.run("boot", START, Y2024, 10) == []
        assert await life.run("boot", START, Y2024, 10) == []
        closed = await life.run("boot", START, Y2024, 10)
        assert ends(closed) == hours(Y2024, Y2024 + life.now - START - 600)
        assert {moved for _, moved in closed[1:]} == {3600.0}

    asyncio.run(scenario())


def test_after_a_day_over_boots_too(tmp_path: Path) -> None:
    """Each of them begins in 2024 again; what waits of earlier ones is not lost."""

    async def scenario() -> None:
        life = Life(tmp_path)
        for boot in range(3):
            assert await life.run(f"boot {boot}", life.now, Y2024, 7) == []
        closed = await life.run("boot 3", life.now, Y2024, 7)
        assert sum(moved for _, moved in closed) >= life.now - START - 2 * HOUR
        assert len(set(ends(closed))) == len(closed)

    asyncio.run(scenario())


def test_what_waits_is_dated_by_the_server_when_it_answers(tmp_path: Path) -> None:
    async def scenario() -> None:
        life = Life(tmp_path)
        assert await life.run("boot", START, Y2024, 20) == []
        closed = await life.run("boot", START, Y2024, 3, server=True)
        assert ends(closed) == hours(START, life.now - 600)
        assert {moved for _, moved in closed[1:]} == {3600.0}

    asyncio.run(scenario())


def test_what_waits_of_an_earlier_boot_goes_after_the_last_confirmed_time_and_before_what_follows(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        life = Life(tmp_path)
        first = await life.run("first", START, START, 3, server=True)
        assert await life.run("second", life.now, Y2024, 5) == first
        third = life.now
        closed = await life.run("third", third, Y2024, 3, server=True)
        assert len(set(ends(closed))) == len(closed)
        assert set(first) <= set(closed)
        # The counter only rises, so no difference is negative where the order is kept.
        assert all(moved >= 0 for _, moved in closed)
        assert [end for end in ends(closed) if START < end <= third] != ends(first)
        assert sum(moved for _, moved in closed) >= life.now - START - 2 * HOUR

    asyncio.run(scenario())


def test_what_was_read_under_a_right_clock_stays_there_when_one_that_was_believed_comes_back(tmp_path: Path) -> None:
    """In 1970, after a day, it is believed; somebody sets it right, it is lost again, and then the server answers."""

    async def scenario() -> None:
        life = Life(tmp_path)
        await life.run("boot", START, 30.0, 25)
        believed = await life.run("boot", START, START, 0.3)
        assert ends(believed)[:25] == hours(30.0, 25 * HOUR + 30.0)
        await life.run("boot", START, 30.0, 0.1)
        closed = await life.run("boot", START, START, 3, server=True)
        assert ends(closed) == hours(30.0, 25 * HOUR + 30.0) + hours(START + 25 * HOUR, life.now - 600)

    asyncio.run(scenario())


def test_a_box_that_reads_much_waits_only_while_it_has_room(tmp_path: Path) -> None:
    async def scenario() -> None:
        closed = await Life(tmp_path).run("boot", START, Y2024, 4, max_size=20)
        assert ends(closed)[0] == border(Y2024)
        assert len(closed) >= 3

    asyncio.run(scenario())


def test_days_without_a_network_and_a_clock_that_nothing_contradicts(tmp_path: Path) -> None:
    async def scenario() -> None:
        life = Life(tmp_path)
        closed = await life.run("boot", START, START, 72)
        assert ends(closed) == hours(START, life.now - 600)

    asyncio.run(scenario())


def test_a_site_that_is_switched_off_each_night_without_a_battery(tmp_path: Path) -> None:
    """It starts with the time of the evening before, and the server answers; a week has each of its hours."""

    async def scenario() -> None:
        life = Life(tmp_path)
        expected: list[int] = []
        saved = START
        for day in range(7):
            began = life.now
            closed = await life.run(f"day {day}", began, saved, 12, server=True)
            expected += hours(began, life.now - 600)
            saved = life.now
            life.now += 12 * HOUR
        # The last hour of a day is closed on the next.
        assert set(expected) <= set(ends(closed))
        assert all(START < end <= life.now for end in ends(closed))
        assert len(set(ends(closed))) == len(closed)

    asyncio.run(scenario())


def test_a_site_that_is_switched_off_each_night_without_a_battery_nor_a_network(tmp_path: Path) -> None:
    """Its time is wrong by the nights, which nobody can know; no window is closed twice, and none waits."""

    async def scenario() -> None:
        life = Life(tmp_path)
        saved = START
        for day in range(5):
            closed = await life.run(f"day {day}", life.now, saved, 12)
            assert len(set(ends(closed))) == len(closed)
            saved += 12 * HOUR
            life.now += 12 * HOUR
        assert len(closed) >= 5 * 12 - 2

    asyncio.run(scenario())
