"""In which order the pages of a host are asked, and how long each may take. Pure; times are seconds of one clock.

One request at a time goes to a host, so what one page takes the others wait. A page that did not answer in time is
slow: it is asked last, in the time that is left until the next round; once a minute in all the time that costs no other
page a window, so that one which needs longer than usual is read again; once an hour in its whole time. A page that is
not slow has its whole time too, as far as that costs no other a window.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

LONG_LIMIT_PERIOD = 60.0
"""Seconds between two times that a slow page is given all the time that costs no other page a window."""
_SPARE = 0.5
"""Seconds before the next round in which no slow page is waited for: a round that ends late costs the next one."""
LEAST_LIMIT = 0.1
"""Seconds in which a page may answer at all; one that has less is skipped."""
_LEAST_EXTRA = 1.0
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
    """The turns of one round over the pages of a host, which are as many as a device list wants.

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
        self._next_start = next_start
        self._period = max(0.0, next_start - now)
        self._timeout = timeout
        self._window = math.inf if window is None else window
        self._full_limit_period = full_limit_period
        slow = [pace for pace in paces if pace.is_slow]
        self._full = {pace for pace in slow if now >= pace.full_limit_due}
        due = [pace for pace in slow if now >= pace.long_limit_due and pace not in self._full]
        self._long = min(due, key=lambda pace: pace.long_limit_due, default=None)
        self.order = sorted(paces, key=lambda pace: (self._rank(pace), 0 if pace.is_slow else round(pace.took)))
        """The pages as they are asked: the fast ones first, then slow ones, those with longer limits last."""
        self._usual_left = len(paces) - len(slow)
        self._short_left = sum(self._rank(pace) == 1 for pace in slow)
        self._asked: list[Pace] = []
        self._first = 0
        reads = [now if pace.read_at is None else pace.read_at for pace in reversed(self.order) if not pace.is_slow]
        self._oldest_to_come = [math.inf, *accumulate(reads, min)]
        """The earliest of the last reads of the last so many pages that are not slow."""

    def _rank(self, pace: Pace) -> int:
        if not pace.is_slow:
            return 0
        return 3 if pace in self._full else 2 if pace is self._long else 1

    def limit(self, now: float) -> float:
        """Return the seconds for the next page of the order, whose turn is `now`; 0 or less where it is skipped."""
        pace = self.order[len(self._asked)]
        rank = self._rank(pace)
        self._usual_left -= rank == 0
        lost = self._until_a_window_is_lost() - now
        self._asked.append(pace)
        left = self._next_start - _SPARE - now
        if len(self.order) == 1:
            return self._timeout
        match rank:
            case 0:
                # However many begin to hang in one round, each leaves half of the time to those that come after it.
                left = max(2 * pace.took + _LEAST_EXTRA, lost / 2 if self._usual_left else lost)
            case 1:
                left /= self._short_left * (2 if self._long else 1)
                if left < LEAST_LIMIT:
                    # Lazy pages have taken the time of others, which lose no window if it is asked all the same.
                    left = min(_LEAST_EXTRA, lost / (2 * self._short_left))
                self._short_left -= 1
            case 2:
                pace.long_limit_due = now + LONG_LIMIT_PERIOD
                left = left if self._window == math.inf else max(left, lost)
            case _:
                pace.full_limit_due = now + self._full_limit_period
                left = self._timeout
        return min(self._timeout, left)

    def _until_a_window_is_lost(self) -> float:
        """Return when the next request has to end, lest another page that is not slow miss a window."""
        while self._first < len(self._asked) and self._asked[self._first].is_slow:
            self._first += 1
        # Of those that were asked in this round the first waits longest; the next round begins a period late at most.
        first = self._asked[self._first].read_at if self._first < len(self._asked) else None
        oldest = self._oldest_to_come[self._usual_left]
        if first is not None:
            oldest = min(oldest, first - self._period)
        return oldest + self._window - _LEAST_EXTRA - _SPARE
