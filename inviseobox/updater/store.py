"""The package files that are kept, and the change that is being made: what a power cut must find on the disk.

The shell scripts of this package read the same directories (see `places`): a file is there whole or not at all.
"""

import contextlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from . import disk
from .package_files import escaped
from .places import Places


class Store:
    """The directories of `places`, which are made if they are not there. Its methods raise OSError."""

    def __init__(self, places: Places) -> None:
        """Make the directories, for root alone."""
        self._places = places
        for directory in (places.state_directory, places.packages, places.good):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def kept(self, package: str, version: str) -> Path | None:
        """Return the file of this version, if it is kept."""
        return next(iter(sorted(self._places.packages.glob(_pattern(package, version)))), None)

    def keep(self, file: Path) -> Path:
        """Keep a package file, which has the name that apt gives it, and return where it is kept.

        It takes the place of one of that name, of which a power cut may have left a part.
        """
        kept = self._places.packages / file.name
        if file != kept:
            disk.link(file, kept)
        return kept

    def files(self) -> list[Path]:
        """Return what is kept."""
        return sorted(self._places.packages.glob("*.deb"))

    def forget(self, file: Path) -> None:
        """Keep a file no longer."""
        disk.remove(file)

    def prune(self, wanted: Iterable[tuple[str, str]]) -> None:
        """Remove what is kept, but for these packages in these versions."""
        stay = {path for package, version in wanted for path in self._places.packages.glob(_pattern(package, version))}
        for path in self._places.packages.iterdir():
            if path not in stay:
                # The hook of apt may be at work there.
                path.unlink(missing_ok=True)
        disk.sync_directory(self._places.packages)

    def set_good(self, package: str, version: str) -> None:
        """Make a kept version the one that is put back. Nothing changes if it is not kept."""
        kept = self.kept(package, version)
        if kept:
            disk.link(kept, self._places.good / f"{package}.deb")

    def good(self, package: str) -> Path | None:
        """Return the file of the version that is put back, if there is one."""
        file = self._places.good / f"{package}.deb"
        return file if file.exists() else None

    def is_changing(self) -> bool:
        """Return whether a change was begun and has not ended."""
        return self._places.transaction.exists()

    def begin(self, files: Iterable[Path]) -> list[Path]:
        """Begin a change with these package files: from here on they are on the disk, all of them.

        They take the place of those of a change that failed: going back is a change, too. The lock of dpkg is held by
        the caller, for apt's hook writes to the same directory.
        """
        new = self._places.transaction.with_name("transaction.new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        for file in files:
            disk.link(file, new / file.name)
        disk.sync_directory(new)
        self._put_away()
        new.rename(self._places.transaction)
        disk.sync_directory(self._places.state_directory)
        return sorted(self._places.transaction.glob("*.deb"))

    def end(self) -> None:
        """End the change: what dpkg wrote is on the disk before the directory goes."""
        os.sync()
        self._put_away()
        disk.sync_directory(self._places.state_directory)

    def _put_away(self) -> None:
        """Remove the directory of a change, its name first: half of it would be taken for a change of its own."""
        old = self._places.transaction.with_name("transaction.old")
        shutil.rmtree(old, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            self._places.transaction.rename(old)
        shutil.rmtree(old, ignore_errors=True)


def _pattern(package: str, version: str) -> str:
    return f"{package}_{escaped(version)}_*.deb"
