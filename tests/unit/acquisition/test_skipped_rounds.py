"""Reading that is faster than the disk: starts of rounds are skipped, never stretched, and never too many."""

import asyncio
import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from inviseobox import events
from inviseobox.acquisition.back_pressure import MOST_BEHIND, BackPressure
from inviseobox.acquisition.polling import Outcome, poll
from inviseobox.errors import BufferFault
from inviseobox.health.health import Health
from inviseobox.records import Aggregate, Series, Stamp, failed
from tests.support import virtual_time
from tests.support.buffers import opened


class Counting:
    """A link on which a round takes no time; it notes when each began."""

    name = "link"

    def __init__(self) -> None:
        self.began: list[float] = []

    async def poll_once(self, next_start: float) -> Outcome:
        """Note it."""
        self.began.append(asyncio.get_running_loop().time())
        return Outcome.READ

    async def reopen(self) -> bool:
        """Return True."""
        return True

    async def close(self) -> None:
        """Leave nothing."""


def begun(skips: Iterator[bool], period: float, longest: float, seconds: float) -> list[float]:
    """Poll for so many seconds; return when the rounds began, from the first on."""
    link = Counting()

    async def scenario() -> None:
        task = asyncio.ensure_future(poll(link, period, Health(), skips=lambda: next(skips, False), longest=longest))
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.wait([task])

    virtual_time.run(scenario())
    return [round(at - link.began[0], 1) for at in link.began]


def test_a_skipped_start_moves_no_other() -> None:
    skips = iter([False, True, True, False, True, False])
    assert begun(skips, 10, math.inf, 65) == [0, 10, 40, 60]


def test_two_rounds_a_window_are_begun_however_much_is_behind() -> None:
    assert begun(itertools.repeat(True), 10, 65, 205) == [0, 60, 120, 180]


def test_rounds_without_a_pause_wait_a_little() -> None:
    at = begun(itertools.chain([True] * 5, itertools.repeat(True)), 0, 30, 62)
    assert len(at) == 3
    assert at[1] == pytest.approx(30, abs=0.2)


def test_rounds_are_skipped_while_too_much_is_not_on_the_disk_and_one_line_says_so(tmp_path: Path) -> None:
    now = 1000.0
    health = Health(lambda: now)
    series = Series("m", "d", "way", (Aggregate.AVG,))

    async def scenario() -> None:
        nonlocal now
        async with opened(tmp_path / "data.db") as buffer:
            pressure = BackPressure(buffer, health)
            assert not pressure.skips()
            for number in range(MOST_BEHIND // 10_000 + 1):
                buffer.record(Stamp(1_700_000_000.0 + number, float(number)), 60, failed([series] * 10_000))
            assert pressure.skips()
            assert [trouble.kind for trouble in health.troubles.current()] == [events.PACE]
            await buffer.commit()
            assert not pressure.skips()
            assert health.troubles.current(), "not over before it lasted"
            now += 61
            assert not pressure.skips()
            assert health.troubles.current() == []

    asyncio.run(scenario())


def test_a_disk_that_cannot_be_written_is_no_reason_to_read_less(tmp_path: Path) -> None:
    series = Series("m", "d", "way", (Aggregate.AVG,))

    async def scenario() -> None:
        async with opened(tmp_path / "data.db") as buffer:
            pressure = BackPressure(buffer, Health())
            buffer.record(Stamp(1_700_000_000.0, 1.0), 60, failed([series] * (MOST_BEHIND + 1)))
            await buffer._run(buffer._database.run, "PRAGMA query_only = ON")
            with pytest.raises(BufferFault):
                await buffer.commit()
            assert not pressure.skips()
            await buffer._run(buffer._database.run, "PRAGMA query_only = OFF")

    asyncio.run(scenario())
