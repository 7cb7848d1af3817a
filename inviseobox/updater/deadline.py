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
KILL_FOR = 20.0
"""Seconds in which what is ended must be gone, unless the kernel holds it."""
GOES_ON_FOR = 100.0
"""Seconds for what dpkg does once what it waited for was ended: in the place of a script that failed it may run another
one, and go on (deb-prerm(5))."""
GIVE_UP_AFTER = 330.0
"""Seconds after which dpkg itself is ended."""

_LOOK_EVERY = 0.2


def wait(process: "subprocess.Popen[bytes]", seconds: float, now: Callable[[], float] = time.monotonic) -> bool:
    """Wait for dpkg to end; return whether it did so by itself within `seconds`."""
    if _has_ended(process, seconds):
        return True
    began = now()
    while process.poll() is None:
        if now() - began > GIVE_UP_AFTER:
            process.kill()
        _end(process, descendants(process.pid))
        _has_ended(process, GOES_ON_FOR)
    return False


def _end(process: "subprocess.Popen[bytes]", hung: set[int]) -> None:
    """End these processes and what they start meanwhile, but nothing that dpkg starts in their place."""
    for number, seconds in ((signal.SIGTERM, TERM_FOR), (signal.SIGKILL, KILL_FOR)):
        until = time.monotonic() + seconds
        while hung and process.poll() is None and time.monotonic() < until:
            for pid in hung:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            _has_ended(process, _LOOK_EVERY)
            there = descendants(process.pid)
            hung = {pid for pid in hung.union(*map(descendants, hung)) if pid in there}


def _has_ended(process: "subprocess.Popen[bytes]", seconds: float) -> bool:
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
        return True
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
