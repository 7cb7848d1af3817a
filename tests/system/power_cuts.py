"""A whole machine on a disk whose power can be cut at any moment, and what must be true when it is back.

The disk is an ext4 image that lies on an XFS which can share blocks between files. A copy of the image that shares its
blocks holds what had reached the disk at that moment, and nothing of what was still in memory: it is the disk as a box
finds it after a power cut. Taking one does not disturb the machine, so one run gives many of them.
"""

import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from tests.support.machine import UNIT, Machine
from tests.support.waiting import wait_for

SERVICE = "inviseobox-updater.service"
_XFS_SIZE = 16 * 2**30
_EXT4_SIZE = 3 * 2**30
"""Both images are sparse: what they take of memory is what is written."""
STATE = "/var/lib/inviseobox-updater"
"""Where the updater keeps what it knows and the package files that it may need."""

_LOOK_TAKES, _DPKG_TAKES, _FIRST_WATCHING = 6.0, 2.5, 8.0
"""Seconds within which cuts are drawn; a slow machine has more of them early in a step, which is as good."""


class Disks:
    """Images of disks in one folder, of which `base` is copied for each run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._base = folder / "base.img"
        self._number = 0

    def fill(self, machine: Machine) -> None:
        """Make the disk of a machine that is off the base of all others."""
        with self._base.open("wb") as file:
            file.truncate(_EXT4_SIZE)
        _do("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", self._base)
        with self._mounted(self._base) as root, tempfile.TemporaryDirectory() as whole:
            lowers = ":".join(str(layer) for layer in machine.layers)
            _do("mount", "-t", "overlay", "-o", f"ro,lowerdir={lowers}", "overlay", whole)
            try:
                _do("cp", "--archive", "--one-file-system", f"{whole}/.", root)
            finally:
                _do("umount", whole)
            # Dpkg is to take the care for the disk that it takes on a box.
            (root / "etc/dpkg/dpkg.cfg.d/unsafe-io").unlink()

    def copy(self, image: Path | None = None) -> Path:
        """Return a new image with what has reached `image`, or the base, by now."""
        self._number += 1
        copied = self._folder / f"{self._number}.img"
        _do("cp", "--reflink=always", image or self._base, copied)
        return copied

    @contextmanager
    def machine(self, image: Path, network: Literal["host", "own"]) -> Iterator[Machine]:
        """Yield a machine that was switched on with the image as its disk, of which nothing is left in the end."""
        with self._mounted(image) as root, Machine(root=root, network=network) as box:
            yield box
            box.crash()
        image.unlink()

    @contextmanager
    def _mounted(self, image: Path) -> Iterator[Path]:
        folder = Path(tempfile.mkdtemp(dir=self._folder.parent))
        _do("mount", "-o", "loop", image, folder)
        try:
            yield folder
        finally:
            _do("umount", "--lazy", folder)
            folder.rmdir()

    def is_broken(self, image: Path) -> bool:
        """Return whether dpkg would have something to complain of on this disk."""
        looked_at = self.copy(image)
        with self._mounted(looked_at) as root:
            audit = subprocess.run(
                ["dpkg", f"--admindir={root}/var/lib/dpkg", "--audit"], capture_output=True, text=True, check=False
            )
        looked_at.unlink()
        return bool(audit.stdout + audit.stderr)


@contextmanager
def disks() -> Iterator[Disks]:
    """Yield room for images, in memory, which is gone in the end."""
    folder = Path(tempfile.mkdtemp(prefix="inviseobox-disks-", dir="/dev/shm"))
    xfs, images = folder / "xfs.img", folder / "images"
    images.mkdir()
    with xfs.open("wb") as file:
        file.truncate(_XFS_SIZE)
    try:
        _do("mkfs.xfs", "-q", "-m", "reflink=1", xfs)
        _do("mount", "-o", "loop", xfs, images)
        try:
            yield Disks(images)
        finally:
            _do("umount", "--lazy", images)
    finally:
        shutil.rmtree(folder)


def run_timed(box: Machine, script: str) -> float:
    """Run a shell script in a machine and return how many seconds it took."""
    began = time.monotonic()
    box.run("sh", "-euc", script, timeout=400)
    return time.monotonic() - began


def cut_while(box: Machine, image: Path, room: Disks, script: str, moments: Iterable[float]) -> list[Path]:
    """Run a shell script in a machine; return its disk as it was at each of `moments`, in seconds from the start."""
    with ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        running = pool.submit(run_timed, box, script)
        cuts = []
        for moment in sorted(moments):
            # The moment itself is what is tried, not something that could be waited for.
            time.sleep(max(0.0, began + moment - time.monotonic()))
            cuts.append(room.copy(image))
        running.result()
    return cuts


def cut_the_updater(box: Machine, image: Path, room: Disks, dice: random.Random, each: int) -> list[Path]:
    """Start the updater; return its disk as it was at moments of its look, of each dpkg, and of what follows on that.

    `each` tells how many are taken of each of these.
    """
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_timed, box, f"systemctl start {SERVICE}")
        due = [time.monotonic() + dice.uniform(0, _LOOK_TAKES) for _ in range(each)]
        changing, cuts = False, []
        while due or not running.done():
            if is_changing(box) != changing:
                changing = not changing
                spread = _DPKG_TAKES if changing else _FIRST_WATCHING
                due += [time.monotonic() + dice.uniform(0, spread) for _ in range(each)]
            if due and min(due) <= time.monotonic():
                due.remove(min(due))
                cuts.append(room.copy(image))
            time.sleep(0.005)
        running.result()
    return cuts


def is_changing(box: Machine, package: str = "") -> bool:
    """Return whether the updater or apt has begun to change packages on the disk of a machine, and has not ended.

    With `package`, whether that one is among them.
    """
    assert box.root
    transaction = box.root / STATE.lstrip("/") / "transaction"
    return any(transaction.glob(f"{package}_*.deb")) if package else transaction.is_dir()


def is_installed(box: Machine, version: str) -> bool:
    """Return whether this version of the program is installed, and whole."""
    wanted = "--showformat=${db:Status-Abbrev}${Version}"
    return box.run("dpkg-query", "--show", wanted, "inviseobox").stdout == f"ii {version}"


def assert_repaired(box: Machine) -> str:
    """See that a machine which was just switched on has whole packages; return the version of the program."""
    wait_for(lambda: _ended(box, "inviseobox-updater-repair.service"), 120, "the repair has ended")
    said = box.run("journalctl", "--no-hostname", "-u", "inviseobox-updater-repair").stdout
    assert box.run("dpkg", "--audit", check=False).stdout == "", said
    wanted = "${db:Status-Abbrev}${Version}"
    status = box.run("dpkg-query", "--show", f"--showformat={wanted}", "inviseobox").stdout
    assert status[:3] == "ii ", f"{status}\n{said}"
    assert box.run("dpkg", "--verify", "inviseobox", "inviseobox-updater", check=False).stdout == "", said
    assert not is_changing(box), said
    return status[3:]


def assert_whole(box: Machine, versions: set[str]) -> str:
    """See that a machine which was just switched on has whole packages and runs one of `versions`; return which."""
    version = assert_repaired(box)
    assert version in versions
    wait_for(lambda: box.show(UNIT, "ActiveState")["ActiveState"] == "active", 60, f"{UNIT} is active")
    assert box.run("inviseobox", "--version").stdout.split()[-1] == version
    return version


def _ended(box: Machine, unit: str) -> bool:
    return box.show(unit, "ActiveState")["ActiveState"] in ("inactive", "failed")


def _do(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stderr}"
