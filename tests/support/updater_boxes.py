"""A box as the updater sees it, below a directory: real dpkg and apt with versions of the program that hold nothing."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from inviseobox.updater.box import Box
from inviseobox.updater.places import PROGRAM, Places
from inviseobox.updater.programs import Programs
from inviseobox.updater.stopping import Stop
from tests.support.dpkg_roots import DpkgRoot

_SYSTEMCTL = """#!/bin/sh
echo "$@" >>{told}
[ "$1" != show ] || cat {shown}
[ ! -x {then} ] || {then} "$1"
"""


@dataclass(frozen=True)
class Version:
    """A version of a package, with its schema and the lowest schema of a version that can read its database."""

    number: str
    schema: int = 5
    oldest_reader: int = 5
    scripts: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    name: str = PROGRAM


class UpdaterBox:
    """The box; its systemd tells what the test says, for there is none below a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.root = DpkgRoot(directory)
        self.places = Places(self.root.root)
        self.asked = directory / "systemctl.asked"
        """What systemctl was asked, a line each time."""
        self.then = directory / "systemctl.then"
        """A script that systemctl runs before it ends, with its first argument, if it is there."""
        self._shown = directory / "systemctl.shown"
        self._index = directory / "index"
        self._make_systemctl()
        self._make_apt()
        self.stop = Stop()
        self.service()

    def box(self) -> Box:
        """Return the box as a run of the updater finds it."""
        return Box(self.places, self.programs())

    def programs(self) -> Programs:
        """Return what runs the programs of this box."""
        return Programs(self.stop, self.surroundings())

    def surroundings(self) -> dict[str, str]:
        """Return what makes a program find the dpkg, the apt and the systemd of this box."""
        path = f"{self.directory / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin"
        return {**self.root.programs.surroundings, "PATH": path, "APT_CONFIG": str(self.directory / "apt.conf")}

    def set_up(self, settings: str) -> None:
        """Write the configuration of the updater."""
        self.places.settings.parent.mkdir(parents=True, exist_ok=True)
        self.places.settings.write_text(settings)

    def service(self, **changes: str) -> None:
        """Say how the service is; by itself it runs."""
        usual = {
            "LoadState": "loaded", "ActiveState": "active", "SubState": "running", "InvocationID": "run",
            "NRestarts": "0", "MainPID": "1", "Result": "success", "UnitFileState": "enabled",
            "ActiveEnterTimestampMonotonic": "1",
        }  # fmt: skip
        self._shown.write_text("".join(f"{name}={value}\n" for name, value in {**usual, **changes}.items()))

    def status(self, **changes: object) -> None:
        """Say what the service tells of itself."""
        self.places.daemon_status.parent.mkdir(parents=True, exist_ok=True)
        self.places.daemon_status.write_text(json.dumps({"schema": 1, "invocation_id": "run", **changes}))

    def install(self, version: Version) -> None:
        """Install a version as a person does, whose file the hook of apt keeps."""
        file = self.package(version)
        self.root.dpkg.install([file], offline=True)
        self.box().store.keep(file)

    def offer(self, *versions: Version) -> None:
        """Let the repository have these versions, and no other one."""
        for file in self._index.glob("*.deb"):
            file.unlink()
        for version in versions:
            self.package(version).rename(self._index / f"{version.name}_{version.number}_all.deb")
        made = subprocess.run(
            ["apt-ftparchive", "packages", "."], cwd=self._index, capture_output=True, text=True, check=True
        )
        (self._index / "Packages").write_text(made.stdout)
        self.programs().text("apt-get", "update", "--quiet")

    def package(self, version: Version) -> Path:
        """Return the package file of a version."""
        fields = f"Inviseobox-Schema: {version.schema}\nInviseobox-Oldest-Reader: {version.oldest_reader}\n"
        return self.root.package(version.name, version.number, version.files, version.scripts, fields)

    def _make_systemctl(self) -> None:
        program = self.directory / "bin/systemctl"
        program.parent.mkdir()
        program.write_text(_SYSTEMCTL.format(told=self.asked, shown=self._shown, then=self.then))
        program.chmod(0o755)

    def _make_apt(self) -> None:
        for folder in ("etc/apt/preferences.d", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "usr"):
            (self.root.root / folder).mkdir(parents=True)
        self._index.mkdir()
        (self._index / "Packages").touch()
        (self.root.root / "etc/apt/sources.list").write_text(f"deb [trusted=yes] file:{self._index} ./\n")
        settings = {
            "Dir": self.root.root,
            "Dir::State::status": self.root.database / "status",
            "Dir::Bin::dpkg": "/usr/bin/dpkg",
            "APT::Sandbox::User": "root" if os.geteuid() == 0 else "",
        }
        text = "".join(f'{name} "{value}";\n' for name, value in settings.items())
        (self.directory / "apt.conf").write_text(text)
