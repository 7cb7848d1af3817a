"""The daemon's event loop: short waits are not rounded up, and threads that work do not hold it up.

epoll_wait(2) takes its time limit in milliseconds, and asyncio rounds up. The silence between two frames on a serial
line of 9600 baud is 3.65 ms: half a millisecond more for each request is 2 % of what the line can carry. The kernel
adds up to 50 µs to each wait, to wake for several at once (PR_SET_TIMERSLACK in prctl(2)).
"""

import asyncio
import contextlib
import select
import selectors
import sys
from pathlib import Path

_SHORT = 0.02
"""Seconds; what is rounded up of a longer wait does not matter."""

_TIMER_SLACK = (Path("/proc/self/timerslack_ns"), "1000")
"""What the kernel may add to a wait of this thread, in nanoseconds (proc_pid_timerslack_ns(5))."""

_SWITCH_INTERVAL = 0.0005
"""Seconds for which a working thread keeps the interpreter from the event loop, which gives it away with each send."""


class _PreciseSelector(selectors.EpollSelector):
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and 0 < timeout < _SHORT:
            # An epoll descriptor is readable when one of those that it watches is ready: epoll(7). Opened first, it has
            # a number far below FD_SETSIZE.
            if not select.select([self.fileno()], [], [], timeout)[0]:
                return []
            timeout = 0
        return super().select(timeout)


def new_loop() -> asyncio.AbstractEventLoop:
    """Make the loop of this process, to be run by the thread that calls this."""
    file, nanoseconds = _TIMER_SLACK
    # Where there is no such file its waits are a little longer, and nothing else.
    with contextlib.suppress(OSError):
        file.write_text(nanoseconds)
    sys.setswitchinterval(_SWITCH_INTERVAL)
    return asyncio.SelectorEventLoop(_PreciseSelector())
