"""Readings wait on the disk while the time is not known, and go to the windows where they belong once it is."""

import asyncio
from pathlib import Path

from inviseobox.buffer import Buffer
from inviseobox.clock import utc_text
from inviseobox.records import Aggregate, Dating, Reading, Stamp
from tests.support.buffers import reports, series

from .minutes import MINUTE, START, end

POWER = series("power", Aggregate.AVG, Aggregate.DIFF)
YEAR_2037 = 2_130_000_000


class Box:
    """A box whose boots and clocks a test sets. `right` is what the clock should say at uptime 0 of a boot."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._boots = 0

    async def boot(self) -> None:
        """Switch it on."""
        self._boots += 1
        self.buffer = await Buffer.open(str(self._path), f"boot {self._boots}")

    async def off(self) -> None:
        """Switch it off."""
        await self.buffer.close()

    async def read(self, value: float, uptime: float, now: float | None = None) -> None:
        """Read, and commit."""
        self.buffer.record(Stamp(now, uptime), MINUTE, [Reading(POWER, value)])
        await self.buffer.commit()

    async def seal(
        self, now: float, uptime: float, *, witnessed: bool = True, confirmed: float | None = None
    ) -> list[int]:
        """Seal; return the ends of the windows."""
        sealed = await self.buffer.seal(Dating(now, uptime, witnessed, confirmed))
        return [window.end for window in sealed]

    async def told(self) -> dict[str, str]:
        """Take all that was sealed; return the averages."""
        return {at: value["avg"] for (_, at), value in (await reports(self.buffer)).items()}


def test_readings_wait_over_a_restart_and_are_sealed_under_the_ends_of_their_own_windows(tmp_path: Path) -> None:
    async def scenario() -> None:
        box = Box(tmp_path / "data.db")
        await box.boot()
        for uptime in (0.0, 60.0, 120.0):
            await box.read(uptime, uptime)
        waiting = box.buffer.waiting
        assert waiting > 0
        await box.off()
        box._boots -= 1
        await box.boot()
        assert box.buffer.waiting == waiting
        assert box.buffer.is_overdue(START)
        assert await box.seal(START + 130, 130.0) == [end(0), end(1)]
        assert box.buffer.waiting == 0
        assert not box.buffer.is_overdue(START + 130)
        await box.read(125.0, 131.0, START + 131)
        assert await box.seal(end(2), 180.0) == [end(2)]
        assert await box.told() == {utc_text(end(0)): "0", utc_text(end(1)): "60", utc_text(end(2)): "122.5"}
        await box.off()

    asyncio.run(scenario())


def test_what_waited_in_earlier_boots_goes_behind_the_newest_confirmed_time(tmp_path: Path) -> None:
    async def scenario() -> None:
        box = Box(tmp_path / "data.db")
        await box.boot()
        await box.read(1.0, 5.0, START + 5)
        assert await box.seal(end(0), 60.0) == [end(0)]
        await box.off()
        for value in (2.0, 4.0):
            await box.boot()
            await box.read(value, 10_000.0)
            await box.off()
        await box.boot()
        await box.read(9.0, 5.0)
        assert await box.seal(START + 86_400, 20.0, confirmed=START + 30) == [end(1), START + 86_400]
        assert await box.told() == {
            utc_text(end(0)): "1", utc_text(end(1)): "3", utc_text(START + 86_400): "9"
        }  # fmt: skip
        await box.off()

    asyncio.run(scenario())


def test_a_witness_takes_readings_out_of_a_window_that_lies_far_ahead(tmp_path: Path) -> None:
    async def scenario() -> None:
        box = Box(tmp_path / "data.db")
        await box.boot()
        await box.read(1.0, 1.0, YEAR_2037 + 1)
        await box.read(2.0, 65.0, YEAR_2037 + 65)
        assert await box.seal(YEAR_2037 + 50, 50.0, witnessed=False) == []
        assert await box.seal(START + 125, 125.0) == [end(0), end(1)]
        assert await box.told() == {utc_text(end(0)): "1", utc_text(end(1)): "2"}
        await box.off()

    asyncio.run(scenario())


def test_a_witness_takes_readings_out_of_a_window_of_long_ago(tmp_path: Path) -> None:
    """As with a clock without a battery, which begins in 2024 and is put right after 50 s."""
    begin = START - 63_072_000

    async def scenario() -> None:
        box = Box(tmp_path / "data.db")
        await box.boot()
        for uptime in (1.0, 11.0, 21.0):
            await box.read(uptime, uptime, begin + uptime)
        assert await box.seal(begin + 30, 30.0, witnessed=False) == []
        # The next look comes after the step, when the window of 2024 is overdue.
        assert await box.seal(START + 31, 31.0) == []
        assert await box.seal(end(0), 60.0) == [end(0)]
        assert await box.told() == {utc_text(end(0)): "11"}
        await box.off()

    asyncio.run(scenario())


def test_a_witness_takes_readings_out_of_a_window_into_which_a_step_back_moved_them(tmp_path: Path) -> None:
    """The clock was right when they were read; the step was seen by a look at it, or by the next reading."""

    async def scenario(path: Path, *, is_read_again: bool) -> None:
        box = Box(path)
        await box.boot()
        await box.read(1.0, 1.0, START + 1)
        if is_read_again:
            await box.read(3.0, 2.0, 30.0)
        assert await box.seal(31.0, 3.0, witnessed=False) == []
        assert [row[0] for row in box.buffer._database.rows("SELECT end FROM window")] == [MINUTE]
        # All at once: a window of 1970 is overdue where nothing was taken out of it.
        assert await box.seal(START + 4, 4.0) == []
        assert await box.seal(end(0), 60.0) == [end(0)]
        assert await box.told() == {utc_text(end(0)): "2" if is_read_again else "1"}
        await box.off()

    asyncio.run(scenario(tmp_path / "looked.db", is_read_again=False))
    asyncio.run(scenario(tmp_path / "read.db", is_read_again=True))


def test_without_a_witness_a_window_stays_where_it_is(tmp_path: Path) -> None:
    async def scenario() -> None:
        box = Box(tmp_path / "data.db")
        await box.boot()
        await box.read(1.0, 1.0, START + 1)
        assert await box.seal(START + 7200, 30.0, witnessed=False) == [end(0)]
        await box.off()

    asyncio.run(scenario())


def test_readings_with_and_without_a_date_in_one_commit_are_sealed_in_order(tmp_path: Path) -> None:
    async def scenario() -> None:
        box = Box(tmp_path / "data.db")
        await box.boot()
        for value, now in ((1.0, START + 1), (2.0, None), (4.0, START + 3), (7.0, None)):
            box.buffer.record(Stamp(now, value), MINUTE, [Reading(POWER, value)])
        assert await box.seal(START + 8, 8.0) == []
        await box.read(9.0, 9.0)
        assert await box.seal(end(0), 60.0) == [end(0)]
        assert [value["diff"] for value in (await reports(box.buffer)).values()] == ["8"]
        await box.off()

    asyncio.run(scenario())
