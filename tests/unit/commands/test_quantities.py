"""Numbers, ages and times in words."""

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.commands.quantities import (
    DIGITS,
    age_text,
    bytes_text,
    length_text,
    share_text,
    shortened,
    time_text,
    value_text,
)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_value_is_short_and_close(value: float) -> None:
    for text in (value_text(value), shortened(value)):
        assert len(text) <= DIGITS
        assert abs(float(text) - value) <= abs(value) * 0.2 or abs(value) > 1.7e308


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (12.0, "12"), (0.1, "0.1"), (-1 / 3, "-0.3333333"), (123456789.0, "123456789")]
)
def test_a_value_is_written_as_people_write_it(value: float | None, text: str) -> None:
    assert value_text(value)[:DIGITS] == text[:DIGITS]


@pytest.mark.parametrize(
    ("seconds", "text"), [(-3, "0 s"), (119.9, "119 s"), (120, "2 min"), (7200, "2 h"), (172_800, "2 d")]
)
def test_an_age_has_one_unit(seconds: float, text: str) -> None:
    assert age_text(seconds) == text


def test_lengths_sizes_and_times() -> None:
    assert [length_text(seconds) for seconds in (10, 90, 1800, 3600)] == ["10 s", "90 s", "30 min", "1 h"]
    assert [bytes_text(count) for count in (7, 1500, 2_000_000, 79_210_418_176)] == [
        "7 bytes", "1.5 kB", "2.0 MB", "79.2 GB"
    ]  # fmt: skip
    assert time_text(1_735_054_200, UTC) == "2024-12-24 15:30:00"


def test_a_share_is_whole_only_where_nothing_is_missing() -> None:
    shares = [share_text(part, whole) for part, whole in ((0, 0), (0, 9), (1, 1000), (1, 2), (999, 1000), (3, 3))]
    assert shares == ["", "0%", "1%", "50%", "99%", "100%"]
