"""Reading does not outrun the disk and the sealing of windows."""

from inviseobox import events
from inviseobox.buffer import Buffer
from inviseobox.health.health import Health

MOST_BEHIND = 150_000
"""Readings that may be in memory, where the disk takes them, before rounds are skipped."""
_CALM = 60.0
"""Seconds without a skipped round after which it counts as over."""


class BackPressure:
    """Says whether the start of a round is to be skipped."""

    def __init__(self, buffer: Buffer, health: Health) -> None:
        """Look at how much waits in `buffer`; let `health` know of skipped rounds."""
        self._buffer = buffer
        self._health = health
        self._skipped_at = float("-inf")

    def skips(self) -> bool:
        """Return whether too much of what was read is not on the disk yet, though the disk takes it.

        A disk that cannot be written is no reason to read less: memory for that is bounded in another way.
        """
        now = self._health.now()
        is_behind = self._buffer.is_writable and self._buffer.pending > MOST_BEHIND
        if is_behind:
            self._skipped_at = now
            cause = "it is faster than the disk and the sealing of windows; rounds are skipped"
            self._health.troubles.begin("pace", events.PACE(cause))
        elif now - self._skipped_at > _CALM:
            self._health.troubles.end("pace")
        return is_behind
