"""Which window a reading belongs to, whatever the wall clock does."""

import math
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inviseobox.reports.window_ends import OpenWindow, earliest_unsealed, next_border, window_for

INTERVALS = st.sampled_from([1, 5, 60, 900, 1800, 86_400]) | st.integers(1, 86_400)
NOW = st.floats(0, 4e9)
BORDERS = st.integers(0, 2_000_000)


def never(end: int) -> bool:
    """Say that no window was sealed yet."""
    return False


@pytest.mark.parametrize(
    ("now", "interval", "border"),
    [(0, 1800, 1800), (1, 1800, 1800), (1799.999, 1800, 1800), (1800, 1800, 3600), (1735054199, 1800, 1735054200)],
)
def test_windows_end_at_whole_multiples_of_the_interval(now: float, interval: int, border: int) -> None:
    assert next_border(now, interval) == border


def check_border(now: float, interval: int, border: int) -> None:
    assert border % interval == 0
    # In fractions, for the difference of two doubles may be rounded.
    assert 0 < Fraction(border) - Fraction(now) <= interval


@given(NOW, INTERVALS)
def test_the_next_border_is_the_first_multiple_after_now(now: float, interval: int) -> None:
    check_border(now, interval, next_border(now, interval))


@given(BORDERS, INTERVALS)
@example(20_091, 86_400)
def test_the_next_border_is_the_first_multiple_next_to_a_border_too(number: int, interval: int) -> None:
    at = float(number * interval)
    for now in (at, math.nextafter(at, math.inf), max(0.0, math.nextafter(at, -math.inf))):
        check_border(now, interval, next_border(now, interval))


@given(NOW, INTERVALS, st.sets(st.integers(0, 10)))
def test_the_earliest_end_that_is_not_sealed_is_found(now: float, interval: int, places: set[int]) -> None:
    first = next_border(now, interval)
    sealed = {first + place * interval for place in places}
    end = earliest_unsealed(now, interval, sealed.__contains__)
    assert end not in sealed
    assert (end - first) % interval == 0
    assert all(earlier in sealed for earlier in range(first, end, interval))


@given(NOW, INTERVALS)
def test_a_first_reading_opens_a_window(now: float, interval: int) -> None:
    assert window_for(now, interval, None, never) == OpenWindow(next_border(now, interval), interval)


def test_a_changed_interval_takes_effect_after_the_open_window() -> None:
    current = OpenWindow(1800, 1800)
    assert window_for(1000, 60, current, never) == current
    assert window_for(1800, 60, current, never) == OpenWindow(1860, 60)


def test_a_clock_that_steps_back_moves_the_window_to_an_earlier_end() -> None:
    assert window_for(3000, 60, OpenWindow(7200, 1800), never) == OpenWindow(3600, 1800)


def test_a_clock_that_steps_back_to_sealed_ends_takes_the_next_free_one() -> None:
    sealed = {1800, 3600, 5400}
    assert window_for(100, 1800, OpenWindow(7200, 1800), sealed.__contains__) == OpenWindow(7200, 1800)


def test_a_clock_that_steps_forward_over_the_end_opens_a_later_window() -> None:
    assert window_for(10_000, 1800, OpenWindow(7200, 1800), never) == OpenWindow(10_800, 1800)


JUMPS = st.sampled_from([-100_000.0, -3600.0, -1800.0, -60.0, 1800.0, 100_000.0])
STEPS = st.floats(0, 100) | JUMPS | st.floats(-5e3, 5e3)


@given(st.floats(1e6, 2e9), st.lists(st.tuples(STEPS, st.sampled_from([60, 900, 1800]), st.booleans()), max_size=60))
def test_a_clock_that_steps_neither_reopens_a_window_nor_seals_one_twice_nor_stops_them(
    start: float, story: list[tuple[float, int, bool]]
) -> None:
    """Live through readings, steps of the clock and changes of the interval, as the buffer does."""
    sealed: set[int] = set()
    current: OpenWindow | None = None
    now = start
    for step, interval, seals in story:
        now = max(0.0, now + step)
        before = current
        current = window_for(now, interval, current, sealed.__contains__)
        assert current.end > now
        assert current.end not in sealed
        assert current.end % current.interval == 0
        border = next_border(now, current.interval)
        assert all(end in sealed for end in range(border, current.end, current.interval))
        if before is not None and now < before.end:
            assert current.interval == before.interval
            assert current.end <= before.end
        elif before is not None:
            assert current.interval == interval
        if seals:
            now = float(current.end)
            assert current.end not in sealed
            sealed.add(current.end)
            current = None
