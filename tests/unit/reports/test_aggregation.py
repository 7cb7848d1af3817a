"""What a window is boiled down to, in exact arithmetic."""

import sys
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inviseobox.records import Aggregate
from inviseobox.reports.aggregation import (
    ExactSum,
    SeriesState,
    Summary,
    Tallies,
    difference,
    number_text,
)

LARGEST = sys.float_info.max
SMALLEST = 5e-324
VALUES = st.floats(allow_nan=False, allow_infinity=False)
# What meters show: a few digits before and after the point.
COUNTERS = st.integers(0, 10**12).map(lambda thousandths: thousandths / 1000)
ALL = tuple(Aggregate)
NAN = float("nan")


def mean(values: list[float], cuts: int = 1) -> float:
    """Return the mean of values that are added in several portions."""
    total = ExactSum()
    for start in range(cuts):
        total.add(values[start * len(values) // cuts : (start + 1) * len(values) // cuts])
    return total.divided_by(len(values))


def summary(ways: dict[int, float | None], *commits: list[tuple[int, float]], wanted: tuple[Aggregate, ...]) -> Summary:
    """Sum up readings of a measurement, as keys of series and values; `ways` are the series and baselines."""
    names = ",".join(wanted)
    states = {key: SeriesState("m", "d", key, names, baseline) for key, baseline in ways.items()}
    tallies = Tallies(dict.fromkeys(ways, "m"))
    for commit in commits:
        tallies.add([([key for key, _ in commit], [value for _, value in commit])])
    (found,) = tallies.summaries(states)
    return found


def aggregate(values: list[float], baseline: float | None, wanted: tuple[Aggregate, ...]) -> dict[str, str]:
    """Return the aggregates of readings that came in one way."""
    return summary({1: baseline}, [(1, value) for value in values], wanted=wanted).value


def nearest(exact: Fraction) -> float:
    """Round to the nearest double, ties to even, with nothing but comparisons of fractions."""
    low, high = -LARGEST, LARGEST
    if exact <= Fraction(low) or exact >= Fraction(high):
        return low if exact < 0 else high
    low = exact.numerator / exact.denominator
    candidates = [low, nextafter(low, -1), nextafter(low, 1)]
    best = min(abs(Fraction(candidate) - exact) for candidate in candidates)
    closest = [candidate for candidate in candidates if abs(Fraction(candidate) - exact) == best]
    return next((candidate for candidate in closest if is_even(candidate)), closest[0]) if closest[1:] else closest[0]


def nextafter(value: float, sign: int) -> float:
    return min(max(value + sign * ulp(value), -LARGEST), LARGEST)


def ulp(value: float) -> float:
    _, exponent = Fraction(value), max(float_exponent(value) - 52, -1074)
    return float(Fraction(2) ** exponent)


def float_exponent(value: float) -> int:
    return int(value.hex().partition("p")[2]) if value else -1074


def is_even(value: float) -> bool:
    return (Fraction(value) / Fraction(ulp(value))) % 2 == 0


@given(st.lists(VALUES, min_size=1, max_size=50) | st.lists(st.sampled_from([LARGEST, -LARGEST, SMALLEST]), min_size=1))
@example([LARGEST, LARGEST, LARGEST])
@example([LARGEST, -LARGEST, 1.0])
@example([0.1, 0.2, 0.3])
@example([SMALLEST, 0.0])
@example([SMALLEST, SMALLEST, 0.0])
@example([1.0, 1.0 + 2**-52])
@example([-0.0])
def test_the_mean_is_correctly_rounded_and_lies_between_min_and_max(values: list[float]) -> None:
    exact = sum((Fraction(value) for value in values), Fraction(0)) / len(values)
    for cuts in (1, 2, 5):
        average = mean(values, cuts)
        assert average == nearest(exact)
        assert min(values) <= average <= max(values)


def test_the_mean_is_right_where_a_sum_of_doubles_would_be_wrong() -> None:
    assert mean([0.1] * 10) == 0.1
    assert mean([1e16, 1.0, -1e16]) == 1 / 3
    assert mean([LARGEST] * 1000) == LARGEST


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12.3, "12.3"),
        (12.0, "12"),
        (-12.0, "-12"),
        (0.0, "0"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (1e-05, "1e-05"),
        (100.0, "100"),
    ],
)
def test_numbers_are_written_as_in_the_contract(value: float, text: str) -> None:
    assert number_text(value) == text


@given(VALUES)
def test_a_number_is_the_shortest_text_that_reads_back(value: float) -> None:
    text = number_text(value)
    assert float(text) == value
    digits = significant(text)
    if digits > 1:
        for rounded in (f"{value:.{digits - 2}e}",):
            assert float(rounded) != value


def significant(text: str) -> int:
    return max(1, len(text.lower().partition("e")[0].replace(".", "").lstrip("-0").rstrip("0")))


def windows_of(values: list[float], sizes: list[int]) -> list[list[float]]:
    """Cut readings into windows that hold one or more each."""
    windows = []
    rest = values
    for size in sizes:
        windows.append(rest[:size])
        rest = rest[size:]
    return [window for window in [*windows, rest] if window]


def diffs(windows: list[list[float]]) -> list[str]:
    baseline: float | None = None
    texts = []
    for window in windows:
        texts.append(aggregate(window, baseline, (Aggregate.DIFF,))["diff"])
        baseline = window[-1]
    return texts


@given(st.lists(COUNTERS | VALUES, min_size=1, max_size=40), st.lists(st.integers(1, 8), max_size=8))
def test_consecutive_differences_add_up_to_what_the_meter_moved(values: list[float], sizes: list[int]) -> None:
    texts = diffs(windows_of(values, sizes))
    with localcontext(Context(prec=2000, Emax=9999, Emin=-9999)):
        assert sum(map(Decimal, texts)) == Decimal(repr(values[-1])) - Decimal(repr(values[0]))


@given(st.lists(COUNTERS, min_size=2, max_size=20))
def test_differences_of_a_counter_have_its_decimals_and_no_more(values: list[float]) -> None:
    for text in diffs([[value] for value in values]):
        assert "e" not in text.lower()
        _, _, decimals = text.partition(".")
        assert len(decimals) <= 3
        assert not decimals.endswith("0")
        assert text not in ("-0", "")


@pytest.mark.parametrize(
    ("values", "baseline", "text"),
    [
        ([0.3], 0.1, "0.2"),
        ([1000000.1, 1000000.3], 1000000.0, "0.3"),
        ([5.0], None, "0"),
        ([5.0, 7.5], None, "2.5"),
        ([5.0, 7.5], 4.0, "3.5"),
        ([4.0], 5.0, "-1"),
        ([100.0], 0.0, "100"),
        ([0.0], -0.0, "0"),
        ([-0.0], 0.0, "0"),
        ([1e22], 0.0, "10000000000000000000000"),
    ],
)
def test_diff_is_exact_in_decimals(values: list[float], baseline: float | None, text: str) -> None:
    assert aggregate(values, baseline, (Aggregate.DIFF,)) == {"diff": text}


@given(VALUES, VALUES)
def test_a_difference_is_exact_even_between_the_extremes(later: float, earlier: float) -> None:
    assert Fraction(difference(later, earlier)) == Fraction(repr(later)) - Fraction(repr(earlier))


@given(VALUES, VALUES)
def test_every_diff_is_a_decimal_that_json_and_javascript_read(later: float, earlier: float) -> None:
    text = aggregate([later], earlier, (Aggregate.DIFF,))["diff"]
    assert text == text.strip()
    assert not set(text) - set("0123456789.+-Ee")
    assert Fraction(text) == Fraction(repr(later)) - Fraction(repr(earlier))


def test_the_aggregates_of_the_contract_are_computed() -> None:
    assert aggregate([12.3, 17.2, 25.7], None, (Aggregate.MIN, Aggregate.MAX, Aggregate.AVG)) == {
        "min": "12.3",
        "max": "25.7",
        "avg": "18.4",
    }


@pytest.mark.parametrize("wanted", [(), (Aggregate.AVG,), (Aggregate.DIFF, Aggregate.MIN), ALL])
def test_exactly_the_wanted_aggregates_are_returned(wanted: tuple[Aggregate, ...]) -> None:
    assert set(aggregate([1.0], None, wanted)) == {name.value for name in wanted}


@given(st.lists(VALUES, min_size=1, max_size=20), st.none() | VALUES)
def test_min_max_and_avg_of_any_window_are_right(values: list[float], baseline: float | None) -> None:
    texts = aggregate(values, baseline, ALL)
    assert float(texts["min"]) == min(values)
    assert float(texts["max"]) == max(values)
    assert float(texts["min"]) <= float(texts["avg"]) <= float(texts["max"])


def test_a_measurement_that_was_readdressed_moved_by_both_its_differences() -> None:
    # The old meter went from 100 to 101, the new one from 5 (its own first reading) to 7.
    read = [(1, 100.5), (1, 101.0), (2, 5.0), (2, 7.0)]
    expected = {"min": "5", "max": "101", "avg": "53.375", "diff": "3"}
    assert summary({1: 100.0, 2: 3.0}, read, wanted=ALL).value == expected
    assert summary({1: 100.0, 2: 3.0}, read[:1], read[1:3], read[3:], wanted=ALL).value == expected


READINGS = st.lists(st.tuples(st.integers(1, 3), COUNTERS | st.just(NAN)), min_size=1, max_size=30)


@given(READINGS, st.lists(st.integers(0, 30), max_size=4))
def test_the_figures_of_a_window_do_not_depend_on_the_steps_in_which_it_is_counted(
    readings: list[tuple[int, float]], cuts: list[int]
) -> None:
    ways = {1: 7.0, 2: None, 3: 0.5}
    places = [0, *sorted(cuts), len(readings)]
    portions = [readings[start:stop] for start, stop in pairwise(places)]
    assert summary(ways, *portions, wanted=ALL) == summary(ways, readings, wanted=ALL)


@given(READINGS)
def test_the_figures_of_a_window_are_those_of_its_readings_one_by_one(readings: list[tuple[int, float]]) -> None:
    good = [(way, value) for way, value in readings if value == value]
    found = summary({1: 7.0, 2: None, 3: 0.5}, readings, wanted=ALL)
    assert found.status == ("ok" if len(good) == len(readings) else "partial" if good else "dead")
    if not good:
        assert (found.value, found.last) == ({}, None)
        return
    values = [value for _, value in good]
    assert found.value["min"] == number_text(min(values))
    assert found.value["max"] == number_text(max(values))
    assert float(found.value["avg"]) == nearest(sum(map(Fraction, values), Fraction(0)) / len(values))
    assert found.last is not None
    assert (found.last.way, found.last.value) == good[-1]
    before = [(good[0][0], {1: 7.0, 2: None, 3: 0.5}[good[0][0]]), *good]
    moves = [
        Decimal(repr(later)) - Decimal(repr(earlier))
        for (way, earlier), (same, later) in pairwise(before)
        if way == same and earlier is not None
    ]
    assert Decimal(found.value["diff"]) == sum(moves, Decimal(0))


def test_readings_of_unknown_series_cost_themselves() -> None:
    assert summary({1: None}, [(1, 2.0), (9, 7.0), (-1, 1.0)], wanted=ALL).value["max"] == "2"
