"""Disks to do harm to: one whose power can be cut at any moment, and a small one that can be filled.

All of them are images in memory (/dev/shm), mounted through loop devices.
"""

import itertools
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .disks import SmallDisk

_XFS_SIZE = 512 * 2**20  # mkfs.xfs makes none below 300 MB; little of it is ever used
_EXT4_SIZE = 32 * 2**20


class PowerCutDisk:
    """An ext4 file system at `folder`, on an image that lies on an XFS that can share blocks between files.

    A copy of the image that shares its blocks holds what had reached the disk at that moment, and nothing of what was
    still in memory: it is the disk as a box finds it after a power cut.
    """

    def __init__(self, images: Path, folder: Path, size: int) -> None:
        self.folder = folder
        self._images = images
        self._numbers = itertools.count()
        self._image = self._next()
        _make_ext4(self._image, size)
        _mount(self._image, folder)

    def keep(self) -> Path:
        """Return a copy of the disk that holds what has reached it by now, as a cut at this moment would leave it."""
        kept = self._next()
        _do("cp", "--reflink=always", str(self._image), str(kept))
        return kept

    def restore(self, kept: Path) -> None:
        """Go on with what had reached the disk when it was kept; each copy once. Nobody may use the disk."""
        _do("umount", str(self.folder))
        self._image.unlink()
        self._image = kept
        _mount(self._image, self.folder)

    def _next(self) -> Path:
        return self._images / f"{next(self._numbers)}.img"


@contextmanager
def power_cut_disk(size: int = _EXT4_SIZE) -> Iterator[PowerCutDisk]:
    """Yield a disk of so many bytes whose power can be cut."""
    with _folder() as folder, ExitStack() as mounted:
        xfs = folder / "xfs.img"
        # For the disk as it is and as it was at each cut, which share what is the same.
        _make(xfs, max(_XFS_SIZE, 4 * size))
        _do("mkfs.xfs", "-q", "-m", "reflink=1", str(xfs))
        images, data = folder / "images", folder / "data"
        images.mkdir()
        data.mkdir()
        _mount(xfs, images)
        mounted.callback(_unmount, images)
        disk = PowerCutDisk(images, data, size)
        mounted.callback(_unmount, data)
        yield disk


@contextmanager
def small_disk(size: int) -> Iterator[SmallDisk]:
    """Yield a disk of so many bytes."""
    with _folder() as folder, ExitStack() as mounted:
        image, data = folder / "small.img", folder / "data"
        _make_ext4(image, size)
        data.mkdir()
        _mount(image, data)
        mounted.callback(_unmount, data)
        yield SmallDisk(data)


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="inviseobox-disk-", dir="/dev/shm"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _make_ext4(image: Path, size: int) -> None:
    _make(image, size)
    # Blocks as disks of a usual size have them. With the smaller ones of a small disk, a page of the memory that SQLite
    # shares through a file may turn out to have no room when it is written to, which ends a process (SIGBUS).
    options = ["-b", "4096", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0"]
    _do("mkfs.ext4", "-q", "-F", *options, str(image))


def _make(image: Path, size: int) -> None:
    with image.open("wb") as file:
        file.truncate(size)


def _mount(image: Path, folder: Path) -> None:
    _do("mount", "-o", "loop", str(image), str(folder))


def _unmount(folder: Path) -> None:
    _do("umount", "--lazy", str(folder))


def _do(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
