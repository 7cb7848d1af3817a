"""Edge to apt: what our source offers, and fetching it. Nothing here installs."""

import contextlib
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from . import apt_output
from .apt_output import Entry, Step
from .errors import CannotLook, ProgramFailed
from .programs import Programs

_FETCH_WITHIN = 900.0
_DAMAGED_AT_MOST = 20
"""Indexes that are damaged, of all sources: apt names one at a time."""
_UPDATE = ("apt-get", "update", "--quiet", "--option=APT::Update::Error-Mode=any")
# By itself, apt 3 takes all packages of one source together: the updater with the daemon.
_ONE_BY_ONE = "--option=APT::Get::Upgrade-By-Source-Package=false"
# A simulation takes no lock: apt-get(8).
_SIMULATE = ("apt-get", "--simulate", "--quiet", "--no-install-recommends", _ONE_BY_ONE)


class Apt:
    """The apt of this machine; `source` is the file that names our repository."""

    def __init__(self, programs: Programs, source: Path) -> None:
        """Do nothing yet."""
        self._programs = programs
        self._source = source
        self._lists = source.parents[3] / "var/lib/apt/lists"

    def update(self) -> None:
        """Fetch the index of our source alone; Debian's stays as it is.

        Raises:
            CannotLook: it could not be had; the message says why, and names the clock where that may be it.
        """
        alone = (f"--option=Dir::Etc::sourcelist={self._source}", "--option=Dir::Etc::sourceparts=/dev/null")
        words = (*_UPDATE, *alone, "--option=APT::Get::List-Cleanup=0")
        # Apt believes an index that it has for as long as the InRelease is the same, whatever a power cut left of it.
        for file in self._lists.glob("*_Packages"):
            # Another apt may be at work there.
            with contextlib.suppress(FileNotFoundError):
                if file.stat().st_size == 0:
                    file.unlink()
        for _ in range(_DAMAGED_AT_MOST):
            try:
                self._fetch(*words)
            except CannotLook as error:
                damaged = self._lists / apt_output.damaged_index(str(error))
                if not damaged.is_file():
                    raise
                # Another source's is had anew when that is looked at next.
                damaged.unlink(missing_ok=True)
            else:
                return
        self._fetch(*words)

    def update_all(self) -> None:
        """Fetch the indexes of every source. Raises CannotLook."""
        self._fetch(*_UPDATE)

    def offered(self) -> dict[str, str]:
        """Return the versions that an upgrade would bring, by package.

        This knows of phased versions and of pins, and takes new dependencies. Raises ProgramFailed.
        """
        output = self._programs.text(*_SIMULATE, "upgrade", "--with-new-pkgs")
        # Apt also offers the same version once more where the installed one has other fields than that of the index.
        return {step.name: step.new for step in apt_output.steps(output) if step.new and step.old not in ("", step.new)}

    def versions(self, package: str) -> list[Entry]:
        """Return each version of a package that the index has; none of one that it does not know."""
        ended = self._programs.run("apt-cache", "show", "--", package)
        return [entry for entry in apt_output.entries(ended.output) if entry.name == package]

    def plan(self, *wanted: tuple[str, str]) -> list[Step]:
        """Return what installing these versions takes. Raises ProgramFailed: apt knows no way, and why."""
        ended = self._programs.run(*_SIMULATE, "install", *_named(wanted))
        if ended.status:
            raise ProgramFailed(apt_output.unmet(ended.output) or apt_output.complaint(ended.errors))
        return apt_output.steps(ended.output)

    def is_held(self, package: str) -> bool:
        """Return whether somebody keeps a package as it is (apt-mark(8)). Raises ProgramFailed."""
        return package in self._programs.text("apt-mark", "showhold").split()

    def sizes(self, steps: Sequence[Step]) -> tuple[int, int]:
        """Return the bytes of the files of a plan, and what they take unpacked. Raises ProgramFailed."""
        entries = apt_output.entries(self._programs.text("apt-cache", "show", *_named((s.name, s.new) for s in steps)))
        return sum(entry.size for entry in entries), sum(entry.installed_size for entry in entries)

    def download(self, wanted: Sequence[tuple[str, str]], directory: Path) -> list[Path]:
        """Fetch package files into `directory`, which is emptied first; apt compares them with the signed index.

        Raises:
            CannotLook: they could not be had.
        """
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(mode=0o700)
        words = ("apt-get", "download", "--quiet", *_named(wanted))
        ended = self._programs.run(*words, within=_FETCH_WITHIN, directory=directory)
        if ended.status and apt_output.is_missing_file(ended.errors):
            self.update_all()
            ended = self._programs.run(*words, within=_FETCH_WITHIN, directory=directory)
        if ended.status:
            raise CannotLook(f"cannot be fetched: {apt_output.complaint(ended.errors)}")
        return sorted(directory.glob("*.deb"))

    def mark_auto(self, packages: Sequence[str]) -> None:
        """Note that nobody asked for these packages by name, so that they go with what needs them."""
        if packages:
            # Not worth more than this: they would stay when nothing needs them any more.
            self._programs.run("apt-mark", "auto", *packages)

    def _fetch(self, *words: str) -> None:
        try:
            ended = self._programs.run(*words, within=_FETCH_WITHIN)
        except ProgramFailed as error:
            raise CannotLook(f"the repository cannot be read: {error}") from None
        if ended.status:
            raise CannotLook(f"the repository cannot be read: {apt_output.complaint(ended.errors)}")


def _named(wanted: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{name}={version}" for name, version in wanted]
