"""Whatever happens in whatever order: readings, clock steps, changed settings, crashes, and a moody server.

The real buffer, sealing and upload; the server is a model that is called instead of reached over HTTP. Three things
hold: every sealed window is accepted in the end; equal measurement and timestamp means equal value; the differences
of a measurement add up to what its meters moved.
"""

import asyncio
import json
import math
import os
import shutil
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from inviseobox.buffer import Buffer
from inviseobox.delivery.upload import Upload
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.errors import BufferFault, DeliveryError
from inviseobox.health.health import Health
from inviseobox.records import Aggregate, Batch, Reading, Series
from inviseobox.reports.batches import digest
from inviseobox.server.answers import Answer
from inviseobox.server.api import TOTAL_TIMEOUT
from tests.support.buffers import opened
from tests.support.soak import SOAK

from .files import Report, Value
from .sizes import sample

_T = TypeVar("_T")
_NAMES = ("energy", "water", "heat")
_START = 1_700_000_000.0
_YEAR_2037 = 2_130_000_000.0
_MOODS = ("well", "away", "refuses everything", "stores without answering", "wants less", "refuses one", "token")
_STEPS = st.decimals(-5, 50, places=2)


def _summed(values: list[str]) -> Decimal:
    return sum(map(Decimal, values), Decimal(0))


@dataclass
class _ModelServer:
    """Takes fields as its mood is, and holds them to the promise that equal reports have equal values."""

    mood: str = "well"
    poisoned: Report | None = None
    stored: dict[Report, Value] = field(default_factory=dict)

    async def send_values(self, batch: Batch) -> Answer:
        """Answer as the mood is. Raises DeliveryError."""
        assert digest(batch.fields) == batch.digest
        reports = {(one["measurement"], one["timestamp"]): one["value"] for one in json.loads(batch.fields)}
        if self.mood == "away":
            raise DeliveryError("it does not answer")
        if self.mood == "wants less" and len(reports) > 1:
            return Answer(413, b"", None)
        if self.mood in ("refuses everything", "token"):
            return Answer(401 if self.mood == "token" else 400, b"no", None)
        if self.poisoned in reports:
            return Answer(422, b"this one is wrong", None)
        for report, value in reports.items():
            assert self.stored.setdefault(report, value) == value, f"{report}: {self.stored[report]}, then {value}"
        if self.mood == "stores without answering":
            raise DeliveryError("no complete answer")
        return Answer(200, b"OK", None)

    async def send_status(self, devices: str, *, timeout: float = TOTAL_TIMEOUT) -> Answer:
        """Take any status. Raises DeliveryError."""
        json.loads(devices)
        if self.mood == "away":
            raise DeliveryError("it does not answer")
        return Answer(200, b"OK", None)

    async def forget_form(self) -> None:
        """Speak one form only."""


@dataclass
class _Meter:
    """One meter: what it shows, and the readings of it that nothing may lose any more, or that a crash still can."""

    series: Series
    shows: Decimal
    durable: list[float] = field(default_factory=list)
    in_memory: list[float] = field(default_factory=list)


class Life(RuleBasedStateMachine):
    """A box over years, in moments."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self._folder = Path(tempfile.mkdtemp(prefix="inviseobox-life-", dir="/dev/shm"))
        self._path = self._folder / "data.db"
        self._server = _ModelServer()
        self._now = _START
        self._interval = 60
        self._meters: dict[tuple[str, int], _Meter] = {}
        self._listed: dict[str, int] = {}
        self._sealed: dict[Report, Value] = {}
        self._open()

    def _do(self, work: Coroutine[Any, Any, _T]) -> _T:
        return self._loop.run_until_complete(work)

    def _open(self) -> None:
        self._buffer = self._do(Buffer.open(str(self._path)))
        self._upload = Upload(self._buffer, self._server, DevicesInForce(), Health(), lambda: self._now, lambda: 0.0)

    @initialize()
    def list_all(self) -> None:
        """Adopt the first device list."""
        self._listed = dict.fromkeys(_NAMES, 0)

    @rule(good=st.lists(st.sampled_from(_NAMES), unique=True), moved=_STEPS, passed=st.floats(0, 40))
    def read(self, good: list[str], moved: Decimal, passed: float) -> None:
        """Read every listed measurement in a round, those in `good` with success, while all meters move on."""
        self._now += passed
        readings = []
        for name, address in self._listed.items():
            meter = self._meters.setdefault(
                (name, address),
                _Meter(Series(name, "device", f"address {address}", tuple(Aggregate)), Decimal(1000 * address)),
            )
            meter.shows += moved
            value = float(meter.shows) if name in good else None
            readings.append(Reading(meter.series, value))
            if value is not None:
                meter.in_memory.append(value)
        self._buffer.record(self._now, self._interval, readings)

    @rule(passed=st.floats(0, 500))
    def time_passes(self, passed: float) -> None:
        """Let time pass in which nothing is read."""
        self._now += passed

    @rule(step=st.one_of(st.floats(-5000, 5000), st.just(_YEAR_2037)))
    def clock_steps(self, step: float) -> None:
        """Set the clock, as a person does, or a start without a network."""
        self._now = step + (self._now if step != _YEAR_2037 else 0)

    @rule()
    def clock_is_put_right(self) -> None:
        """Put a clock right that was far off, as NTP does."""
        if self._now >= _YEAR_2037:
            self._now = _START + (self._now - _YEAR_2037) % 100_000

    @rule(interval=st.sampled_from((1, 7, 60, 90, 1800)))
    def interval_changes(self, interval: int) -> None:
        """Change the length of windows, as the server or the configuration does."""
        self._interval = interval

    @rule(name=st.sampled_from(_NAMES), address=st.sampled_from((None, 0, 1, 2)))
    def device_list_changes(self, name: str, address: int | None) -> None:
        """Remove a measurement, bring it back, or move it to another address."""
        self._listed.pop(name, None)
        if address is not None:
            self._listed[name] = address

    @rule()
    def commit(self) -> None:
        """Write what was read to the disk."""
        self._do(self._buffer.commit())
        self._note_durable()

    @rule()
    def seal(self) -> None:
        """Look whether a window has ended, and note what is sealed."""
        sealed = self._do(self._buffer.seal(self._now))
        self._note_durable()
        self._assert_open_window_is_near()
        for window in sealed:
            listed = self._buffer._database.rows("SELECT fields FROM outbox WHERE end = ?", window.end)
            fields = [one for (text,) in listed for one in json.loads(text)]
            assert len(fields) == window.fields
            for one in fields:
                report = one["measurement"], one["timestamp"]
                assert report not in self._sealed, f"{report} is sealed twice"
                self._sealed[report] = one["value"]

    def _assert_open_window_is_near(self) -> None:
        """Assert that the newest open window ends at the next free border, however far off the clock was."""
        row = self._buffer._database.row("SELECT end, interval FROM window WHERE sealed IS NULL ORDER BY end DESC")
        if row is not None:
            end, interval = row
            taken = {of for (of,) in self._buffer._database.rows("SELECT end FROM window WHERE sealed IS NOT NULL")}
            first = (math.floor(self._now / interval) + 1) * interval
            assert end % interval == 0
            assert set(range(first, end, interval)) <= taken, f"at {self._now} the open window ends at {end}"

    def _note_durable(self) -> None:
        for meter in self._meters.values():
            meter.durable += meter.in_memory
            meter.in_memory.clear()

    @rule()
    def crash(self) -> None:
        """End the process at once: what was in memory is gone, and so is its hold on the file."""
        self._drop()
        for meter in self._meters.values():
            meter.in_memory.clear()
        self._open()

    @rule()
    def restart(self) -> None:
        """End the process in order."""
        self._do(self._buffer.close())
        self._note_durable()
        self._open()

    def _drop(self) -> None:
        thread = self._buffer._thread
        thread.submit(self._buffer._database._connection.close).result()
        os.close(self._buffer._database._file._lock)
        thread.shutdown()

    @rule(mood=st.sampled_from(_MOODS))
    def server_changes_its_mood(self, mood: str) -> None:
        """Let the server answer as this mood is, from now on."""
        self._server.mood = mood
        if mood == "refuses one" and self._server.poisoned is None:
            waiting = sorted(set(self._sealed) - set(self._server.stored))
            self._server.poisoned = waiting[len(waiting) // 2] if waiting else None

    @precondition(lambda self: self._sealed)
    @rule(times=st.integers(1, 6))
    def deliver(self, times: int) -> None:
        """Let the upload take some steps."""
        for _ in range(times):
            try:
                if not self._do(self._upload._deliver_one()):
                    break
            except DeliveryError:
                pass
            except BufferFault as error:
                raise AssertionError(f"the buffer failed: {error}") from error

    def teardown(self) -> None:
        """Make the server well; then nothing may be missing, and the differences must add up."""
        try:
            self._server.mood = "well"
            self._now = max(self._now, _YEAR_2037) + 1e8
            self.seal()
            self._deliver_all()
            self._check()
        finally:
            self._do(self._buffer.close())
            self._loop.close()
            shutil.rmtree(self._folder)

    def _deliver_all(self) -> None:
        """Try as often as it takes, hours apart: a search for what is refused is due each time."""
        for _ in range(2000):
            try:
                if not self._do(self._upload._deliver_one()):
                    return
            except DeliveryError:
                # Alone in its window, the item that is refused proves nothing, and stays.
                if set(self._sealed) - set(self._server.stored) <= {self._server.poisoned}:
                    return
        raise AssertionError("the backlog does not end")

    def _check(self) -> None:
        missing = set(self._sealed) - set(self._server.stored)
        assert missing <= {self._server.poisoned}, f"never arrived: {missing}"
        assert {report: self._server.stored[report] for report in self._sealed if report not in missing} == {
            report: value for report, value in self._sealed.items() if report not in missing
        }
        assert set(self._server.stored) <= set(self._sealed)
        for name in _NAMES:
            meters = [meter.durable for (of, _), meter in self._meters.items() if of == name and meter.durable]
            values = [value for (of, _), value in self._sealed.items() if of == name]
            moved = sum((Decimal(repr(good[-1])) - Decimal(repr(good[0])) for good in meters), Decimal(0))
            assert _summed([value["diff"] for value in values]) == moved, name
            if meters:
                assert min(Decimal(value["min"]) for value in values) == Decimal(repr(min(map(min, meters))))
                assert max(Decimal(value["max"]) for value in values) == Decimal(repr(max(map(max, meters))))


def test_a_box_loses_no_window_and_no_difference_in_any_life() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Life, settings=settings(max_examples=sample(200, 5000), stateful_step_count=50, derandomize=not SOAK)
    )


def test_a_clock_that_is_put_right_between_two_commits_costs_no_reading(tmp_path: Path) -> None:
    one = Series("energy", "device", "as built", tuple(Aggregate))

    async def scenario() -> list[str]:
        async with opened(tmp_path / "data.db") as buffer:
            buffer.record(_YEAR_2037, 60, [Reading(one, 1.5)])
            buffer.record(_START, 60, [Reading(one, 4.0)])
            assert [window.fields for window in await buffer.seal(_START + 60)] == [1]
            batch = await buffer.next_batch()
            assert batch is not None
        return [field["value"]["diff"] for field in json.loads(batch.fields)]

    assert asyncio.run(scenario()) == ["2.5"]
