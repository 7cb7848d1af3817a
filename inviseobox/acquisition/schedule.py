"""When the next round of a link begins. Pure; times are seconds of a monotonic clock."""

import math


def effective_period(period: float, interval: int) -> float:
    """Return the seconds between rounds: the configured one, but at least two rounds a window of `interval` seconds."""
    return min(period, interval / 2)


def next_start(previous: float, period: float, now: float) -> float:
    """Return the start of the round after the one that began at `previous`.

    It is `previous + period`, without drift. A round that overran skips the starts that it missed, it does not queue
    them. With a period of 0 the next round begins now.
    """
    if period <= 0:
        return now
    following = previous + period
    if following >= now:
        return following
    return previous + math.ceil((now - previous) / period) * period
