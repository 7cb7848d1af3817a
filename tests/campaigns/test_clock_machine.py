"""Whatever the clock shows and whoever speaks of it, in whatever order: where the readings go.

The real judgement of the clock, in front of the real buffer and upload, in a loop of virtual time; the server's clock
may be off. Every reading has a measurement of its own, so that each is seen in the window in which it was sealed. Four
things hold: no window is closed twice; no reading waits for more than a day in which the box runs; no reading of this
boot is sealed under a time that a witness had refuted; nothing is lost that was on the disk.
"""

from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from inviseobox.buffer import Buffer
from inviseobox.delivery.upload import Upload
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.health.health import Health
from inviseobox.records import Aggregate, Dating, Reading, Series
from inviseobox.timekeeping.timekeeper import BUILT, Clocks, Timekeeper
from inviseobox.timekeeping.witnesses import LONGEST_WAIT, TOLERANCE
from tests.support.soak import SOAK

from .model_box import Box
from .model_server import ModelServer
from .sizes import measured, sample

_TRUE = BUILT + 10_000_000.0
_YEARS = {"1970": 30.0, "2024": 1_717_200_000.0, "2037": 2_130_000_000.0}
_ROOM = 2**29


class JudgedBox(Box):
    """A box whose clock is `ahead` of the true time; `synchronised_at` is what its time synchronisation left."""

    def __init__(self) -> None:
        """Begin with a clock that is right."""
        self.ahead = 0.0
        self.synchronised_at: float | None = None
        self.boots = 0
        self.started: float | None = None
        super().__init__(ModelServer(), _TRUE)

    @property
    def truth(self) -> float:
        """Return the true time."""
        return _TRUE + self._loop.time()

    @property
    def wall(self) -> float:
        """Return what the wall clock shows."""
        return self.truth + self.ahead

    @property
    def boot_name(self) -> str:
        """Return the id of this boot."""
        return f"boot {self.boots}"

    @property
    def booted(self) -> float:
        """Return the true time at which the machine was started."""
        if self.started is None:
            self.started = self.truth - 20.0
        return self.started

    def start_machine(self, seconds: float, ahead: float) -> None:
        """Switch the machine off at once, and on after so many seconds, with a clock that is `ahead` then."""
        self.boots += 1
        self.started = self.truth + seconds
        self.synchronised_at = None
        self._loop.jump(seconds + 10.0)
        self.ahead = ahead
        self.crash()

    def _open(self) -> None:
        boot = self.boot_name
        self.buffer = self._loop.run_until_complete(Buffer.open(str(self._folder / "data.db"), boot))
        health = Health(self._loop.time)
        clocks = Clocks(boot, lambda: self.wall, lambda: self.truth - self.booted, lambda: self.synchronised_at)
        self.time = self._loop.run_until_complete(Timekeeper.opened(clocks, self.buffer, health))
        upload = Upload(self.buffer, self.server, DevicesInForce(), health, self.time.now, lambda: 0.0)
        self.server.begin_again()
        self._uploading = self._loop.create_task(upload.run())


@dataclass
class Read:
    """One reading: when in truth, in which boot, and after how many seconds in which the box ran."""

    at: float
    boot: int
    running: float
    allowed: float = LONGEST_WAIT
    """Seconds for which it may wait."""
    is_behind: bool = False
    """Whether something of an earlier boot that lies in a window to come was read before it: order goes first then."""


class JudgedLife(RuleBasedStateMachine):
    """A box over days, in moments."""

    lives: ClassVar[int] = 0
    checked: ClassVar[int] = 0
    """Readings that were sealed while a witness was known."""

    def __init__(self) -> None:
        super().__init__()
        self._box = JudgedBox()
        self._interval = 600
        self._server_ahead = 0.0
        self._running = 0.0
        self._number = 0
        self._in_memory: dict[str, Read] = {}
        self._on_disk: dict[str, Read] = {}
        self._sealed: dict[str, int] = {}
        self._ends: set[int] = set()
        self._heard = False
        """Whether the server was heard in this boot."""
        self._is_synchronised = False

    @initialize(
        interval=st.sampled_from((60, 600, 3600)),
        server_ahead=st.sampled_from((0.0, 0.0, 40.0, 7200.0, -7200.0)),
        start=st.sampled_from(("right", "1970", "2024")),
    )
    def begin(self, interval: int, server_ahead: float, start: str) -> None:
        """Begin somewhere, with a server whose clock may be off."""
        self._interval = interval
        self._server_ahead = server_ahead
        self._show(start)

    def _show(self, moment: str, by: float = 0.0) -> None:
        self._box.ahead = by if moment == "right" else _YEARS[moment] - self._box.truth

    def _read(self) -> None:
        self._number += 1
        name = f"m{self._number}"
        one = Series(name, "device", "as built", (Aggregate.MAX,))
        self._in_memory[name] = Read(self._box.truth, self._box.boots, self._running)
        self._box.buffer.record(self._box.time.stamp(), self._interval, [Reading(one, float(self._number))])

    @rule(rounds=st.integers(1, 6), pause=st.floats(1, 300))
    def work(self, rounds: int, pause: float) -> None:
        """Read, and look at the time as the loops do."""
        for _ in range(rounds):
            self._read()
            self._pass(pause)
        self._look()

    @rule(hours=st.integers(1, 20))
    def hours_pass(self, hours: int) -> None:
        """Let hours pass in which next to nothing is read."""
        self._read()
        for _ in range(2 * hours):
            self._pass(1800.0)
            self._look()

    def _pass(self, seconds: float) -> None:
        self._box.pass_time(seconds)
        self._running += seconds

    @rule(step=st.sampled_from(("1970", "2024", "2037", "right")) | st.floats(-5000, 5000))
    def clock_steps(self, step: str | float) -> None:
        """Set the clock, as a person does, or something that went wrong."""
        if isinstance(step, str):
            self._show(step)
        else:
            self._box.ahead += step
        for read in (*self._in_memory.values(), *self._on_disk.values()):
            read.allowed += self._interval
        self._look()

    @rule()
    def synchronisation_comes(self) -> None:
        """Let the time synchronisation set the clock right."""
        self._box.ahead = 0.0
        self._box.synchronised_at = self._box.truth
        self._is_synchronised = True
        self._begin_wait_anew()
        self._look()

    @rule()
    def synchronisation_ends(self) -> None:
        """Stop the time synchronisation, which takes its file away."""
        self._box.synchronised_at = None
        self._is_synchronised = False
        self._look()

    @rule()
    def server_answers(self) -> None:
        """Hear the server's time."""
        self._box.time.hear_server(self._box.booted + self._server_ahead)
        self._heard = True
        self._begin_wait_anew()
        self._look()

    def _begin_wait_anew(self) -> None:
        """Let what was read wait for a day from now on, for a witness has told the time."""
        for read in self._on_disk.values():
            read.allowed += self._running - read.running

    @rule(seconds=st.floats(0, 100_000), clock=st.sampled_from(("runs on", "stands still", "1970", "2024")))
    def machine_is_off_for_a_while(self, seconds: float, clock: str) -> None:
        """Switch it off and on, in order, with a clock that has a battery, or none."""
        self._box.time.keep()
        self._commit()
        self._boot(seconds, clock)

    @rule(seconds=st.floats(0, 100_000), clock=st.sampled_from(("runs on", "stands still", "1970", "2024")))
    def power_is_cut(self, seconds: float, clock: str) -> None:
        """Take the power away, and give it back."""
        self._lose_memory()
        self._boot(seconds, clock)

    def _boot(self, seconds: float, clock: str) -> None:
        ahead = self._box.ahead
        if clock in _YEARS:
            ahead = _YEARS[clock] - self._box.truth - seconds
        elif clock == "stands still":
            ahead -= seconds
        self._heard = self._is_synchronised = False
        self._box.start_machine(seconds, ahead)
        self._pass(400.0)
        self._look()

    @rule()
    def process_is_killed(self) -> None:
        """End the process at once, which systemd starts again."""
        self._lose_memory()
        self._box.crash()
        self._pass(5.0)
        self._look()

    def _lose_memory(self) -> None:
        self._in_memory.clear()
        for read in self._on_disk.values():
            # How long it waited is noted every five minutes, and a run begins with a moment without sealing.
            read.allowed += 700.0

    @rule()
    def process_is_restarted(self) -> None:
        """End the process in order, and start it."""
        self._box.time.keep()
        self._box.restart()
        self._note_durable()
        self._pass(70.0)
        self._look()

    def _commit(self) -> None:
        self._box.do(self._box.buffer.commit())
        self._note_durable()

    def _note_durable(self) -> None:
        self._on_disk |= self._in_memory
        self._in_memory.clear()

    def _look(self) -> None:
        """Look at the time, and seal or commit, as the loops do; then hold the box to its promises."""
        self._box.time.look(_ROOM)
        dating = self._box.time.dating(self._interval)
        if self._heard or self._is_synchronised:
            assert dating is not None
            assert dating.is_witnessed
        if dating is None:
            self._commit()
        else:
            self._seal(dating)
        for name, read in self._on_disk.items():
            waited = self._running - read.running
            assert waited <= read.allowed + 2 * self._interval + 4000, f"{name} has waited for {waited:.0f} s"

    def _note_order(self, now: float) -> None:
        """Note which readings may not go to their own window, as others must be sealed before them."""
        latest = max(
            (end or 0 for end, boot in self._box.rows("SELECT end, boot FROM reading") if boot != self._box.boot_name),
            default=0,
        )
        is_behind = latest > now
        for read in (*self._on_disk.values(), *self._in_memory.values()):
            read.is_behind = read.is_behind or (is_behind and read.boot == self._box.boots)

    def _seal(self, dating: Dating) -> None:
        self._note_order(dating.now - dating.uptime)
        taken = set(self._ends)
        sealed = self._box.do(self._sealed_windows(dating))
        self._note_durable()
        for end, names in sealed:
            assert end not in self._ends, f"{end} is closed twice"
            self._ends.add(end)
            for name in names:
                assert name not in self._sealed, f"{name} is in two windows"
                self._sealed[name] = end
                read = self._on_disk.pop(name)
                if dating.is_witnessed and read.boot == self._box.boots:
                    self._check_time(name, read, end, taken)

    async def _sealed_windows(self, dating: Dating) -> list[tuple[int, list[str]]]:
        found = []
        for window in await self._box.buffer.seal(dating):
            self._box.server.window_sealed()
            rows = self._box.rows(f"SELECT measurement FROM history WHERE end = {window.end} AND value != '{{}}'")  # noqa: S608
            found.append((window.end, [str(name) for (name,) in rows]))
        return found

    def _check_time(self, name: str, read: Read, end: int, taken: set[int]) -> None:
        """Assert that a reading went to the first free end after the time at which it was read, by the witness."""
        right = read.at + self._witness_ahead()
        JudgedLife.checked += 1
        assert end > right - TOLERANCE, f"{name}, read at {right}, is sealed under {end}"
        first = (int(right + TOLERANCE) // self._interval + 1) * self._interval
        free = set(range(first, end, self._interval)) - taken
        assert not free or read.is_behind, (
            f"{name}, read at {right}, is sealed under {end}, though {sorted(free)[:3]} were free"
        )

    def _witness_ahead(self) -> float:
        """Return by how much the time of the strongest witness is ahead of the truth."""
        agrees_with_server = self._heard and abs(self._box.ahead - self._server_ahead) <= TOLERANCE
        agrees_with_synchronisation = abs(self._box.ahead) <= TOLERANCE
        if self._is_synchronised and (agrees_with_synchronisation or not agrees_with_server):
            return 0.0
        return self._server_ahead

    @precondition(lambda self: self._on_disk or self._in_memory)
    @rule()
    def look(self) -> None:
        """Look at the time once more."""
        self._look()

    def teardown(self) -> None:
        """Let the time be known for a while; then nothing may be missing."""
        JudgedLife.lives += 1
        try:
            self.synchronisation_comes()
            self._read()
            for _ in range(3):
                self._pass(2.0 * self._interval)
                self._look()
            assert self._box.buffer.waiting == 0
            self._box.ahead = 4e8
            self._box.synchronised_at = None
            self._is_synchronised = False
            self._box.time.hear_server(self._box.booted + 4e8)
            self._server_ahead = 4e8
            for _ in range(3):
                self._pass(2.0 * self._interval)
                self._look()
            assert not self._on_disk, f"never sealed: {self._on_disk}"
            self._box.pass_time(7200.0)
            arrived = {name for name, _ in self._box.server.stored}
            assert arrived == set(self._sealed)
        finally:
            self._box.remove()


@pytest.mark.usefixtures("silence")
def test_a_box_knows_when_it_read_what_in_any_life() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        JudgedLife, settings=settings(max_examples=sample(100, 3000), stateful_step_count=30, derandomize=not SOAK)
    )
    measured(f"{JudgedLife.lives} lives: {JudgedLife.checked} readings were held against a witness")
    assert JudgedLife.checked > JudgedLife.lives
