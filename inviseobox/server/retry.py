"""Trying again until it works: with exponential back-off and jitter, or when the server says."""

from collections.abc import Awaitable, Callable

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_never, wait_random_exponential

from inviseobox.errors import BufferFault, DeliveryError

Failed = Callable[[BaseException], None]
"""Told of each failure, before the pause that follows it."""


def retrying(longest_pause: float, sleep: Callable[[float], Awaitable[None]], failed: Failed) -> AsyncRetrying:
    """Make something that calls a coroutine function until it raises neither DeliveryError nor BufferFault.

    Between two tries it uses `sleep` for at most `longest_pause` seconds, or for as long as the server asked.
    """
    backoff = wait_random_exponential(multiplier=1, max=longest_pause)

    def pause(state: RetryCallState) -> float:
        error = _error(state)
        asked = error.retry_after if isinstance(error, DeliveryError) else None
        # A server that asks for no pause at all is no reason to knock without one.
        return max(float(backoff(state)), asked or 0.0)

    # Not a coroutine: tenacity 8.2 (Debian 12) would never wait for one.
    def before_sleep(state: RetryCallState) -> None:
        error = _error(state)
        if error is not None:
            failed(error)

    return AsyncRetrying(
        retry=retry_if_exception_type((DeliveryError, BufferFault)),
        wait=pause,
        stop=stop_never,
        sleep=sleep,
        before_sleep=before_sleep,
    )


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
