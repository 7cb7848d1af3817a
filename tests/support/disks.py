"""A disk whose room can be taken away and given back."""

import os
from pathlib import Path


class SmallDisk:
    """A file system at `folder` with little room."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, room: int = 0) -> None:
        """Leave `room` bytes, as near as the file system allows."""
        with self._ballast.open("ab", buffering=0) as ballast:
            if room:
                found = os.statvfs(self.folder)
                os.posix_fallocate(ballast.fileno(), 0, found.f_bavail * found.f_frsize - room)
                return
            for size in (65536, 4096, 1):
                while _has_room(ballast.fileno(), size):
                    pass
            os.fsync(ballast.fileno())

    def free(self) -> None:
        """Free the room again."""
        self._ballast.unlink()


def _has_room(file: int, size: int) -> bool:
    try:
        return os.write(file, bytes(size)) == size
    except OSError:
        return False
