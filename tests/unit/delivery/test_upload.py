"""When the upload begins."""

from hypothesis import given
from hypothesis import strategies as st

from inviseobox.delivery.upload import start_offset

TOKENS = [f"{number:064x}" for number in range(2000)]


@given(st.text(), st.integers(1, 86_400))
def test_a_box_starts_at_its_own_fixed_moment_after_a_window(token: str, interval: int) -> None:
    offset = start_offset(token, interval)
    assert 0 <= offset <= min(60.0, interval / 10)
    assert start_offset(token, interval) == offset


def test_the_moments_of_many_boxes_are_spread_evenly() -> None:
    offsets = sorted(start_offset(token, 1800) for token in TOKENS)
    for place in range(60):
        assert 10 <= sum(place <= offset < place + 1 for offset in offsets) <= 70
