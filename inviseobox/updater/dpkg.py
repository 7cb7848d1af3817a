"""Edge to dpkg: what is installed, and installing package files under a deadline."""

import fcntl
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import deadline
from .errors import InstallationFailed, NotNow, ProgramFailed
from .programs import Programs

DEADLINE = 300.0
"""Seconds for one run of dpkg."""
LOCK_WAIT = 300.0
"""Seconds to wait for another program that installs."""

_FORMAT = "${binary:Package}\t${Version}\t${db:Status-Abbrev}\t${Inviseobox-Schema}\t${Inviseobox-Oldest-Reader}\n"


@dataclass(frozen=True, slots=True)
class Installed:
    """A package that dpkg knows.

    Attributes:
        is_whole: unpacked and configured, and nothing to be done again.
        schema, oldest_reader: what stands in its fields Inviseobox-Schema and Inviseobox-Oldest-Reader; 0 without one.
    """

    name: str
    version: str
    is_whole: bool
    schema: int = 0
    oldest_reader: int = 0


class Dpkg:
    """The dpkg of this machine, whose database is in `database`."""

    def __init__(self, programs: Programs, database: Path) -> None:
        """Do nothing yet."""
        self._programs = programs
        self._database = database

    def installed(self, *names: str) -> dict[str, Installed]:
        """Return those of the packages that are there, in whatever state; without names, all. Raises ProgramFailed."""
        ended = self._programs.run("dpkg-query", "--show", f"--showformat={_FORMAT}", *names)
        # 1: one of the names is unknown to dpkg, and the others are told all the same: dpkg-query(1).
        if ended.status > 1:
            raise ProgramFailed(f"dpkg-query: {ended.errors.strip()}")
        found = {}
        for line in ended.output.splitlines():
            name, version, status, *schemas = line.split("\t")
            # "ii ": to be installed, installed, no error. "hi ": the same, held.
            if status[1:2] not in ("n", "c"):
                package = name.partition(":")[0]
                found[package] = Installed(package, version, status[1:] == "i ", *map(schema_number, schemas))
        return found

    def compare(self, one: str, other: str) -> int:
        """Return -1, 0 or 1: a version is older than, equal to or newer than the other one. Raises ProgramFailed."""
        for relation, result in (("lt", -1), ("eq", 0)):
            if self._programs.run("dpkg", "--compare-versions", one, relation, other).status == 0:
                return result
        return 1

    def is_broken(self) -> bool:
        """Return whether any package is neither installed nor removed to the end. Raises ProgramFailed."""
        return bool(self._programs.text("dpkg", "--audit").strip())

    def changed_files(self, name: str) -> list[str]:
        """Return the files of a package that are not as it brought them, its configuration aside.

        Documentation that is not there was left out on purpose (path-exclude in dpkg.cfg). Raises ProgramFailed.
        """
        lines = self._programs.run("dpkg", "--verify", name).output.splitlines()
        found = (re.fullmatch(r"(\S+)\s+(c )?\s*(/.*)", line) for line in lines)
        return [
            line[3]
            for line in found
            if line and not line[2] and not (line[1] == "missing" and line[3].startswith("/usr/share/"))
        ]

    def field(self, file: Path, name: str) -> str:
        """Return a field of a package file, empty without it. Raises ProgramFailed."""
        return self._programs.text("dpkg-deb", "--field", file, name).strip()

    def is_complete(self, file: Path) -> bool:
        """Return whether a package file is there to its end, which takes to read it all. Raises ProgramFailed."""
        return self._programs.run("dpkg-deb", "--contents", file).status == 0

    @contextmanager
    def locked(self, patience: float = LOCK_WAIT) -> Iterator[None]:
        """Keep all other programs that install away, once they have ended within `patience` seconds.

        Raises:
            NotNow: another one did not end in time.
        """
        with (self._database / "lock-frontend").open("a") as file:
            until = time.monotonic() + patience
            while not _is_locked(file.fileno()):
                if time.monotonic() > until:
                    raise NotNow("another program installs packages and does not end; nothing was begun")
                self._programs.stop.wait(1)
            yield

    def install(self, files: Sequence[Path], *, offline: bool, within: float = DEADLINE) -> None:
        """Install package files while the lock is held. `offline`: their services are left alone.

        Nobody ends it half-way but its deadline: it runs in a session of its own. A package with SYSTEMD_OFFLINE set
        neither starts nor restarts its service, which the caller does afterwards.

        Raises:
            InstallationFailed: dpkg told of an error, or did not end; the message says of what.
        """
        surroundings = {"DPKG_FRONTEND_LOCKED": "1", **({"SYSTEMD_OFFLINE": "1"} if offline else {})}
        self._programs.stop.get_on()
        # Into a file: a daemon that a package started would keep a pipe open.
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                ["dpkg", "--force-confdef", "--force-confold", "--install", *files],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._programs.environment(**surroundings),
                start_new_session=True,
            )
            ended_by_itself = deadline.wait(process, within)
            output.seek(0)
            told = output.read().decode(errors="replace")
        if process.returncode and not ended_by_itself:
            raise InstallationFailed(f"its installation does not end within {within:.0f} s")
        if process.returncode:
            raise InstallationFailed(f"it cannot be installed: {complaint(told) or f'status {process.returncode}'}")


def schema_number(text: str) -> int:
    """Return the schema that a field of a package tells, 0 if it tells none. Pure."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def complaint(output: str) -> str:
    """Return what dpkg says is wrong, in one line; empty if it says nothing."""
    lines = [line.strip() for line in output.splitlines()]
    for number, line in enumerate(lines):
        if line.startswith("dpkg: error processing") and number + 1 < len(lines):
            return lines[number + 1]
    return next((line for line in lines if line.startswith(("dpkg: error", "dpkg-deb: error"))), "")


def names(installed: Iterable[Installed]) -> list[str]:
    """Return names and versions as a person reads them."""
    return [f"{one.name} {one.version}" for one in installed]


def _is_locked(descriptor: int) -> bool:
    try:
        # As apt and dpkg lock it: by fcntl(2), not by flock(2).
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 0, 0, os.SEEK_SET)
    except BlockingIOError:
        return False
    except PermissionError:
        return False
    return True
