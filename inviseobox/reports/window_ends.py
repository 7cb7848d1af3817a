"""Which window a reading belongs to. Pure.

Windows are aligned to the epoch: each ends at a whole multiple of its interval, in UTC. The wall clock may step in
either direction at any moment; sealed ends are never used again.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

IsSealed = Callable[[int], bool]


@dataclass(frozen=True, slots=True)
class OpenWindow:
    """The window that takes readings now: its end in seconds since the epoch, and the interval it was opened with."""

    end: int
    interval: int


def next_border(now: float, interval: int) -> int:
    """Return the first multiple of `interval` after `now`, all in seconds since the epoch."""
    border = (math.floor(now / interval) + 1) * interval
    return border if border > now else border + interval


def earliest_unsealed(now: float, interval: int, is_sealed: IsSealed) -> int:
    """Return the earliest multiple of `interval` after `now` that is not sealed yet."""
    end = next_border(now, interval)
    while is_sealed(end):
        end += interval
    return end


def window_for(now: float, interval: int, current: OpenWindow | None, is_sealed: IsSealed) -> OpenWindow:
    """Return the window for a reading whose answer came at `now`.

    While the current window lasts it stays, so a changed `interval` takes effect after it. Where the clock stepped
    back, the window is the earliest that its own interval allows: the caller moves the readings of later ones to it.
    """
    if current is None or now >= current.end:
        return OpenWindow(earliest_unsealed(now, interval, is_sealed), interval)
    if next_border(now, current.interval) == current.end:
        return current
    end = earliest_unsealed(now, current.interval, is_sealed)
    return current if end >= current.end else OpenWindow(end, current.interval)
