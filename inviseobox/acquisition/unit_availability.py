"""Whether a unit answers, and when to ask one that does not. Pure; times are seconds of a monotonic clock."""

from dataclasses import dataclass

FIRST_PROBE_PAUSE = 5.0
LONGEST_PROBE_PAUSE = 30.0


@dataclass
class UnitAvailability:
    """Whether one unit answers, why it does not, and when it is worth another question."""

    silence: str | None = None
    """Why the unit counts as silent: what the last read of it met with; None where it answers."""
    is_odd: bool = False
    """Whether it met with an answer, but no valid one."""
    is_sure: bool = False
    """Whether it is known if the unit answers: not before it was asked, nor while one short probe was in vain."""
    asked_at: float = float("-inf")
    """When it was asked in vain last."""
    _pause: float = FIRST_PROBE_PAUSE

    @property
    def is_silent(self) -> bool:
        """Whether the unit gave no valid answer when it was asked last."""
        return self.silence is not None

    @property
    def answers(self) -> bool:
        """Whether the unit is known to answer."""
        return self.is_sure and not self.is_silent

    @property
    def was_asked(self) -> bool:
        """Whether the unit was asked at all."""
        return self.is_sure or self.asked_at > float("-inf")

    def is_due(self, now: float, next_round: float) -> bool:
        """Whether to ask the unit in the round at `now`, when the following one begins at `next_round`.

        A silent unit is asked under back-off, but never later than LONGEST_PROBE_PAUSE after the last time, where
        there is time.
        """
        waited = now - self.asked_at
        return not self.is_silent or waited >= self._pause or next_round - self.asked_at > LONGEST_PROBE_PAUSE

    def answered(self) -> None:
        """Note that the unit answers."""
        self.silence = None
        self.is_odd = False
        self.is_sure = True
        self._pause = FIRST_PROBE_PAUSE

    def missed(self, now: float) -> None:
        """Note that a single probe of a unit that does not count as silent was in vain: a frame may be lost."""
        self.asked_at = now
        self.is_sure = False

    def stayed_silent(self, now: float, cause: str, *, is_odd: bool = False) -> None:
        """Note that the unit gave no valid answer at `now`, because of `cause`."""
        self.asked_at = now
        self.is_sure = True
        if self.is_silent:
            self._pause = min(2 * self._pause, LONGEST_PROBE_PAUSE)
        self.silence = cause
        self.is_odd = is_odd
