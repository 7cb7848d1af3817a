"""Whether a service that holds more and more memory would come to its limit. Pure.

Samples are (seconds, bytes held), in their order.
"""

from collections.abc import Sequence
from itertools import pairwise

LEAST = 2_000_000
"""Bytes by which memory grows in each quarter of the time, or it does not grow."""
_TIMES = 10

Samples = Sequence[tuple[float, int]]


def is_growing(samples: Samples) -> bool:
    """Whether each quarter of the time ended with more than the one before."""
    if len(samples) < 5:
        return False
    began, ended = samples[0][0], samples[-1][0]
    levels = [_level(samples, began + (ended - began) * quarter / 4) for quarter in range(5)]
    return all(after - before > LEAST for before, after in pairwise(levels))


def growth(samples: Samples, limit: int) -> float | None:
    """Return the bytes an hour by which memory grows; None where ten times as long would not bring it to the limit."""
    if not is_growing(samples):
        return None
    (began, first), (ended, last) = samples[0], samples[-1]
    if last + (last - first) * _TIMES <= limit:
        return None
    return (last - first) / (ended - began) * 3600


def _level(samples: Samples, at: float) -> int:
    """Return what was held at the sample nearest to a time."""
    return min(samples, key=lambda sample: abs(sample[0] - at))[1]
