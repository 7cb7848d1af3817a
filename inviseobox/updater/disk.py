"""Writing so that a power cut leaves the old content or the new one, and how much room there is."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

MEGABYTE = 1_000_000


def write(path: Path, content: str, mode: int = 0o600) -> None:
    """Replace a file as a whole; it is on the disk when this returns. Raises OSError."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.chmod(mode)
    with new.open("w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_directory(path.parent)


def write_json(path: Path, content: Any, mode: int = 0o600) -> None:
    """Replace a file of JSON as `write` does."""
    write(path, json.dumps(content, indent=1) + "\n", mode)


def remove(path: Path) -> None:
    """Remove a file, if it is there, for good. Raises OSError."""
    path.unlink(missing_ok=True)
    sync_directory(path.parent)


def copy(source: Path, target: Path) -> None:
    """Put a copy of a file at `target`, whole or not at all. Raises OSError."""
    _beside(target, lambda new: shutil.copyfile(source, new))


def link(source: Path, target: Path) -> None:
    """Put a second name of a file at `target`, a copy where that cannot be. Raises OSError."""

    def make(new: Path) -> None:
        try:
            os.link(source, new)
        except OSError:
            shutil.copyfile(source, new)

    _beside(target, make)


def sync_file(path: Path) -> None:
    """Wait until a file's content is on the disk. Raises OSError."""
    _sync(path, os.O_RDONLY | os.O_NOFOLLOW)


def sync_directory(path: Path) -> None:
    """Wait until a directory's names are on the disk. Raises OSError."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def free(path: Path) -> tuple[int, int]:
    """Return the bytes and inodes that are free for root where `path` lies or would lie.

    A file system without a number of inodes (btrfs says 0) has enough of them.
    """
    while not path.exists():
        path = path.parent
    found = os.statvfs(path)
    return found.f_bfree * found.f_frsize, found.f_ffree if found.f_files else 1_000_000


def _beside(target: Path, make: Callable[[Path], object]) -> None:
    new = target.with_name(target.name + ".new")
    new.unlink(missing_ok=True)
    make(new)
    sync_file(new)
    new.replace(target)
    # Two names of one file are both left: rename(2).
    new.unlink(missing_ok=True)
    sync_directory(target.parent)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
