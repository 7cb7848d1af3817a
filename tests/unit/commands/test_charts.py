"""Levels and bars."""

from hypothesis import given
from hypothesis import strategies as st

from inviseobox.commands.charts import gathered, plot, sparkline

FINITE = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.lists(st.none() | FINITE, max_size=60)
LEVELS = "12345678"


def test_each_value_has_its_level_between_the_lowest_and_the_highest() -> None:
    assert sparkline([0.0, 1.0, None, 8.0, 4.0], LEVELS) == "12 85"
    assert sparkline([5.0, 5.0], LEVELS) == "55"
    assert sparkline([None, None], LEVELS) == sparkline([], LEVELS) == ""


@given(VALUES)
def test_there_is_a_level_for_each_value_and_none_for_none(values: list[float | None]) -> None:
    drawn = sparkline(values, LEVELS)
    there = [value for value in values if value is not None]
    assert len(drawn) == (len(values) if there else 0)
    for value, level in zip(values, drawn, strict=False):
        assert (level == " ") == (value is None)
    if there and min(there) < max(there):
        assert drawn[values.index(max(there))] >= drawn[values.index(min(there))]


@given(VALUES, st.integers(1, 40))
def test_what_is_gathered_lies_between_its_lowest_and_its_highest_value(values: list[float | None], most: int) -> None:
    means = gathered(values, most)
    assert len(means) == min(most, len(values))
    there = [value for value in values if value is not None]
    for mean in means:
        if mean is not None:
            slack = 1e-9 * max(map(abs, there))
            assert min(there) - slack <= mean <= max(there) + slack


def test_a_plot_has_bars_between_its_labels() -> None:
    assert plot([0.0, 4.0, 8.0, None, 8.0], "-#", 20, 2, ("8", "0")) == ["8 | -# #", "0 |-## #"]
    assert plot([None], "-#", 20, 2, ("8", "0")) == []


@given(VALUES, st.integers(12, 80), st.integers(1, 12))
def test_a_plot_fits(values: list[float | None], cells: int, rows: int) -> None:
    lines = plot(values, LEVELS, cells, rows, ("highest", "low"))
    assert len(lines) == (rows if any(value is not None for value in values) else 0)
    assert all(len(line) <= cells for line in lines)
