"""A unit that falls silent: when it is asked again, and what its silence means."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from inviseobox.acquisition.unit_availability import UnitAvailability
from inviseobox.devices.registers import FunctionCode, Span

LONG = Span(1, FunctionCode.HOLDING_REGISTERS, 0, 100)
OTHER = Span(1, FunctionCode.HOLDING_REGISTERS, 200, 100)
PROBE = Span(1, FunctionCode.HOLDING_REGISTERS, 0, 2)


def dead_unit(period: float, timeout: float, until: float) -> tuple[list[float], bool]:
    """Let a unit be silent from the first round on; return when it was asked, and whether shorter reads were wanted."""
    health = UnitAvailability()
    asked = [0.0]
    advised = health.stayed_silent(timeout, LONG, "no answer")
    start = 0.0
    while (start := start + period) < until:
        if health.is_due(start, start + period):
            asked.append(start)
            advised |= health.stayed_silent(start + timeout, PROBE, "no answer")
    return asked, advised


def test_a_unit_that_answers_is_always_due() -> None:
    health = UnitAvailability()
    assert not health.is_silent
    assert health.is_due(0, 10)
    health.answered(LONG)
    assert health.is_due(10, 20)


def test_silence_is_known_with_its_beginning() -> None:
    health = UnitAvailability()
    health.stayed_silent(100, LONG, "no answer")
    health.stayed_silent(130, PROBE, "no answer")
    assert health.is_silent
    assert health.silence == "no answer"


def test_an_answer_ends_the_silence_and_its_back_off() -> None:
    health = UnitAvailability()
    for now in (0, 30, 60, 90):
        health.stayed_silent(now, PROBE, "no answer")
    health.answered(PROBE)
    assert not health.is_silent
    assert health.is_due(91, 92)
    health.stayed_silent(100, LONG, "no answer")
    assert health.is_due(106, 107)


def test_the_back_off_begins_short_and_grows() -> None:
    asked, _ = dead_unit(period=1, timeout=0.25, until=200)
    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert pauses[0] < 10
    assert pauses[-1] > 20
    assert all(later >= earlier for earlier, later in pairwise(pauses))


@given(st.floats(0.25, 700), st.floats(0, 5))
def test_a_dead_unit_is_asked_at_most_30_s_apart_or_in_each_round(period: float, timeout: float) -> None:
    asked, _ = dead_unit(period, timeout, 20 * max(period, 30))
    assert len(asked) > 5
    for earlier, later in pairwise(asked):
        assert later - earlier <= max(30, period) + timeout + 1e-6


@given(st.floats(0.25, 700))
def test_a_dead_unit_does_not_want_shorter_reads(period: float) -> None:
    _, advised = dead_unit(period, timeout=2, until=50 * max(period, 30))
    assert not advised


def test_a_read_that_is_silent_twice_while_a_probe_is_answered_is_too_long() -> None:
    health = UnitAvailability()
    assert not health.stayed_silent(0, LONG, "no answer")
    health.answered(PROBE)
    assert health.stayed_silent(10, LONG, "no answer")


def test_two_silences_with_an_answer_to_the_same_read_between_are_no_hint() -> None:
    health = UnitAvailability()
    assert not health.stayed_silent(0, LONG, "no answer")
    health.answered(PROBE)
    health.answered(LONG)
    assert not health.stayed_silent(10, LONG, "no answer")


def test_silences_of_different_reads_are_no_hint() -> None:
    health = UnitAvailability()
    assert not health.stayed_silent(0, LONG, "no answer")
    health.answered(PROBE)
    assert not health.stayed_silent(10, OTHER, "no answer")


def test_a_unit_that_was_dead_in_between_is_judged_anew_by_what_it_answers() -> None:
    health = UnitAvailability()
    assert not health.stayed_silent(0, LONG, "no answer")
    for now in (10, 30, 60):
        assert not health.stayed_silent(now, PROBE, "no answer")
    health.answered(PROBE)
    assert not health.stayed_silent(90, OTHER, "no answer")
