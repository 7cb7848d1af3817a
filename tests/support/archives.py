"""What apt has fetched from Debian, kept in `.cache/apt/` so that no machine under test fetches it again.

Each machine has a folder of its own: apt takes a file that lies there for the one of the index if only its size is
right, so one of our packages, from another test or with the keys of another run, would be taken for its own.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from .roots import CACHE

INSIDE = "/var/cache/apt/archives"
"""Where apt looks for it in a machine."""


def lend(release: str, folder: Path) -> None:
    """Put all that is kept of a release into the folder of a new machine, without taking room for it."""
    for file in _of_debian(_kept(release)):
        (folder / file.name).hardlink_to(file)


def keep(release: str, folder: Path) -> None:
    """Keep what a machine has fetched in its folder since."""
    for file in _of_debian(folder):
        with contextlib.suppress(FileExistsError):
            (_kept(release) / file.name).hardlink_to(file)


def _kept(release: str) -> Path:
    kept = CACHE / "apt" / release
    kept.mkdir(parents=True, exist_ok=True)
    return kept


def _of_debian(folder: Path) -> Iterator[Path]:
    return (file for file in folder.glob("*.deb") if not file.name.startswith("inviseobox"))
