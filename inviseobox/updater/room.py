"""Whether there is room on the disk for what is to be done."""

from collections.abc import Iterable
from pathlib import Path

from . import disk
from .errors import NotNow
from .places import Places

SPARE = 20 * disk.MEGABYTE
_INODES = 2000


class NoRoom(NotNow):
    """The disk is too full: nothing was begun, and a person is told of it."""


def check(places: Places, more: int = 0) -> None:
    """See that there are `more` bytes and something to spare wherever an update writes. Raises NoRoom."""
    needed = SPARE + more
    for directory in _directories(places):
        found, inodes = disk.free(directory)
        if found < needed:
            free, wanted = (f"{size / disk.MEGABYTE:.0f} MB" for size in (found, needed))
            raise NoRoom(f"{free} are free for {directory}, an update takes {wanted}; nothing was begun")
        if inodes < _INODES:
            raise NoRoom(f"{inodes} inodes are free for {directory}, an update takes {_INODES}; nothing was begun")


def _directories(places: Places) -> Iterable[Path]:
    return (places.root / "usr", places.dpkg, places.state_directory, places.archives)
