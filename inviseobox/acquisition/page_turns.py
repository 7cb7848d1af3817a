"""In which order the pages of a host are asked, and how long each may take. Pure; times are seconds of one clock.

One request at a time goes to a host, so what one page takes the others wait. A page that did not answer in time is
slow: it is asked last, in the time that is left until the next round; once a minute in all the time that costs no other
page a window, so that one which needs longer than usual is read again; once an hour in its whole time. A page that is
not slow has its whole time too, as far as that costs no other a window.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

LONG_LIMIT_PERIOD = 60.0
"""Seconds between two times that a slow page is given all the time that costs no other page a window."""
_SPARE = 0.5
"""Seconds before the next round in which no slow page is waited for: a round that ends late costs the next one."""
_LEAST_PATIENCE = 1.0
"""Seconds that a page may take beyond twice what it took the last time, whatever that costs others."""


@dataclass(eq=False)
class Pace:
    """How a page answers: how long it `took` the last time, when that was, and whether it is slow."""

    is_slow: bool = False
    took: float = 0.0
    read_at: float | None = None
    full_limit_due: float = 0.0
    """When it is given its whole time again though it is slow."""
    long_limit_due: float = 0.0
    """When it is given again all the time that costs no other page a window."""

    def answered(self, began: float, now: float) -> None:
        """Note that something came of a request in time, be it good or bad."""
        self.took, self.read_at = now - began, now

    def timed_out(self, now: float, full_limit_due: float) -> None:
        """Note that no answer came in time."""
        if not self.is_slow:
            # What cut it off may have been less than it usually takes.
            self.long_limit_due = now
            self.full_limit_due = full_limit_due
        self.is_slow = True


class Turns:
    """The turns of one round over the pages of a host.

    The next round begins at `next_start`, and no limit is longer than `timeout`. In each `window` seconds every page is
    to be read; None where nobody counts in windows.
    """

    def __init__(
        self,
        paces: Sequence[Pace],
        now: float,
        next_start: float,
        timeout: float,
        window: float | None,
        full_limit_period: float,
    ) -> None:
        """Begin at `now`."""
        self._began = now
        self._next_start = next_start
        self._timeout = timeout
        self._window = window
        self._full_limit_period = full_limit_period
        self._paces = paces
        slow = [pace for pace in paces if pace.is_slow]
        self._full = [pace for pace in slow if now >= pace.full_limit_due]
        due = [pace for pace in slow if now >= pace.long_limit_due and pace not in self._full]
        self._long = min(due, key=lambda pace: pace.long_limit_due, default=None)
        self._waiting = list(self.order)

    @property
    def order(self) -> list[Pace]:
        """The pages in the order in which they are asked: the fast ones first, then slow ones with longer limits."""
        return sorted(self._paces, key=lambda pace: (self._rank(pace), 0 if pace.is_slow else round(pace.took)))

    def _rank(self, pace: Pace) -> int:
        if not pace.is_slow:
            return 0
        return 3 if pace in self._full else 2 if pace is self._long else 1

    def limit(self, pace: Pace, now: float) -> float:
        """Return the seconds for the page whose turn it is at `now`; 0 or less where it has to be skipped."""
        self._waiting.remove(pace)
        if len(self._paces) == 1:
            return self._timeout
        if pace in self._full:
            pace.full_limit_due = now + self._full_limit_period
            return self._timeout
        return min(self._timeout, self._slow(pace, now) if pace.is_slow else self._usual(pace, now))

    def _usual(self, pace: Pace, now: float) -> float:
        """Return the limit of a page that is not slow: its whole time, unless others would lose a window by it."""
        left = self._until_a_window_is_lost(pace) - now
        if any(not other.is_slow for other in self._waiting):
            # However many begin to hang in one round, each leaves half of the time to those that come after it.
            left /= 2
        return max(2 * pace.took + _LEAST_PATIENCE, left)

    def _slow(self, pace: Pace, now: float) -> float:
        left = self._next_start - _SPARE - now
        if pace is self._long:
            pace.long_limit_due = now + LONG_LIMIT_PERIOD
            lost = self._until_a_window_is_lost(pace) if self._window is not None else -math.inf
            return max(left, lost - now)
        alike = 1 + sum(self._rank(other) == 1 for other in self._waiting)
        return left / (2 * alike if self._long else alike)

    def _until_a_window_is_lost(self, pace: Pace) -> float:
        """Return when the request to a page has to end, lest another that is not slow miss a window."""
        if self._window is None:
            return math.inf
        period = max(0.0, self._next_start - self._began)
        times = [
            (self._began if other.read_at is None else other.read_at) - (0 if other in self._waiting else period)
            for other in self._paces
            if other is not pace and not other.is_slow
        ]
        return min(times, default=math.inf) + self._window - _LEAST_PATIENCE - _SPARE
