"""A unit that falls silent: when it is asked again."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from inviseobox.acquisition.unit_availability import UnitAvailability


def dead_unit(period: float, timeout: float, until: float) -> list[float]:
    """Let a unit be silent from the first round on; return when it was asked."""
    health = UnitAvailability()
    asked = [0.0]
    health.stayed_silent(timeout, "no answer")
    start = 0.0
    while (start := start + period) < until:
        if health.is_due(start, start + period):
            asked.append(start)
            health.stayed_silent(start + timeout, "no answer")
    return asked


def test_a_unit_that_answers_is_always_due() -> None:
    health = UnitAvailability()
    assert not health.is_silent
    assert health.is_due(0, 10)
    health.answered()
    assert health.is_due(10, 20)


def test_one_probe_in_vain_makes_it_unsure_and_a_second_one_silent() -> None:
    health = UnitAvailability()
    assert (health.was_asked, health.is_sure, health.answers) == (False, False, False)
    health.missed(10)
    assert (health.was_asked, health.is_sure, health.answers, health.is_silent) == (True, False, False, False)
    assert health.is_due(10, 20)
    health.answered()
    assert (health.is_sure, health.answers) == (True, True)
    health.missed(20)
    health.stayed_silent(21, "no answer")
    assert (health.is_sure, health.answers, health.is_silent) == (True, False, True)
    assert health.asked_at == 21


def test_silence_is_known_with_its_cause() -> None:
    health = UnitAvailability()
    health.stayed_silent(100, "no answer")
    health.stayed_silent(130, "an answer of another unit", is_odd=True)
    assert health.is_silent
    assert health.silence == "an answer of another unit"
    assert health.is_odd


def test_an_answer_ends_the_silence_and_its_back_off() -> None:
    health = UnitAvailability()
    for now in (0, 30, 60, 90):
        health.stayed_silent(now, "no answer")
    health.answered()
    assert not health.is_silent
    assert health.is_due(91, 92)
    health.stayed_silent(100, "no answer")
    assert health.is_due(106, 107)


def test_the_back_off_begins_short_and_grows() -> None:
    asked = dead_unit(period=1, timeout=0.25, until=200)
    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert pauses[0] < 10
    assert pauses[-1] > 20
    assert all(later >= earlier for earlier, later in pairwise(pauses))


@given(st.floats(0.25, 700), st.floats(0, 5))
def test_a_dead_unit_is_asked_at_most_30_s_apart_or_in_each_round(period: float, timeout: float) -> None:
    asked = dead_unit(period, timeout, 20 * max(period, 30))
    assert len(asked) > 5
    for earlier, later in pairwise(asked):
        assert later - earlier <= max(30, period) + timeout + 1e-6
