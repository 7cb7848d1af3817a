"""When rounds begin."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.acquisition.schedule import effective_period, next_start

# Sixteenths of a second: their sums and products are exact, so the expectations can be.
EXACT = st.integers(0, 16 * 86_400 * 365).map(lambda sixteenths: sixteenths / 16)
PERIODS = st.integers(1, 16 * 86_400).map(lambda sixteenths: sixteenths / 16)


@pytest.mark.parametrize(
    ("period", "interval", "effective"),
    [(10, 1800, 10), (600, 1800, 600), (600, 900, 450), (600, 5, 2.5), (10, 1, 0.5), (0, 60, 0)],
)
def test_there_are_two_rounds_a_window_at_least(period: float, interval: int, effective: float) -> None:
    assert effective_period(period, interval) == effective


@given(EXACT, PERIODS, EXACT)
def test_the_next_start_is_the_first_multiple_that_is_not_past(previous: float, period: float, late: float) -> None:
    now = previous + late
    start = next_start(previous, period, now)
    steps = Fraction(start - previous) / Fraction(period)
    assert steps.denominator == 1
    assert steps >= 1
    assert start >= now
    assert start - period < now or steps == 1


@given(PERIODS, st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_rounds_that_keep_up_do_not_drift(period: float, loads: list[float]) -> None:
    start = 1000.0
    for load in loads:
        start = next_start(start, period, start + load * period)
    assert start == 1000.0 + len(loads) * period


@given(PERIODS, st.lists(st.floats(0, 5), min_size=1, max_size=30))
def test_rounds_that_overrun_skip_and_never_queue(period: float, loads: list[float]) -> None:
    start = 0.0
    for load in loads:
        end = start + load * period
        start = next_start(start, period, end)
        assert start >= end
        assert Fraction(start) % Fraction(period) == 0


def test_without_a_period_one_round_follows_the_other() -> None:
    assert next_start(100.0, 0, 103.5) == 103.5


def test_a_round_that_ends_at_the_very_start_of_the_next_skips_nothing() -> None:
    assert next_start(100.0, 10, 110.0) == 110.0
    assert next_start(100.0, 10, 120.0) == 120.0
    assert next_start(100.0, 10, 120.25) == 130.0
