"""Waiting for a condition that tells nobody when it comes true, with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

_POLL_INTERVAL = 0.02


def wait_for(condition: Callable[[], Result], within: float, what: str, *, every: float = _POLL_INTERVAL) -> Result:
    """Return the first true result of `condition`, asked every so many seconds for at most `within` seconds.

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
        time.sleep(every)
