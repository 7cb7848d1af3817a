"""From when on, as people write it."""

from datetime import UTC, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.commands.since import since

NOW = 1_735_054_200.9  # 2024-12-24T15:30:00Z


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("2d", 172_800),
        ("2j", 172_800),
        ("12h", 43_200),
        ("30min", 1800),
        ("90 s", 90),
        (" 1d ", 86_400),
        ("2024-12-24", 55_800),
        ("2024-12-24 14:30", 3600),
        ("2024-12-24T16:00+01:00", 1800),
        ("1970-01-01", NOW),
    ],
)
def test_how_long_ago_or_a_date_is_understood(text: str, ago: float) -> None:
    assert since(text, NOW, UTC) == int(NOW) - int(ago)


def test_a_date_is_one_of_the_machines_zone() -> None:
    paris = timezone(timedelta(hours=1))
    assert since("2024-12-24", NOW, UTC) - since("2024-12-24", NOW, paris) == 3600


@pytest.mark.parametrize(
    "text", ["", "2", "d", "-1d", "2 weeks", "24.12.2024", "2024-13-01", "1e9d", "٣d", "0001-01-01 x"]
)
def test_anything_else_is_told_what_would_be_right(text: str) -> None:
    with pytest.raises(ValueError, match="as 2d, 12h or 30min, or a date"):
        since(text, NOW, UTC)


def test_what_lies_in_the_future_is_said_to_do_so() -> None:
    with pytest.raises(ValueError, match="future"):
        since("2024-12-25", NOW, UTC)


@given(st.text(max_size=20))
def test_no_text_breaks_it(text: str) -> None:
    try:
        begin = since(text, NOW)
    except ValueError:
        return
    assert 0 <= begin <= NOW
