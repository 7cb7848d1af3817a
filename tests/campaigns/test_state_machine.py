"""Whatever happens in whatever order: readings, clock steps, changed settings, crashes, and a moody server.

The real buffer, sealing and upload, which run as they do in the daemon, in a loop of virtual time; the server is a
model. Three things hold: every sealed window is accepted in the end, or set aside after true proofs and accepted once
the server takes it; equal measurement and timestamp means equal value; the differences of a measurement add up to what
was seen to move in one way of reading, exactly.
"""

import asyncio
import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from inviseobox.clock import utc_text
from inviseobox.records import Aggregate, Reading, Series
from tests.support.buffers import dating, opened, stamp
from tests.support.soak import SOAK

from .files import Report, Value
from .model_box import Box, GoodReadings, series
from .model_server import MOODS, ModelServer
from .sizes import measured, sample

_NAMES = ("energy", "water", "heat")
_START = 1_700_000_000.0
_YEAR_2037 = 2_130_000_000.0
_STEPS = st.decimals(-5, 50, places=2)
_DAY = 86_400.0
_REFUSALS = (400, 409, 422, 500, 503, "hangs up", "stalls")


class Life(RuleBasedStateMachine):
    """A box over years, in moments."""

    lives: ClassVar[int] = 0
    good_set_aside: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self._server = ModelServer()
        self._box = Box(self._server, _START)
        self._interval = 60
        self._shows: dict[tuple[str, int], Decimal] = {}
        self._readings = {name: GoodReadings() for name in _NAMES}
        self._listed: dict[str, tuple[int, int]] = {}
        self._sealed: dict[Report, Value] = {}
        self._set_aside: set[Report] = set()

    @initialize()
    def list_all(self) -> None:
        """Adopt the first device list."""
        self._listed = dict.fromkeys(_NAMES, (0, 0))

    def _read(self, good: list[str], moved: Decimal) -> None:
        readings = []
        for name, (address, alias) in self._listed.items():
            self._shows[name, address] = self._shows.get((name, address), Decimal(1000 * address)) + moved
            value = self._shows[name, address] if name in good else None
            readings.append(Reading(series(name, address, alias), None if value is None else float(value)))
            if value is not None:
                self._readings[name].in_memory.append((address, value))
        self._box.buffer.record(self._box.stamp(), self._interval, readings)

    @rule(good=st.lists(st.sampled_from(_NAMES), unique=True), moved=_STEPS, passed=st.floats(0, 40))
    def read(self, good: list[str], moved: Decimal, passed: float) -> None:
        """Read every listed measurement in a round, those in `good` with success, while all meters move on."""
        self._box.pass_time(passed)
        self._read(good, moved)

    @rule(moves=st.lists(st.tuples(st.sampled_from(_NAMES), st.integers(0, 2), st.booleans(), _STEPS), max_size=5))
    def addresses_come_and_go(self, moves: list[tuple[str, int, bool, Decimal]]) -> None:
        """Move measurements to other addresses and back in a moment, with and without a good reading there."""
        for name, address, is_good, moved in moves:
            self._listed[name] = address, 0
            self._read([name] if is_good else [], moved)

    @rule(name=st.sampled_from(_NAMES), alias=st.integers(0, 2))
    def class_is_renamed(self, name: str, alias: int) -> None:
        """Call the class of a measurement by another of its names."""
        if name in self._listed:
            self._listed[name] = self._listed[name][0], alias

    @rule(passed=st.one_of(st.floats(0, 500), st.just(20_000.0)))
    def time_passes(self, passed: float) -> None:
        """Let time pass in which nothing is read."""
        self._box.pass_time(passed)

    @rule(rounds=st.integers(4, 12), moved=_STEPS)
    def work_as_usual(self, rounds: int, moved: Decimal) -> None:
        """Read and seal for an hour or two."""
        for _ in range(rounds):
            self._box.pass_time(600)
            self._read(list(_NAMES), moved)
            self.seal()

    @rule(step=st.one_of(st.floats(-5000, 5000), st.just(_YEAR_2037)))
    def clock_steps(self, step: float) -> None:
        """Set the clock, as a person does, or a start without a network."""
        self._box.set_clock(step if step == _YEAR_2037 else self._box.now + step)

    @rule()
    def clock_is_put_right(self) -> None:
        """Put a clock right that was far off, as a person does."""
        if self._box.now >= _YEAR_2037:
            self._box.set_clock(_START + (self._box.now - _YEAR_2037) % 100_000)

    @rule(off=st.one_of(st.just(0.0), st.floats(-50, 50), st.floats(-5000, 5000)))
    def witness_comes(self, off: float) -> None:
        """Let a witness confirm the clock, or refute it; a box whose time was unknown knows it then."""
        right = self._box.now + off
        if not _START / 2 < right < _YEAR_2037:
            right = max(self._box.confirmed or 0.0, _START) + abs(off)
        self._box.witness(right)

    @rule()
    def clock_is_believed(self) -> None:
        """Believe a clock that nobody confirmed for a day."""
        self._box.is_known = True

    @rule(in_order=st.booleans(), clock=st.sampled_from(("runs on", "stood still", "begins anew")), known=st.booleans())
    def reboot(self, in_order: bool, clock: str, known: bool) -> None:
        """Switch the box off and on, with a clock that has a battery, or none."""
        before = self._box.now
        if in_order:
            self._box.do(self._box.buffer.commit())
            self._note_durable()
        self._box.reboot(is_known=known)
        self.crash()
        self._box.pass_time(30)
        if clock != "runs on":
            self._box.set_clock(before if clock == "stood still" else 30.0)

    @rule(intervals=st.lists(st.sampled_from((1, 7, 60, 90, 1800)), min_size=1, max_size=4), moved=_STEPS)
    def interval_changes(self, intervals: list[int], moved: Decimal) -> None:
        """Change the length of windows, as the server or the configuration does, perhaps there and back."""
        for interval in intervals:
            self._interval = interval
            if len(intervals) > 1:
                self._read(list(_NAMES), moved)

    @rule(name=st.sampled_from(_NAMES), address=st.sampled_from((None, 0, 1, 2)))
    def device_list_changes(self, name: str, address: int | None) -> None:
        """Remove a measurement, bring it back, or move it to another address."""
        self._listed.pop(name, None)
        if address is not None:
            self._listed[name] = address, 0

    @rule()
    def commit(self) -> None:
        """Write what was read to the disk."""
        self._box.do(self._box.buffer.commit())
        self._note_durable()

    @rule()
    def seal(self) -> None:
        """Look whether a window has ended, and note what is sealed."""
        if not self._box.is_known:
            self.commit()
            return
        sealed = self._box.do(self._sealed_windows())
        self._note_durable()
        assert self._box.buffer.waiting == 0
        self._assert_open_window_is_near()
        for end, fields in sealed:
            for measurement, text in fields:
                report = measurement, utc_text(end)
                assert report not in self._sealed, f"{report} is sealed twice"
                self._sealed[report] = json.loads(text)

    async def _sealed_windows(self) -> list[tuple[int, list[tuple[str, str]]]]:
        """Seal; return the ends of windows and what the history has of them, which outlives its delivery."""
        found = []
        for window in await self._box.buffer.seal(self._box.dating()):
            self._server.window_sealed()
            sql = f"SELECT measurement, value FROM history WHERE end = {window.end} AND value != '{{}}'"  # noqa: S608
            fields = self._box.rows(sql)
            assert len(fields) == window.fields
            found.append((window.end, [(str(measurement), str(text)) for measurement, text in fields]))
        return found

    def _assert_open_window_is_near(self) -> None:
        """Assert that the newest open window ends at the next free border, however far off the clock was."""
        for end, interval in self._box.rows("SELECT end, interval FROM window WHERE sealed IS NULL ORDER BY end DESC")[
            :1
        ]:
            taken = {of for (of,) in self._box.rows("SELECT end FROM window WHERE sealed IS NOT NULL")}
            first = (math.floor(self._box.now / interval) + 1) * interval
            assert end % interval == 0
            assert set(range(first, end, interval)) <= taken, f"at {self._box.now} the open window ends at {end}"

    def _note_durable(self) -> None:
        for readings in self._readings.values():
            readings.durable += readings.in_memory
            readings.in_memory.clear()

    @rule()
    def crash(self) -> None:
        """End the process at once: what was in memory is gone, and so is its hold on the file."""
        self._box.crash()
        for readings in self._readings.values():
            readings.in_memory.clear()

    @rule()
    def restart(self) -> None:
        """End the process in order."""
        self._box.restart()
        self._note_durable()

    @rule(mood=st.sampled_from(MOODS), refusal=st.sampled_from(_REFUSALS), chosen=st.integers(0, 1000))
    def server_changes_its_mood(self, mood: str, refusal: int | str, chosen: int) -> None:
        """Let the server answer as this mood is, from now on."""
        self._server.mood = mood
        self._server.refusal = refusal
        waiting = sorted(set(self._sealed) - set(self._server.stored))
        if mood == "refuses one" and waiting and len(self._server.poisoned) < 2:
            self._server.poisoned.add(waiting[chosen % len(waiting)])

    @precondition(lambda self: self._server.late)
    @rule(chosen=st.integers(0, 7))
    def acceptance_comes_late(self, chosen: int) -> None:
        """Let an acceptance arrive for a batch that may be gone, in parts, or have left its id to another."""
        batch = self._server.late[chosen % len(self._server.late)]
        self._box.do(self._box.buffer.accept(batch))

    @invariant()
    def nothing_vanishes(self) -> None:
        """Assert that what is sealed is at the server, waits for it, or was set aside with reason."""
        waiting = _reports(self._box.rows("SELECT fields FROM outbox"))
        rejected = _reports(self._box.rows("SELECT fields FROM rejected"))
        for report in rejected - self._set_aside:
            assert self._server.is_proven(report), f"{report} is set aside without proof"
            Life.good_set_aside += report not in self._server.poisoned
        self._set_aside |= rejected
        gone = set(self._sealed) - set(self._server.stored) - waiting - rejected
        assert not gone, f"neither delivered nor waiting: {gone}"

    def teardown(self) -> None:
        """Make the server well; then nothing may be missing, and the differences must add up."""
        Life.lives += 1
        try:
            self._server.mood = "well"
            self._box.is_known = True
            self.seal()
            self._box.set_clock(max(self._box.now, _YEAR_2037) + 1e8)
            self._end_backlog()
            self._server.poisoned.clear()
            if self._box.rows("SELECT 1 FROM rejected WHERE offers < 7"):
                self._box.pass_time(_DAY + 7200)
            self._check()
        finally:
            self._box.remove()

    def _end_backlog(self) -> None:
        """Work on until nothing waits: what is refused for its own sake is set aside while others are taken."""
        self._interval = 600
        self._listed["heat"] = 0, 0
        for _ in range(40):
            self.seal()
            self._box.pass_time(60)
            self.nothing_vanishes()
            if not self._box.rows("SELECT 1 FROM outbox"):
                return
            self._read(["heat"], Decimal(1))
            self._box.pass_time(600)
        raise AssertionError("the backlog does not end")

    def _check(self) -> None:
        given_up = _reports(self._box.rows("SELECT fields FROM rejected WHERE offers >= 7"))
        missing = set(self._sealed) - set(self._server.stored)
        assert missing <= given_up, f"never arrived: {missing}"
        assert {report: value for report, value in self._sealed.items() if report not in missing} == self._server.stored
        for name, readings in self._readings.items():
            values = [value for (of, _), value in self._sealed.items() if of == name]
            assert sum((Decimal(value["diff"]) for value in values), Decimal(0)) == readings.moved(), name
            if values:
                shown = [value for _, value in readings.durable]
                assert min(Decimal(value["min"]) for value in values) == min(shown)
                assert max(Decimal(value["max"]) for value in values) == max(shown)


def _reports(rows: list[tuple[Any, ...]]) -> set[Report]:
    return {(one["measurement"], one["timestamp"]) for (fields,) in rows for one in json.loads(fields)}


@pytest.mark.usefixtures("silence")
def test_a_box_loses_no_window_and_no_difference_in_any_life() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Life, settings=settings(max_examples=sample(200, 5000), stateful_step_count=50, derandomize=not SOAK)
    )
    measured(f"{Life.lives} lives: {Life.good_set_aside} good values were set aside for a time")
    assert Life.good_set_aside <= Life.lives / 50


def test_a_clock_that_is_put_right_between_two_commits_costs_no_reading(tmp_path: Path) -> None:
    one = Series("energy", "device", "as built", tuple(Aggregate))

    async def scenario() -> list[str]:
        async with opened(tmp_path / "data.db") as buffer:
            buffer.record(stamp(_YEAR_2037), 60, [Reading(one, 1.5)])
            buffer.record(stamp(_START), 60, [Reading(one, 4.0)])
            assert [window.fields for window in await buffer.seal(dating(_START + 60))] == [1]
            batch = await buffer.next_batch()
            assert batch is not None
        return [field["value"]["diff"] for field in json.loads(batch.fields)]

    assert asyncio.run(scenario()) == ["2.5"]
