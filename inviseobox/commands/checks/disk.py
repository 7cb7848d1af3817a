"""The disk of the database: room, read-only, and the life of the flash memory where the kernel tells it."""

import os
from pathlib import Path

from inviseobox.commands.checks.codes import Code
from inviseobox.commands.checks.findings import Check, Finding, not_tested, right, wrong

LEAST = 16_777_216
"""Bytes that must be free, for a window or two of a large site and for SQLite's own files."""
_MB = 1_000_000
_WORN_OUT = 100
_STEP = 10
"""Per cent that one step of eMMC's and UFS's estimates stands for."""


def looked_at(buffer_path: str, sys: Path = Path("/sys")) -> Finding:
    """Return how the disk is on which the database is, or would be. `sys` is where sysfs is mounted."""
    folder = Path(buffer_path).parent
    try:
        folder = _existing(folder)
        room = os.statvfs(folder)
        device = folder.stat().st_dev
    except OSError as error:
        return not_tested(Check.DISK, Code.NO_PLACE, folder=folder, reason=error.strerror)
    free = room.f_bavail * room.f_frsize
    if room.f_flag & os.ST_RDONLY:
        return wrong(Check.DISK, Code.READ_ONLY, "sudo dmesg | tail -n 50", folder=folder)
    where = folder if folder.is_mount() else "/"
    if free < LEAST:
        command = f"sudo du -xh {where} | sort -h | tail -n 20"
        return wrong(Check.DISK, Code.NO_ROOM, command, folder=folder, free=free // _MB)
    if room.f_files and not room.f_favail:
        command = f"sudo du --inodes -xh {where} | sort -h | tail -n 20"
        return wrong(Check.DISK, Code.NO_FILES, command, folder=folder)
    used = life_used(device, sys)
    if used is None:
        return right(Check.DISK, Code.ROOM, folder=folder, free=free // _MB)
    if used >= _WORN_OUT:
        return wrong(Check.DISK, Code.WORN_OUT, "lsblk", used=used)
    return right(Check.DISK, Code.WORN, folder=folder, free=free // _MB, used=used)


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there."""
    for one in (folder, *folder.parents):
        if one.is_dir():
            return one
    return Path("/")


def life_used(device: int, sys: Path) -> int | None:
    """Return how many per cent of its life a flash memory has used up by its own estimate, None where it tells none.

    eMMC tells two values of 1 to 11, tens of per cent (JESD84-B51, DEVICE_LIFE_TIME_EST_TYP_A and _B; the kernel's
    Documentation/driver-api/mmc/mmc-dev-attrs), UFS the same (health_descriptor/life_time_estimation_a and _b).
    """
    place = sys / "dev" / "block" / f"{os.major(device)}:{os.minor(device)}"
    for folder in (place, place.resolve().parent):
        texts = [_text(folder / "device" / "life_time")]
        texts += [_text(folder / "device" / "health_descriptor" / f"life_time_estimation_{one}") for one in "ab"]
        steps = [_step(word) for text in texts for word in text.split()]
        if known := [step for step in steps if step]:
            return (max(known) - 1) * _STEP
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""


def _step(word: str) -> int:
    """Return the number of a step, 0 where it is none: 0 stands for not defined."""
    try:
        number = int(word, 16)
    except ValueError:
        return 0
    return number if number <= _WORN_OUT // _STEP + 1 else 0
