"""What the time is, whatever the clock shows and whoever speaks of it."""

import json
import math
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.timekeeping.note import Note, Synchronised, read_note
from inviseobox.timekeeping.witnesses import LONGEST_WAIT, TOLERANCE, Basis, Witnesses

BUILT = 1_790_000_000.0
STARTED = BUILT + 40 * 86_400.0
"""When the machine was started, in truth."""
HOUR = 3600.0
Y1970, Y2024, Y2037 = 0.0, 1_717_200_000.0, 2_130_000_000.0
ERRORS = st.sampled_from([0.0, 59.0, -59.0, 61.0, -2 * HOUR, 2 * HOUR, 86_400.0, -86_400.0, Y2037 - STARTED, -STARTED])
"""Seconds by which a clock is ahead of the truth."""


@dataclass
class Box:
    """A machine at `uptime` seconds after its start, whose clock is `ahead` of the truth."""

    ahead: float = 0.0
    uptime: float = 100.0
    synchronised_at: float | None = None
    note: Note = field(default_factory=Note)
    boot: str = "boot"
    witnesses: Witnesses = field(init=False)

    def __post_init__(self) -> None:
        self.witnesses = Witnesses(self.note, self.boot, BUILT, self.uptime)

    @property
    def truth(self) -> float:
        return STARTED + self.uptime

    @property
    def wall(self) -> float:
        return self.truth + self.ahead

    def look(self) -> bool:
        return self.witnesses.look(self.synchronised_at, self.wall, self.uptime)

    def synchronise(self) -> None:
        """Let the time synchronisation set the clock right, which nobody looks at yet."""
        self.ahead, self.synchronised_at = 0.0, self.truth

    def hear(self, ahead: float = 0.0, doubt: float = 0.5) -> bool:
        """Let the server tell the time, `ahead` of the truth, in an answer that may be off by `doubt`."""
        return self.witnesses.hear_server(STARTED + ahead, self.wall, self.uptime, doubt)

    def pass_time(self, seconds: float) -> None:
        self.uptime += seconds
        self.look()

    @property
    def basis(self) -> Basis:
        return self.witnesses.judge(self.wall, self.uptime).basis

    @property
    def now(self) -> float | None:
        return self.witnesses.judge(self.wall, self.uptime).now

    @property
    def error(self) -> float:
        """By how much the judged time is ahead of the truth."""
        assert self.now is not None
        return self.now - self.truth


@given(steps=st.lists(st.tuples(ERRORS, st.floats(0, 1e6)), max_size=8), server=st.none() | ERRORS)
def test_once_synchronised_the_time_is_known_however_the_clock_steps(
    steps: list[tuple[float, float]], server: float | None
) -> None:
    """Also where the server's clock is off, unless it agrees with the clock as it stands."""
    box = Box()
    box.synchronise()
    assert box.look()
    for ahead, seconds in steps:
        if server is not None:
            box.hear(server)
        box.ahead = ahead
        box.pass_time(seconds)
        agrees = server is not None and abs(server - ahead) <= TOLERANCE
        assert abs(box.error) <= TOLERANCE or agrees


@given(started=ERRORS, server=ERRORS, steps=st.lists(st.tuples(ERRORS, st.floats(0, 1e6)), max_size=8))
def test_without_synchronisation_the_server_tells_the_time_however_the_clock_steps(
    started: float, server: float, steps: list[tuple[float, float]]
) -> None:
    box = Box(started)
    if not box.hear(server):
        assert box.truth + server < BUILT - TOLERANCE
        return
    for ahead, seconds in steps:
        box.ahead = ahead
        box.pass_time(seconds)
        assert abs(box.error - server) <= TOLERANCE


@given(ahead=ERRORS, confirmed=st.none() | st.floats(BUILT, BUILT + 1e9))
def test_without_witnesses_in_this_boot_a_clock_is_believed_unless_it_lies_in_the_past(
    ahead: float, confirmed: float | None
) -> None:
    box = Box(ahead, note=Note("another", confirmed=confirmed))
    box.look()
    if box.wall >= max(BUILT, confirmed or BUILT) - TOLERANCE:
        assert (box.basis, box.now) == (Basis.UNCONFIRMED, box.wall)
    else:
        assert (box.basis, box.now) == (Basis.NOTHING, None)


@given(
    st.lists(st.tuples(st.floats(0, 50_000), st.sampled_from(["look", "restart", "boot"])), min_size=12, max_size=30)
)
def test_readings_wait_a_day_in_all_over_restarts_and_boots(story: list[tuple[float, str]]) -> None:
    box = Box(Y2024 - STARTED)
    waited = 0.0
    for number, (seconds, event) in enumerate(story):
        is_waiting = box.now is None
        assert is_waiting == (waited < LONGEST_WAIT)
        waited += seconds if is_waiting else 0.0
        box.pass_time(seconds)
        match event:
            case "restart":
                box = Box(box.ahead, box.uptime, note=read_note(box.witnesses.note.text))
            case "boot":
                note = read_note(box.witnesses.note.text)
                box = Box(box.ahead - box.uptime, 5.0, note=note, boot=f"boot {number}")
    assert box.witnesses.note.waited == pytest.approx(waited)


@pytest.mark.parametrize("witness", [Box.synchronise, Box.hear])
def test_a_witness_ends_the_wait_and_the_next_one_begins_anew(witness: object) -> None:
    box = Box(Y2024 - STARTED)
    box.pass_time(LONGEST_WAIT)
    assert box.basis is Basis.BELIEVED
    assert box.now == box.wall
    witness(box)  # type: ignore[operator]
    box.look()
    assert abs(box.error) < 1
    assert box.witnesses.note.waited == 0


def test_what_waits_too_much_is_believed_until_a_witness_speaks() -> None:
    box = Box(Y1970 - STARTED)
    assert box.now is None
    box.witnesses.believe()
    assert box.now == box.wall
    box.hear()
    assert (box.basis, box.error) == (Basis.SERVER, 0)


@given(passed=st.floats(0, 1e7), ahead=ERRORS, age=st.floats(0, 1e7))
def test_at_the_first_look_a_synchronisation_that_the_clock_cannot_have_seen_says_nothing(
    passed: float, ahead: float, age: float
) -> None:
    """It was at most as long ago as the machine runs; a clock that says otherwise was stepped since."""
    box = Box(ahead, uptime=passed)
    box.synchronised_at = box.wall - age
    assert box.look() == (age <= passed + TOLERANCE)
    box = Box(ahead, uptime=passed)
    box.synchronised_at = box.wall + 60.5 + age
    assert not box.look()


def test_a_clock_that_was_stepped_between_its_synchronisation_and_the_look_is_not_confirmed() -> None:
    box = Box()
    box.look()
    box.synchronise()
    box.ahead = Y2037 - STARTED
    box.pass_time(1)
    assert not box.witnesses.is_witnessed
    box.synchronise()
    box.pass_time(1)
    assert box.basis is Basis.CONFIRMED


def test_a_time_synchronisation_that_was_stopped_says_nothing_more() -> None:
    box = Box()
    box.synchronise()
    box.look()
    box.synchronised_at = None
    box.look()
    box.ahead = HOUR
    assert (box.basis, box.error) == (Basis.UNCONFIRMED, HOUR)


@pytest.mark.parametrize("ahead", [-STARTED, BUILT - STARTED - 200, 4e9, 1e300, -1e300, math.nan])
def test_a_date_before_the_program_or_a_century_after_it_is_no_time(ahead: float) -> None:
    box = Box()
    assert not box.hear(ahead)
    assert box.basis is Basis.UNCONFIRMED


def test_a_clock_that_agrees_with_the_weaker_witness_alone_was_put_right() -> None:
    """As where a virtual machine was stopped for an hour: what the synchronisation saw is older than that."""
    box = Box()
    box.synchronise()
    box.look()
    box.ahead = HOUR
    box.hear(HOUR)
    assert (box.basis, box.error) == (Basis.CONFIRMED, HOUR)


def test_within_a_boot_the_witnesses_outlive_the_process_and_not_beyond_it() -> None:
    box = Box(Y2024 - STARTED)
    box.hear()
    again = Box(box.ahead, box.uptime + 10, note=read_note(box.witnesses.note.text))
    assert (again.basis, again.error) == (Basis.SERVER, 0)
    other = Box(box.ahead, box.uptime, note=read_note(box.witnesses.note.text), boot="another")
    assert other.now is None


def test_a_synchronisation_that_was_seen_before_a_restart_still_refutes_a_clock_stepped_since() -> None:
    box = Box(uptime=50 * 86_400)
    box.synchronise()
    box.look()
    box.ahead = 86_400
    again = Box(box.ahead, box.uptime + 10, box.synchronised_at, read_note(box.witnesses.note.text))
    again.look()
    assert (again.basis, again.error) == (Basis.SYNCHRONISATION, 0)


def test_the_newest_confirmed_time_of_earlier_boots_is_told_through_the_whole_boot() -> None:
    first = Box()
    assert first.witnesses.confirmed_before is None
    first.hear()
    first.pass_time(1000)
    first.hear()
    assert first.witnesses.confirmed_before is None
    note = read_note(first.witnesses.note.text)
    assert note.confirmed == first.truth
    second = Box(note=note, boot="second", uptime=5000)
    second.hear()
    assert second.witnesses.confirmed_before == first.truth
    third = Box(note=read_note(second.witnesses.note.text), boot="second", uptime=6000)
    assert third.witnesses.confirmed_before == first.truth
    assert third.witnesses.least == second.truth


def test_a_clock_that_lies_before_what_was_confirmed_once_is_wrong() -> None:
    """As of a site that is switched off each night, where the battery is empty and the saved time is old."""
    box = Box(-86_400, note=Note("yesterday", confirmed=STARTED - HOUR))
    assert box.now is None
    assert Box(-HOUR, note=Note("yesterday", confirmed=STARTED - HOUR)).basis is Basis.UNCONFIRMED


TRIPS = st.lists(st.tuples(st.floats(0, 60), st.floats(0, 1), st.floats(0, 0.99)), min_size=1, max_size=20)
"""Seconds from a request to its answer, the part of them before the Date was written, and what is cut off that."""


@given(trips=TRIPS)
def test_answers_of_a_right_server_leave_the_time_as_it_was_told_however_long_they_take(
    trips: list[tuple[float, float, float]],
) -> None:
    box = Box(Y2024 - STARTED)
    box.hear()
    for took, before, cut_off in trips:
        # The middle of the trip is taken for the moment of the Date.
        box.hear((before - 0.5) * took + 0.5 - cut_off, took / 2 + 0.5)
        assert box.error == 0


@given(trips=TRIPS)
def test_the_time_is_as_exact_as_the_quickest_answer(trips: list[tuple[float, float, float]]) -> None:
    box = Box(Y2024 - STARTED)
    for took, before, cut_off in trips:
        box.hear((before - 0.5) * took + 0.5 - cut_off, took / 2 + 0.5)
    assert abs(box.error) <= min(took for took, _, _ in trips) + 1.5


def test_a_server_whose_clock_was_set_tells_the_new_time_also_in_a_slow_answer() -> None:
    box = Box(Y2024 - STARTED)
    box.hear()
    box.hear(30.0, doubt=10.5)
    assert box.error == 30.0


SECONDS = st.floats(-1e10, 1e10)
NOTES = st.builds(
    Note, st.text(max_size=40), st.none() | st.builds(Synchronised, SECONDS, SECONDS),
    st.none() | SECONDS, st.none() | SECONDS, st.none() | SECONDS, st.floats(0, 1e6),
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["at", "offset"]), inner, max_size=2),
    max_leaves=4,
)
KEYS = st.sampled_from(["boot", "synchronised", "server", "confirmed", "before", "waited"])


@given(NOTES)
def test_a_note_is_read_as_it_was_written(note: Note) -> None:
    assert read_note(note.text) == note


@given(st.text() | st.dictionaries(KEYS, VALUES).map(json.dumps) | st.just("[" * 100_000))
def test_no_text_breaks_the_judgement(text: str) -> None:
    """What is damaged teaches nothing; readings wait a day for it at most."""
    note = read_note(text)
    box = Box(note=note, boot=note.boot)
    box.pass_time(1)
    box.pass_time(LONGEST_WAIT)
    assert box.now is not None
    assert math.isfinite(box.now)
    box.hear()
    box.synchronise()
    box.look()
    assert abs(box.error) <= TOLERANCE
