"""What a test does as root in a machine, whatever kind of machine it is."""

import json
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

UNIT = "inviseobox.service"
ENVIRONMENT = (
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "LANG=C.UTF-8",
    "DEBIAN_FRONTEND=noninteractive",
    "SYSTEMD_COLORS=0",
    "SYSTEMD_PAGER=cat",
)
"""What commands in a machine have as their environment, and nothing else."""

_LOOKED_AT = (
    ("systemctl", "--failed", "--plain"),
    ("systemctl", "status", "--full", "--lines=0", UNIT),
    ("journalctl", "--no-hostname", "--output=short-precise", "--lines=60", f"--unit={UNIT}"),
    ("journalctl", "--no-hostname", "--boot", "--quiet", "--lines=30", "--unit=inviseobox-updater.service"),
)


running_machines: list["RootShell"] = []
"""Those that are on, which each kind of machine sees to."""
last_words: list[str] = []
"""Reports of machines that were left with an error."""


class CommandError(Exception):
    """A command in a machine ended with a status other than 0, or not in time."""


class RootShell(ABC):
    """A machine in which commands run as root: `with` boots it, and removes it at the end."""

    release: str

    def __enter__(self) -> Self:
        try:
            self.boot()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not isinstance(error, KeyboardInterrupt) and self in running_machines:
            last_words.append(self.report())
        self.remove()

    @abstractmethod
    def boot(self) -> None:
        """Switch the machine on and wait until systemd has started everything."""

    @abstractmethod
    def remove(self) -> None:
        """Switch the machine off, however it fares, and remove its disk."""

    @abstractmethod
    def run(
        self, *command: str, check: bool = True, timeout: float = 60, text: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run `command` in the machine as root, with `text` as its standard input.

        Raises:
            CommandError: it did not end within `timeout` seconds, or `check` is set and its status is not 0.
        """

    @abstractmethod
    def put(self, source: Path, directory: str) -> None:
        """Copy a file or a tree of the host into `directory`, where it belongs to root."""

    def put_packages(self, packages: Sequence[Path | str]) -> list[str]:
        """Copy those that are files of the host into /root, and return what apt takes for each."""
        names = []
        for package in packages:
            if isinstance(package, Path):
                self.put(package, "/root")
                names.append(f"/root/{package.name}")
            else:
                names.append(package)
        return names

    def read(self, path: str) -> str:
        """Return the text of a file in the machine."""
        return self.run("cat", path).stdout

    def write(self, path: str, text: str, mode: int | None = None) -> None:
        """Put `text` into a file; the owner of one that exists stays, and its mode unless `mode` is given."""
        self.run("sh", "-c", 'mkdir -p "$(dirname "$1")" && cat >"$1"', "write", path, text=text)
        if mode is not None:
            self.run("chmod", f"{mode:o}", path)

    def exists(self, path: str) -> bool:
        """Return whether there is anything at `path`, a dangling link included."""
        found = self.run("sh", "-c", 'test -e "$1" || test -L "$1"', "exists", path, check=False)
        return found.returncode == 0

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        """Return properties of a unit as `systemctl show` names them."""
        lines = self.run("systemctl", "show", unit, f"--property={','.join(properties)}").stdout.splitlines()
        return dict(line.split("=", 1) for line in lines)

    def main_pid(self, unit: str) -> int:
        """Return the process id, in the machine, of the unit's main process; 0 if it has none."""
        return int(self.show(unit, "MainPID")["MainPID"])

    def journal(self, unit: str | None = None, **fields: str) -> list[dict[str, Any]]:
        """Return the journal's entries, oldest first: of `unit`, and with these values of fields, where given."""
        selection = [f"{name}={value}" for name, value in fields.items()]
        if unit:
            selection.append(f"--unit={unit}")
        lines = self.run("journalctl", "--output=json", "--all", "--quiet", *selection).stdout.splitlines()
        return [json.loads(line) for line in lines]

    def report(self) -> str:
        """Return what a person would look at first after a failure."""
        texts = []
        for command in _LOOKED_AT:
            done = self.run(*command, check=False)
            texts.append(f"{self.release}# {' '.join(command)}\n{done.stdout}{done.stderr}")
        return "\n".join(texts)


def packed(source: Path) -> bytes:
    """Return a file or a tree of the host as an archive of tar's, in which it belongs to root."""
    pack = ("tar", "--create", "--owner=0", "--group=0", "--exclude=__pycache__", f"--directory={source.parent}")
    return subprocess.run([*pack, source.name], stdout=subprocess.PIPE, check=True).stdout
