"""Where damaged files go, and how many of them stay: `data.db.corrupt-<time>`, with the write-ahead log of each."""

import re
import time
from itertools import count
from pathlib import Path

FILES = ("", "-wal", "-shm")
"""What the names of SQLite's files end with."""
KEPT = 2
"""Files that are kept: a disk that is failing would fill up with them."""
_MARK = ".corrupt-"
_OURS = re.compile(r"(\d{8}T\d{6}Z)(?:-(\d+))?(?:-wal|-shm)?", re.ASCII)


def free_name(path: str, now: float) -> str:
    """Return the name for a damaged file that is set aside at the wall clock `now`, which no other file has."""
    name = f"{path}{_MARK}{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now))}"
    free, number = name, count(2)
    while any(Path(free + suffix).exists() for suffix in FILES):
        free = f"{name}-{next(number)}"
    return free


def delete_old(path: str, kept: int, latest: str | None = None) -> list[str]:
    """Delete the files that were set aside but `kept` of them; return the names of those.

    By their names the newest stay, but first of all `latest`, whatever the clock was when it got its name. A name that
    somebody gave stays, too. Raises OSError.
    """
    files: dict[tuple[bool, str, int], list[Path]] = {}
    start = Path(path).name + _MARK
    for file in Path(path).parent.iterdir():
        found = _OURS.fullmatch(file.name.removeprefix(start)) if file.name.startswith(start) else None
        if found:
            name = str(file).removesuffix("-wal").removesuffix("-shm")
            files.setdefault((name == latest, found[1], int(found[2] or 1)), []).append(file)
    deleted = [file for key in sorted(files, reverse=True)[kept:] for file in files[key]]
    for file in deleted:
        file.unlink()
    return [str(file) for file in deleted]
