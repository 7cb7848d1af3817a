"""The texts of points in time."""

import time

import pytest

from inviseobox.clock import utc_text


@pytest.mark.parametrize(
    ("epoch", "text"),
    [(0, "1970-01-01T00:00:00Z"), (1735054200, "2024-12-24T15:30:00Z"), (253402300799, "9999-12-31T23:59:59Z")],
)
def test_timestamps_are_utc_with_z(epoch: int, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Pacific/Auckland")
        time.tzset()
        told = utc_text(epoch)
    time.tzset()
    assert told == text
