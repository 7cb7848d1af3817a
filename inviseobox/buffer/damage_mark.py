"""A mark beside a file that was found damaged, until what can be read of it is saved.

A start looks for damage for a short time only, and to save a large file takes longer than the watchdog grants a service
that runs. By the mark the next start knows that it has to, and has the time.
"""

import os
from pathlib import Path

_MARK = ".damaged"


def is_set(path: str) -> bool:
    """Whether the file at `path` was found damaged. Raises OSError."""
    return Path(path + _MARK).exists()


def put(path: str) -> None:
    """Mark the file at `path`, so that a power cut does not undo it. Raises OSError."""
    if is_set(path):
        return
    os.close(os.open(path + _MARK, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    folder = os.open(Path(path).parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove(path: str) -> None:
    """Take the mark away, where there is one. Raises OSError."""
    Path(path + _MARK).unlink(missing_ok=True)
