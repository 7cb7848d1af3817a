"""Where damaged files go: `data.db.corrupt-<time>`, with the write-ahead log of each."""

import time
from itertools import count
from pathlib import Path

FILES = ("", "-wal", "-shm")
"""What the names of SQLite's files end with."""
_MARK = ".corrupt-"


def free_name(path: str, now: float) -> str:
    """Return the name for a damaged file that is set aside at the wall clock `now`, which no other file has."""
    name = f"{path}{_MARK}{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now))}"
    free, number = name, count(2)
    while any(Path(free + suffix).exists() for suffix in FILES):
        free = f"{name}-{next(number)}"
    return free
