"""The wall clock, which may step, and its texts; the boot-time clock; the event loop's clock, for durations."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

WallClock = Callable[[], float]
"""Returns seconds since the epoch, UTC. It may step in either direction at any moment."""
UptimeClock = Callable[[], float]
"""Returns the seconds since the machine was started. It never steps, but begins anew with each start."""
MonotonicClock = Callable[[], float]
"""Returns seconds since some moment. It never steps."""

system_clock: WallClock = time.time


def boot_clock() -> float:
    """Return the seconds since the machine was started, sleep included (CLOCK_BOOTTIME)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def loop_clock() -> float:
    """Return the seconds of the running event loop's clock, which is monotonic. Raises RuntimeError outside of one."""
    return asyncio.get_running_loop().time()


def utc_text(epoch: int) -> str:
    """Write whole seconds since the epoch as the server wants a timestamp, for example `2024-12-24T15:30:00Z`."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
