"""A deadline for dpkg that leaves its database whole.

Ending dpkg itself leaves a package half unpacked; ending what it waits for lets it note the failure and end by itself.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

TERM_FOR = 5.0
"""Seconds between asking what dpkg waits for to end, and ending it."""
GIVE_UP_AFTER = 30.0
"""Seconds in which dpkg must have ended, once what it waited for is ended again and again."""

_LOOK_EVERY = 0.2


def wait(process: "subprocess.Popen[bytes]", seconds: float, now: Callable[[], float] = time.monotonic) -> bool:
    """Wait for dpkg to end; return whether it did so by itself within `seconds`."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
        return True
    began = now()
    while process.poll() is None:
        after = now() - began
        number = signal.SIGTERM if after < TERM_FOR else signal.SIGKILL
        for child in descendants(process.pid):
            with suppress(ProcessLookupError):
                os.kill(child, number)
        if after > GIVE_UP_AFTER:
            process.kill()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK_EVERY)
    return False


def descendants(leader: int, proc: Path = Path("/proc")) -> set[int]:
    """Return the processes that `leader` started, directly or not, and those of its session, without itself."""
    parents: dict[int, int] = {}
    found: set[int] = set()
    for directory in proc.iterdir():
        if directory.name.isdecimal():
            with suppress(OSError):
                # The name, in parentheses, may hold anything: proc(5).
                fields = (directory / "stat").read_text(errors="replace").rpartition(")")[2].split()
                parents[int(directory.name)] = int(fields[1])
                if int(fields[3]) == leader:
                    found.add(int(directory.name))
    below = {leader}
    while grown := {child for child, parent in parents.items() if parent in below} - below:
        below |= grown
    return (found | below) - {leader}
