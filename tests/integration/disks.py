"""Disks that are full, made as far as this user may."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.disks import SmallDisk


class LimitedFiles(SmallDisk):
    """No file may grow: what the kernel offers without root (setrlimit(2), RLIMIT_FSIZE)."""

    def fill(self, room: int = 0) -> None:
        assert not room, "only a disk of its own has some room"
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))

    def free(self) -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


@contextmanager
def limited_files(folder: Path) -> Iterator[SmallDisk]:
    """Yield a folder whose files can be kept from growing; they may grow again in the end."""
    disk = LimitedFiles(folder)
    try:
        yield disk
    finally:
        disk.free()


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Mount a file system of 1 MB where that is allowed; limit the size of files elsewhere."""
    if os.geteuid() != 0 or subprocess.call(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]):
        with limited_files(folder) as disk:
            yield disk
        return
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.check_call(["umount", "--lazy", str(folder)])
