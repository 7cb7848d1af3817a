"""Whether a unit answers, and when to ask one that does not. Pure; times are seconds of a monotonic clock."""

from dataclasses import dataclass

from inviseobox.devices.registers import Span

FIRST_PROBE_PAUSE = 5.0
LONGEST_PROBE_PAUSE = 30.0


@dataclass
class UnitAvailability:
    """Whether one unit answers, why it does not, and when it is worth another question."""

    silence: str | None = None
    """Why the unit is silent: what the last read of it met with; None where it answers."""
    suspect: Span | None = None
    """A read that had no answer, though the unit answers others: it may be too long for the device."""
    _answered_since: bool = False
    _last_probe: float = 0.0
    _pause: float = FIRST_PROBE_PAUSE

    @property
    def is_silent(self) -> bool:
        """Whether the unit did not answer when it was asked last."""
        return self.silence is not None

    def is_due(self, now: float, next_round: float) -> bool:
        """Whether to ask the unit in the round at `now`, when the following one begins at `next_round`.

        A silent unit is asked under back-off, but never later than LONGEST_PROBE_PAUSE after the last time.
        """
        waited = now - self._last_probe
        return not self.is_silent or waited >= self._pause or next_round - self._last_probe > LONGEST_PROBE_PAUSE

    def answered(self, span: Span) -> None:
        """Note an answer to a read of `span`, whatever it said."""
        self.silence = None
        self._pause = FIRST_PROBE_PAUSE
        if span == self.suspect:
            self.suspect = None
        self._answered_since = True

    def stayed_silent(self, now: float, span: Span, cause: str) -> bool:
        """Note that a read of `span` at `now` had no answer, because of `cause`.

        Return True where the same read had none before, though the unit answered another in between: then the unit
        wants shorter reads.
        """
        self._last_probe = now
        was_silent = self.is_silent
        self.silence = cause
        if was_silent:
            self._pause = min(2 * self._pause, LONGEST_PROBE_PAUSE)
            return False
        too_long = span == self.suspect and self._answered_since
        self.suspect = None if too_long else span
        self._answered_since = False
        return too_long
