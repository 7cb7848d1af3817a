"""A mark beside a file that was found damaged, until what can be read of it is saved.

A start looks for damage for a short time only, and to save a large file takes longer than the watchdog grants a service
that runs. By the mark the next start knows that it has to, and has the time. It also tells how much room on the disk
was too little for that: each try writes until the disk is full.
"""

import os
from pathlib import Path

_MARK = ".damaged"
_STEPS = 16
"""The most tries on a disk that gets room little by little."""


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


def note_room(path: str) -> None:
    """Note beside the mark that the room which is left is too little. Raises OSError."""
    Path(path + _MARK).write_text(str(_room(path)))


def has_room(path: str) -> bool:
    """Whether it is worth a try to save the file: there is more room than at the last one, by a sixteenth of the file.

    Raises OSError.
    """
    try:
        tried = int(Path(path + _MARK).read_text())
    except (FileNotFoundError, ValueError):
        return True
    return _room(path) > tried + Path(path).stat().st_size // _STEPS


def _room(path: str) -> int:
    found = os.statvfs(Path(path).parent)
    return found.f_bavail * found.f_frsize


def remove(path: str) -> None:
    """Take the mark away, where there is one. Raises OSError."""
    Path(path + _MARK).unlink(missing_ok=True)
