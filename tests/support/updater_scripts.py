"""The shell scripts of the updater, as they are, on a root of a test's own."""

import os
import re
import subprocess
from pathlib import Path

from inviseobox.updater.places import Places
from inviseobox.updater.programs import Programs
from inviseobox.updater.stopping import Stop
from tests.support.dpkg_roots import DpkgRoot

_SOURCES = Path(__file__).parents[2] / "debian/updater"
_PLACES = re.compile(r"/(?=(?:var/lib|var/cache|run|etc/apt|usr/sbin)/)")
"""Where a path begins that a script reads or writes on a machine."""
_LOGGER = "#!/bin/sh\ncat >>{journal}\n"


class UpdaterScripts:
    """repair.sh, rescue-updater.sh and keep-packages.sh, whose paths lie below a root with a dpkg of its own."""

    def __init__(self, directory: Path) -> None:
        self.dpkg = DpkgRoot(directory)
        self.root = self.dpkg.root
        self.places = Places(self.root)
        self.journal = directory / "journal"
        """What the journal was told, a field a line."""
        self.journal.touch()
        for needed in (self.places.packages, self.places.good, self.places.archives, self.places.pins.parent):
            needed.mkdir(parents=True)
        self.places.repair.parent.mkdir(parents=True)
        for source in _SOURCES.glob("*.sh"):
            script = self.script(source.name)
            script.write_text(_PLACES.sub(f"{self.root}/", source.read_text()))
            script.chmod(0o755)
        programs = directory / "bin"
        programs.mkdir()
        (programs / "logger").write_text(_LOGGER.format(journal=self.journal))
        (programs / "logger").chmod(0o755)
        path = f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin"
        self.surroundings = {**self.dpkg.programs.surroundings, "PATH": path}

    def programs(self, stop: Stop | None = None) -> Programs:
        """Return what runs the programs of this root."""
        return Programs(stop or Stop(), self.surroundings)

    def script(self, name: str) -> Path:
        """Return where a script is."""
        return self.places.repair.with_name(name)

    def run(self, name: str, *words: str, text: str = "") -> "subprocess.CompletedProcess[str]":
        """Run a script to its end; `text` is what it reads."""
        return subprocess.run(
            [self.script(name), *words],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            env=self._environment(),
        )

    def start(self, name: str, *words: str) -> "subprocess.Popen[str]":
        """Start a script, for a test that does something meanwhile."""
        return subprocess.Popen([self.script(name), *words], stdout=subprocess.PIPE, text=True, env=self._environment())

    def told(self) -> list[str]:
        """Return the messages that the journal was told."""
        lines = self.journal.read_text().splitlines()
        return [line.removeprefix("MESSAGE=") for line in lines if line.startswith("MESSAGE=")]

    def begin(self, *files: Path) -> None:
        """Begin a change with these files, as a power cut leaves it."""
        self.places.transaction.mkdir()
        for file in files:
            os.link(file, self.places.transaction / file.name)

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.surroundings}
