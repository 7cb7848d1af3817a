"""How long it waits between tries."""

import asyncio
import statistics

import pytest

from inviseobox.delivery.upload import LONGEST_RETRY_PAUSE
from inviseobox.errors import BufferFault, DeliveryError, LinkDown
from inviseobox.server.retry import retrying


def pauses(error: Exception, failures: int) -> list[float]:
    """Return the pauses after each of so many failures in a row, which are all told."""
    waited: list[float] = []
    told: list[BaseException] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    async def work() -> str:
        if len(told) < failures:
            raise error
        return "done"

    assert asyncio.run(retrying(LONGEST_RETRY_PAUSE, sleep, told.append)(work)) == "done"
    assert told == [error] * failures
    return waited


def pause(error: Exception, attempt: int) -> float:
    return pauses(error, attempt)[-1]


@pytest.mark.parametrize("error", [DeliveryError("no connection"), BufferFault("disk full")])
def test_the_pauses_between_tries_grow_at_random_up_to_five_minutes(error: Exception) -> None:
    assert LONGEST_RETRY_PAUSE == 300
    early = [pause(error, 1) for _ in range(200)]
    late = pauses(error, 250)[50:]
    assert max(early) <= 2
    assert max(late) <= 300
    assert statistics.mean(late) > 60
    assert len(set(late)) > 100


@pytest.mark.parametrize("asked", [120.0, 3600.0])
def test_a_pause_that_the_server_asks_for_is_obeyed(asked: float) -> None:
    assert pause(DeliveryError("busy", asked), 1) >= asked
    assert pause(DeliveryError("busy", asked), 1) <= asked + 2


def test_a_server_that_asks_for_no_pause_does_not_switch_the_back_off_off() -> None:
    assert statistics.mean(pauses(DeliveryError("busy", 0.0), 220)[20:]) > 10


def test_any_other_error_is_not_tried_again() -> None:
    with pytest.raises(LinkDown):
        pauses(LinkDown("no port"), 1)
