"""Whether a unit answers, and when to ask one that does not. Pure; times are seconds of a monotonic clock."""

from dataclasses import dataclass

from inviseobox.devices.registers import Span

FIRST_PAUSE = 5.0
LONGEST_PAUSE = 30.0


@dataclass
class UnitAvailability:
    """The silence of one unit: since when, and when it is worth another question."""

    silent_since: float | None = None
    suspect: Span | None = None
    """A read that had no answer, though the unit answers others: it may be too long for the device."""
    _answered_since: bool = False
    _last_probe: float = 0.0
    _pause: float = FIRST_PAUSE

    @property
    def is_silent(self) -> bool:
        """Whether the unit did not answer when it was asked last."""
        return self.silent_since is not None

    def is_due(self, now: float, next_round: float) -> bool:
        """Whether to ask the unit in the round at `now`, when the following one begins at `next_round`.

        A silent unit is asked under back-off, but never later than LONGEST_PAUSE after the last time.
        """
        waited = now - self._last_probe
        return not self.is_silent or waited >= self._pause or next_round - self._last_probe > LONGEST_PAUSE

    def answered(self, span: Span) -> None:
        """Note an answer to a read of `span`, whatever it said."""
        self.silent_since = None
        self._pause = FIRST_PAUSE
        if span == self.suspect:
            self.suspect = None
        self._answered_since = True

    def stayed_silent(self, now: float, span: Span) -> bool:
        """Note that a read of `span` at `now` had no answer.

        Gives True where the same read had none before, though the unit answered another in between: then the unit wants
        shorter reads.
        """
        self._last_probe = now
        if self.silent_since is not None:
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
            return False
        self.silent_since = now
        too_long = span == self.suspect and self._answered_since
        self.suspect = None if too_long else span
        self._answered_since = False
        return too_long
