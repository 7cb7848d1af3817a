"""The wall clock, which may step, and its texts. Durations are measured with the event loop's monotonic time."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

WallClock = Callable[[], float]
"""Returns seconds since the epoch, UTC. It may step in either direction at any moment."""

system_clock: WallClock = time.time


def utc_text(epoch: int) -> str:
    """Write whole seconds since the epoch as the server wants a timestamp, for example `2024-12-24T15:30:00Z`."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
