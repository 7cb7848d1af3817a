"""When the upload begins, and how long it waits between tries."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tenacity import RetryCallState

from inviseobox.delivery.upload import LONGEST_PAUSE, _next_pause, start_offset
from inviseobox.errors import BufferFault, DeliveryError

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


def pause(error: Exception, attempt: int) -> float:
    state = RetryCallState(None, None, (), {})  # type: ignore[arg-type]
    state.attempt_number = attempt
    state.set_exception((type(error), error, None))
    return _next_pause(state)


@pytest.mark.parametrize("error", [DeliveryError("no connection"), BufferFault("disk full")])
def test_the_pauses_grow_at_random_up_to_five_minutes(error: Exception) -> None:
    assert LONGEST_PAUSE == 300
    early = [pause(error, 1) for _ in range(200)]
    late = [pause(error, 50) for _ in range(200)]
    assert max(early) <= 2
    assert max(late) <= 300
    assert statistics.mean(late) > 60
    assert len(set(late)) > 100


@pytest.mark.parametrize("asked", [120.0, 3600.0])
def test_what_the_server_asks_for_is_obeyed(asked: float) -> None:
    assert pause(DeliveryError("busy", asked), 1) >= asked
    assert pause(DeliveryError("busy", asked), 1) <= asked + 2


def test_a_server_that_asks_for_no_pause_does_not_switch_the_back_off_off() -> None:
    assert statistics.mean(pause(DeliveryError("busy", 0.0), 20) for _ in range(200)) > 10
