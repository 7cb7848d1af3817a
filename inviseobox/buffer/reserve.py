"""Room on the disk that is set apart, so that the box also starts when somebody filled the disk."""

import os
from pathlib import Path

_RESERVE = ".reserve"
_SIZE = 262_144
"""Bytes. Opening a file takes room for its write-ahead log and its index."""


def reserve_space(path: str) -> None:
    """Set apart the room that a start takes, where that is not done yet or somebody undid it."""
    reserve = Path(path + _RESERVE)
    try:
        # Not where a power cut came between its two steps.
        if reserve.exists() and reserve.stat().st_size == _SIZE:
            return
        with reserve.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, _SIZE)
    except OSError:
        # Without it the start still works as long as there is room.
        release_reserve(path)


def release_reserve(path: str) -> bool:
    """Free the room that was set apart; return whether there was any."""
    try:
        Path(path + _RESERVE).unlink()
    except OSError:
        return False
    return True
