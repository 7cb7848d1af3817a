"""The folder that is published: everything new is written beside it, then put in its place, InRelease last.

A client reads an InRelease and then, by their hash, the indexes that it names; so whatever InRelease it sees, all that
it names is there. A run that is stopped in between leaves it so; the next one goes on with what repository.json says.
"""

import hashlib
import lzma
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import releases
import state
from errors import Failed, Refused
from files import exclusive, flush, store
from packages import POOL
from releases import ARCHITECTURES
from state import State
from suites import SUITES

_STAGE = ".new"
_HASHES = ("SHA256", "SHA512")


class Folder:
    """A repository on the disk. Nobody else changes it meanwhile."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.stage = root / _STAGE
        self.was_stopped = self.stage.exists()
        """Whether the run before this one did not come to its end."""
        self.is_whole = not self.was_stopped
        """Whether no run has left something behind that has not got its place."""

    def state(self) -> State | None:
        """Return what is published, or about to be; None while there is nothing.

        Raises:
            Failed: it cannot be known, and what is published must not be taken for nothing.
        """
        file = self.root / state.NAME
        try:
            return state.read(file.read_bytes())
        except FileNotFoundError:
            if self.in_releases():
                raise Failed(f"{file} is gone: take it back from a copy of the folder") from None
            return None

    def in_releases(self) -> dict[str, str]:
        """Return the text of each suite's InRelease that is there."""
        paths = {suite: self.root / "dists" / suite / "InRelease" for suite in SUITES}
        # What is no text comes from a damaged disk, and lacks what every one of them says.
        return {suite: path.read_text(errors="replace") for suite, path in paths.items() if path.exists()}

    def has_all_of(self, written: State) -> bool:
        """Return whether the InRelease of each suite is the one of which a state tells.

        Raises:
            Refused: one is damaged.
        """
        dates = {suite: releases.read(text).date for suite, text in self.in_releases().items()}
        return dates == written.dates

    def stage_file(self, path: str, content: bytes, modified: int | None = None) -> None:
        """Write a file that is going to have the place `path`, unless it has those bytes already."""
        if not _holds(self.root / path, content):
            store(self.stage / path, content, modified)

    def stage_index(self, suite: str, content: bytes) -> tuple[str, ...]:
        """Write a suite's index for each architecture, under its name and its hashes; return the latter's paths."""
        by_hash = []
        forms = {"Packages": content, "Packages.xz": lzma.compress(content)}
        for architecture in ARCHITECTURES:
            place = f"dists/{suite}/main/binary-{architecture}"
            for name, form in forms.items():
                # Always all of them: the Release is made from what is staged.
                store(self.stage / place / name, form)
                for algorithm in _HASHES:
                    path = f"{place}/by-hash/{algorithm}/{hashlib.new(algorithm.lower(), form).hexdigest()}"
                    self.stage_file(path, form)
                    by_hash.append(path)
        return tuple(by_hash)

    def put_in_place(self, new: State) -> None:
        """Publish what is staged, and remove what no kept generation needs."""
        staged = sorted(path.relative_to(self.stage) for path in self.stage.rglob("*") if path.is_file())
        first = [path for path in staged if path.parts[0] == "pool" or "by-hash" in path.parts]
        self.is_whole = False
        self._move(first)
        self._move([Path(state.NAME)])
        for suite in SUITES:
            place = Path("dists", suite)
            self._move([place / "InRelease"])
            self._move([path for path in staged if place in path.parents and "by-hash" not in path.parts])
        self._move([path for path in staged if len(path.parts) == 1])
        self.is_whole = True
        self._remove_unneeded(state.needed(new))

    def _move(self, paths: list[Path]) -> None:
        folders = set()
        for path in paths:
            new = self.stage / path
            if new.exists() and not _holds(self.root / path, new.read_bytes()):
                self._make(self.root / path.parent)
                new.replace(self.root / path)
                folders.add(self.root / path.parent)
        for folder in folders:
            flush(folder)

    def _make(self, folder: Path) -> None:
        if not folder.is_dir():
            self._make(folder.parent)
            folder.mkdir()
            flush(folder.parent)

    def _remove_unneeded(self, needed: set[str]) -> None:
        for place in (POOL, *(f"dists/{suite}/main" for suite in SUITES)):
            for path in sorted((self.root / place).rglob("*")):
                is_kept_for_clients = place == POOL or "by-hash" in path.parts
                if path.is_file() and is_kept_for_clients and path.relative_to(self.root).as_posix() not in needed:
                    path.unlink()


@contextmanager
def opened(root: Path) -> Iterator[Folder]:
    """Yield the folder.

    Raises:
        Refused: it is not there, or another run changes it.
    """
    if not root.is_dir():
        raise Refused(f"nothing is published in {root} yet: begin with make repo")
    with exclusive(root):
        folder = Folder(root)
        _empty(folder.stage)
        try:
            yield folder
        finally:
            # Otherwise it stays, and tells the next run so, also if this one is refused.
            if folder.is_whole:
                shutil.rmtree(folder.stage, ignore_errors=True)


def _empty(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content
