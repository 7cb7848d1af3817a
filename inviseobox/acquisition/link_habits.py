"""What is odd about a link, as far as it changes how its answers are read. Pure; times are of a monotonic clock."""

from typing import Any

from inviseobox import events
from inviseobox.acquisition.line_watch import LineWatch
from inviseobox.devices.links import Framing
from inviseobox.events import TroubleKind

_ENOUGH = 2
"""Answers with number 0, and none with another, that are worth a line: 0 is the number before the first, too."""

_ENOUGH_REFUSED = 3
"""Answers in a row, and none with another number, after which a link that once showed numbers shows none any more."""


class LinkHabits:
    """What was seen of a link over all of its connections."""

    def __init__(self, framing: Framing) -> None:
        """Begin with nothing seen."""
        self.line = LineWatch() if framing is Framing.RTU else None
        """What is heard on a serial line; None where no line is shared."""
        self.echoes: int | None = None
        """How often the line echoes a request at most; None before the first answer."""
        self.doubled_within = 0.0
        """Seconds after an answer in which the same one came once more at the latest; 0 where none did."""
        self._zeros = 0
        self._refused = 0
        self.shows_numbers = False
        """Whether frames with a transaction number other than 0 came."""

    def answered(self, *, is_zero: bool, echoes: int = 0) -> None:
        """Note an answer: whether its transaction number was 0 instead of the request's, and the echoes before it."""
        self._zeros += is_zero
        self.echoes = max(self.echoes or 0, echoes)

    def came_again(self, after: float) -> None:
        """Note that an answer came a second time, so many seconds after the first."""
        self.doubled_within = max(self.doubled_within, after)

    def shown_a_number(self) -> None:
        """Note that a frame came whose transaction number is not 0."""
        self._zeros = self._refused = 0
        self.shows_numbers = True

    def refused_zero(self) -> None:
        """Note that an answer was not taken for its number 0 alone; it may be another device, or another program."""
        self._refused += 1
        if self._refused >= _ENOUGH_REFUSED:
            self._refused = 0
            self.shows_numbers = False

    @property
    def leaves_numbers_out(self) -> bool:
        """Whether the last answer had the transaction number 0, which tells a late one from no other."""
        return self._zeros > 0

    def shares_line(self, now: float) -> bool:
        """Return whether another master was heard within an hour."""
        return self.line is not None and self.line.hears_another(now)

    def oddities(self, now: float) -> dict[TroubleKind[Any], str]:
        """Return what a person is to be told: kinds of trouble, and the cause of each."""
        told: dict[TroubleKind[Any], str] = {}
        if self._zeros >= _ENOUGH:
            told[events.NUMBERS] = "it answers each request with transaction number 0"
        if self.shares_line(now):
            told[events.MASTER] = "somebody else asks on this line"
        return told
