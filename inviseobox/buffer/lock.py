"""Who may work on the file: one daemon."""

import fcntl
import os
from pathlib import Path

from inviseobox.buffer.opening import cannot_open
from inviseobox.errors import BufferUnusable

LOCK = ".lock"
"""Ends the name of the file that is locked."""


def take_lock(path: str) -> int:
    """Keep other daemons away from the file; return the file descriptor that does.

    Raises BufferUnusable where another has it, BufferFault.
    """
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path + LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise cannot_open(path, error) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise BufferUnusable(f"{path} is in use by another inviseobox") from None
    return lock
