"""A machine that the updater looks after, and a repository of versions for it on the host's loopback."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.other_version import file_of, with_files, with_version
from tests.support.repositories import Repository, served
from tests.support.updater_runs import ANY_TIME, ENDED, NOW, TIMERS
from tests.support.waiting import wait_for

from .sites import seen_from_a_machine
from .whole_machine import WholeMachine

UPDATER = "inviseobox-updater.service"
REPAIR = "inviseobox-updater-repair.service"
_STATE = "/var/lib/inviseobox-updater"
_KEYRING = "/usr/share/keyrings/inviseobox-archive-keyring.gpg"
_SOURCE = "/etc/apt/sources.list.d/inviseobox.sources"
_DAEMON = "usr/lib/python3/dist-packages/inviseobox/daemon.py"
_LOOK_WITHIN = 1800.0
ASKED_EVERY = 1.0
"""Seconds: each question is some processes more in the machine, which slow down what is waited for."""


class Updates:
    """What is published for a machine, and what its updater does with it; it looks when told to, as its timer does."""

    def __init__(self, box: WholeMachine, repository: Repository, program: Path) -> None:
        self._box = box
        self._repository = repository
        self._program = program

    def publish(self, version: str, end: str = "") -> None:
        """Publish a version of the program for all boxes; with `end` the module of its daemon ends so."""
        folder = self._repository.directory / version
        changed = folder / "changed"
        changed.mkdir(parents=True)
        package = with_version(self._program, version, folder)
        if end:
            text = f"{file_of(package, _DAEMON)}\n\n{end}"
            package = with_files(package, version, changed, {_DAEMON: text.encode()})
        self._repository.do("publish", package)
        self._repository.do("promote", version)

    def begin_to_look(self) -> None:
        """Start the updater and wait for nothing."""
        self._box.run("systemctl", "start", "--no-block", UPDATER)

    def is_looking(self) -> bool:
        """Whether the updater is at work."""
        return self._box.show(UPDATER, "ActiveState")["ActiveState"] == "activating"

    def end_of_look(self) -> int:
        """Wait until the updater has ended, and return its exit status."""
        wait_for(lambda: not self.is_looking(), _LOOK_WITHIN, "the updater has ended", every=ASKED_EVERY)
        return int(self._box.read(ENDED))

    def look(self) -> int:
        """Let the updater do all that is due, and return its exit status."""
        self.begin_to_look()
        return self.end_of_look()

    def said(self) -> str:
        """Return the journal of the updater since the machine was switched on."""
        return self._box.run("journalctl", "--boot", "--output=cat", f"--unit={UPDATER}").stdout

    def told(self) -> dict[str, Any]:
        """Return what the updater shows to the daemon."""
        content: dict[str, Any] = json.loads(self._box.read("/run/inviseobox-updater/status.json"))
        return content

    def history(self, event: str) -> dict[str, float]:
        """Return when an event was last, in seconds since the epoch, for each version."""
        lines = map(json.loads, self._box.read(f"{_STATE}/history.jsonl").splitlines())
        return {entry["version"]: entry["at"] for entry in lines if entry["event"] == event}

    def is_changing(self) -> bool:
        """Whether packages are being changed."""
        return self._box.exists(f"{_STATE}/transaction")

    def installed(self) -> str:
        """Return the version of the program, and how it is: "0.2.0 ii "."""
        return self._box.run("dpkg-query", "--show", "--showformat=${Version} ${db:Status-Abbrev}", "inviseobox").stdout


@contextmanager
def updates_for(box: WholeMachine, program: Path, folder: Path) -> Iterator[Updates]:
    """Yield what is published for a machine that is on: for the time being, the version that it has."""
    repository = Repository(folder)
    folder.mkdir()
    repository.do("publish", program)
    keyring = folder / Path(_KEYRING).name
    repository.do("keyring", keyring)
    box.run("systemctl", "disable", "--now", *TIMERS)
    box.run("systemctl", "stop", UPDATER, timeout=_LOOK_WITHIN)
    box.put(keyring, str(Path(_KEYRING).parent))
    box.write("/etc/inviseobox-updater/config.toml", ANY_TIME)
    box.write(f"/etc/systemd/system/{UPDATER}.d/now.conf", NOW)
    box.run("systemctl", "daemon-reload")
    with served(repository.folder) as url:
        (address,) = seen_from_a_machine([url])
        box.run("sh", "-c", "rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*")
        box.write(_SOURCE, f"Types: deb\nURIs: {address}\nSuites: stable\nComponents: main\nSigned-By: {_KEYRING}\n")
        yield Updates(box, repository, program)
