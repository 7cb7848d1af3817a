"""Whether something that fails and recovers is worth a line each time. Pure; times are seconds of a monotonic clock.

What changes its state often gets a line that says so, then none until its state has lasted, then one with that state.
So there are no more than twelve lines about one subject in any hour: at most five before the first silence, then two
for each quarter of an hour, and the last state is always told.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum

OBSERVED = 3600.0
"""Seconds in which changes are counted."""
MOST_CHANGES = 5
"""Changes within that time that make a subject unsteady."""
STEADY = 900.0
"""Seconds without a change after which a subject is steady again."""


class Telling(Enum):
    """What a change of state is worth."""

    STATE = "a line that tells the new state"
    UNSTEADY = "a line that says that the subject comes and goes"
    NOTHING = "no line"


@dataclass
class Steadiness:
    """The changes of one subject's state in the last hour, oldest first."""

    is_unsteady: bool = False
    _changes: deque[float] = field(default_factory=deque)

    def change(self, now: float) -> Telling:
        """Note that the state changed, and return what that is worth."""
        self._forget_old(now)
        self._changes.append(now)
        if self.is_unsteady:
            return Telling.NOTHING
        if len(self._changes) >= MOST_CHANGES:
            self.is_unsteady = True
            return Telling.UNSTEADY
        return Telling.STATE

    def settle(self, now: float) -> bool:
        """Return True, once, where the subject was unsteady and its state has lasted since: a line tells the state."""
        settled = self.is_unsteady and now - self._changes[-1] >= STEADY
        if settled:
            self.is_unsteady = False
        return settled

    def is_forgettable(self, now: float) -> bool:
        """Whether nothing of the past matters any more."""
        self._forget_old(now)
        return not self._changes and not self.is_unsteady

    def _forget_old(self, now: float) -> None:
        # The last one tells since when the state lasts.
        while len(self._changes) > self.is_unsteady and self._changes[0] <= now - OBSERVED:
            self._changes.popleft()
