"""What becomes of what the witnesses say: stamps, datings, lines, and the note in a real buffer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from inviseobox import events
from inviseobox.buffer import Buffer
from inviseobox.health.health import ClockWitness, Health
from inviseobox.records import Dating, Stamp
from inviseobox.timekeeping.timekeeper import BUILT, Clocks, Timekeeper
from tests.support.buffers import opened

TRUE = BUILT + 1_000_000.0
"""The true time at which the machine was started."""
ROOM = 1_000_000


@dataclass
class Machine:
    """Its clock is `ahead` of the truth."""

    ahead: float = 0.0
    uptime: float = 100.0
    synchronised_at: float | None = None
    boot: str = "boot"

    def wall(self) -> float:
        return TRUE + self.uptime + self.ahead

    @property
    def booted(self) -> float:
        """When it was started, by its clock."""
        return self.wall() - self.uptime

    @property
    def clocks(self) -> Clocks:
        return Clocks(self.boot, self.wall, lambda: self.uptime, lambda: self.synchronised_at)


class Bench:
    """A timekeeper on a machine, with all that it talks to."""

    def __init__(self, buffer: Buffer, machine: Machine) -> None:
        self.buffer = buffer
        self.machine = machine
        self.health = Health(lambda: machine.uptime)

    async def start(self) -> Timekeeper:
        return await Timekeeper.opened(self.machine.clocks, self.buffer, self.health)


def on(folder: Path, act: Callable[[Bench], Awaitable[None]], ahead: float = 0.0) -> None:
    async def scenario() -> None:
        async with opened(folder / "data.db") as buffer:
            await act(Bench(buffer, Machine(ahead)))

    asyncio.run(scenario())


def test_readings_are_stamped_with_the_judged_time(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        time, machine = await bench.start(), bench.machine
        assert time.stamp() == Stamp(None, 100.0)
        assert time.now() == machine.wall()
        time.hear_server(TRUE)
        assert time.stamp() == Stamp(TRUE + 100, 100.0)
        assert time.now() == TRUE + 100
        machine.ahead = 5.0
        assert time.stamp() == Stamp(TRUE + 105, 100.0)

    on(tmp_path, act, -BUILT)


def test_sealing_waits_a_moment_for_the_first_witness(tmp_path: Path) -> None:
    """For a tenth of the interval, a minute at most: a server that answers at once comes before a window is closed."""

    async def act(bench: Bench) -> None:
        time, machine = await bench.start(), bench.machine
        assert time.dating(100) is None
        machine.uptime += 9.9
        assert time.dating(100) is None
        machine.uptime += 0.2
        assert time.dating(100) == Dating(machine.wall(), machine.uptime, is_witnessed=False, confirmed=machine.booted)
        assert time.dating(86_400) is None
        machine.uptime += 50
        assert time.dating(86_400) is not None

    on(tmp_path, act)


def test_with_a_witness_sealing_waits_for_nothing(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        time, machine = await bench.start(), bench.machine
        time.hear_server(TRUE + 7200)
        now = machine.wall() + 7200
        assert time.dating(100) == Dating(now, machine.uptime, is_witnessed=True, confirmed=TRUE + 7200)

    on(tmp_path, act)


def test_while_the_time_is_unknown_nothing_is_sealed(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        time, machine = await bench.start(), bench.machine
        machine.uptime += 80_000
        assert time.dating(100) is None
        machine.uptime += 10_000
        assert time.dating(100) == Dating(machine.wall(), machine.uptime, is_witnessed=False, confirmed=machine.booted)

    on(tmp_path, act, -BUILT)


def test_what_was_confirmed_before_is_never_after_the_start_of_this_boot(tmp_path: Path) -> None:
    """Where a server once told a time to come, what waits from then goes before what comes now."""

    async def act(bench: Bench) -> None:
        time, machine = await bench.start(), bench.machine
        time.hear_server(TRUE + 300_000_000)
        time.keep()
        await bench.buffer.commit()
        machine.boot = "next"
        time = await bench.start()
        time.hear_server(TRUE)
        dating = time.dating(100)
        assert dating is not None
        assert dating.confirmed == TRUE

    on(tmp_path, act)


def test_a_buffer_that_fills_with_what_waits_is_no_reason_to_believe_a_clock_later(tmp_path: Path) -> None:
    """What waits for the first sealing after a start waits for no witness."""

    async def act(bench: Bench) -> None:
        time, machine = await bench.start(), bench.machine
        time.look(-1)
        machine.ahead = -BUILT
        assert time.stamp().now is None
        time.look(-1)
        assert time.stamp().now == machine.wall()

    on(tmp_path, act)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the ids of the events of lines since the last call."""
    found = [getattr(record, "MESSAGE_ID", "") for record in caplog.records]
    caplog.clear()
    return found


def test_each_state_of_the_clock_takes_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "inviseobox")

    async def act(bench: Bench) -> None:
        time, machine, health = await bench.start(), bench.machine, bench.health
        seen = []

        def look() -> list[str]:
            machine.uptime += 4000.0
            time.look(ROOM)
            time.look(ROOM)
            seen.append(health.dated_by)
            return told(caplog)

        assert look() == [events.TIME_UNKNOWN.id]
        machine.uptime += 90_000
        time.stamp()
        assert look() == [events.CLOCK_BELIEVED.id]
        time.hear_server(TRUE)
        assert look() == [events.CLOCK_OFF.id]
        machine.ahead = 0.0
        assert look() == [events.CLOCK_RIGHT.id]
        machine.uptime += 4000
        machine.synchronised_at = machine.wall()
        assert look() == []
        time.hear_server(TRUE - 7200)
        assert look() == [events.SERVER_CLOCK_OFF.id]
        time.hear_server(TRUE)
        assert look() == [events.SERVER_CLOCK_RIGHT.id]
        assert seen == [
            "nothing", "believed clock", "server", "confirmed clock", "confirmed clock", "confirmed clock",
            "confirmed clock",
        ]  # fmt: skip
        machine.uptime += 4000
        machine.ahead = 300_000_000
        machine.uptime += 4000
        assert look() == [events.CLOCK_OFF.id]

    on(tmp_path, act, -BUILT)


def test_the_status_knows_who_confirmed_the_clock_and_how_far_it_is_off(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        time, machine, health = await bench.start(), bench.machine, bench.health
        time.hear_server(TRUE + 90)
        assert (health.clock_error, health.clock_witness) == (-90.0, None)
        time.hear_server(TRUE + 70, doubt=30.0)
        assert (health.clock_error, health.clock_witness) == (-90.0, None)
        time.hear_server(TRUE + 50)
        assert health.clock_witness == ClockWitness(machine.wall(), "the server")
        machine.synchronised_at = machine.wall()
        time.look(ROOM)
        assert health.clock_witness == ClockWitness(machine.wall(), "the time synchronisation")

    on(tmp_path, act)


def test_what_is_known_is_noted_when_it_is_news_every_few_minutes_and_when_asked(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        time, machine = await bench.start(), bench.machine

        async def noted() -> str | None:
            await bench.buffer.commit()
            return await bench.buffer.setting("clock")

        time.look(ROOM)
        assert await noted() is None
        time.hear_server(TRUE)
        time.look(ROOM)
        first = await noted()
        assert first is not None
        machine.uptime += 299
        time.hear_server(TRUE)
        time.look(ROOM)
        assert await noted() == first
        machine.uptime += 1
        time.look(ROOM)
        second = await noted()
        assert second != first
        time.hear_server(TRUE + 100)
        time.look(ROOM)
        third = await noted()
        assert third != second
        machine.uptime += 10
        time.hear_server(TRUE + 100)
        time.keep()
        assert await noted() != third

    on(tmp_path, act)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"server": 1e999, "confirmed": "never", "boot": "boot"}'])
def test_a_damaged_note_teaches_nothing(tmp_path: Path, text: str) -> None:
    async def act(bench: Bench) -> None:
        await bench.buffer.write_setting("clock", text)
        time = await bench.start()
        assert time.stamp() == Stamp(bench.machine.wall(), 100.0)

    on(tmp_path, act)
