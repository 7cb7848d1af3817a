"""When to try again what a unit did not answer with values. Pure; times are seconds of the caller's clock."""

from dataclasses import dataclass

SOON = 5.0
"""Seconds of the first pause after which something without values is tried again; the next are longer."""
LATER = 600.0
"""Seconds between two tries of what the device does not seem to have, and of what fails for long."""
FIRST_TRIAL = 60.0
"""Seconds after which a border that a unit seems to want between its reads is tried to be crossed."""
LAST_TRIAL = 86_400.0
"""Seconds between two such trials at most."""


@dataclass(frozen=True, slots=True)
class Retry:
    """The next try of one thing: when it is due, None where no pause has begun yet, and the pause after it."""

    due: float | None
    pause: float

    def is_due(self, now: float) -> bool:
        """Whether it is time."""
        return self.due is not None and self.due <= now

    def begun(self, now: float) -> "Retry":
        """Return the same with a pause that begins now, where nothing was decided."""
        return Retry(now + self.pause, self.pause) if self.due is None else self

    def failed(self, now: float, longest: float) -> "Retry":
        """Return the try after one that failed now; pauses grow to `longest` seconds."""
        return Retry(now + self.pause, min(2 * self.pause, longest))
