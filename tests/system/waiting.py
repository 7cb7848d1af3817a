"""Waiting for a condition with a deadline: the one place of the system tests that sleeps."""

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

_POLL_INTERVAL = 0.05


def wait_for(condition: Callable[[], Result], within: float, what: str) -> Result:
    """The first true result of `condition`, asked again and again for at most `within` seconds.

    Raises:
        AssertionError: it was never true; the message names `what` was awaited and the last result.
    """
    deadline = time.monotonic() + within
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what} (last: {result!r})")
        time.sleep(_POLL_INTERVAL)
