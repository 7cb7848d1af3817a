"""The daemon's event loop: short waits are not rounded up, and threads that work do not hold it up.

epoll_wait(2) takes its time limit in milliseconds, and asyncio rounds up. The silence between two frames on a serial
line of 9600 baud is 3.65 ms: half a millisecond more for each request is 2 % of what the line can carry.
"""

import asyncio
import select
import selectors
import sys

_SHORT = 0.02
"""Seconds; what is rounded up of a longer wait does not matter."""

_SWITCH_INTERVAL = 0.0005
"""Seconds for which a working thread keeps the interpreter from the event loop, which gives it away with each send."""


class _PreciseSelector(selectors.EpollSelector):
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and 0 < timeout < _SHORT:
            # An epoll descriptor is readable when one of those that it watches is ready: epoll(7). Opened first, it has
            # a number far below FD_SETSIZE.
            select.select([self.fileno()], [], [], timeout)
            timeout = 0
        return super().select(timeout)


def new_loop() -> asyncio.AbstractEventLoop:
    """Make the loop of this process."""
    sys.setswitchinterval(_SWITCH_INTERVAL)
    return asyncio.SelectorEventLoop(_PreciseSelector())
