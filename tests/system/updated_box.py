"""A box that the updater looks after, with a site and a repository of its own, so that many live side by side."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inviseobox.simulator.background import RunningSite, running_site
from tests.support.machine import Machine
from tests.support.other_version import file_of, with_files
from tests.support.updater_runs import ANY_TIME, ENDED, NOW, TIMERS

from .life import Reports, sealed
from .publishing import Repository
from .service import configuration, configure, hand_out, wait_until_active
from .updating import history, installed, publish, told
from .web_server import WebServer

INTERVAL = 10
UPDATER_SERVICE = "inviseobox-updater.service"
PROGRAM_AT = "usr/lib/python3/dist-packages/inviseobox/"
_HISTORY = "/var/lib/inviseobox-updater/history.jsonl"


@dataclass(frozen=True)
class Ground:
    """What the boxes of a test session begin with: a machine that is off, with the updater, and what is published."""

    machine: Machine
    published: Repository
    updater: Path


@dataclass
class UpdatedBox:
    """A box that delivers and that the updater knows; it looks when told to, as its timer does."""

    machine: Machine
    site: RunningSite
    web: WebServer
    repository: Repository
    ground: Ground
    folder: Path
    before: str = ""
    """The version of the program at the beginning."""
    sealed: Reports = frozenset()
    server_listens: bool = True

    def publish(self, version: str, files: Mapping[str, bytes] | None = None, **more: Any) -> None:
        """Publish a version of the program, see `updating.publish`."""
        publish(self.repository, version, self.folder, files=files, **more)

    def updater_file(self, name: str) -> str:
        """Return the text of a module of the updater."""
        return file_of(self.ground.updater, f"usr/lib/inviseobox-updater/updater/{name}")

    def publish_updater(self, version: str, files: Mapping[str, bytes]) -> None:
        """Publish a version of the updater alone, with other content of `files`."""
        folder = self.folder / f"updater-{version}"
        folder.mkdir()
        self.repository.run("publish", with_files(self.ground.updater, version, folder, files))
        self.repository.run("promote", version)

    def with_end(self, text: str, module: str = "daemon.py") -> dict[str, bytes]:
        """Return the files of a version in which a module of the program ends with `text`."""
        name = PROGRAM_AT + module
        return {name: f"{file_of(self.repository.package, name)}\n\n{text}".encode()}

    def look(self) -> int:
        """Start the updater's service as its timer does, wait for its end, and return its exit status."""
        self.note_sealed()
        self.machine.run("systemctl", "start", UPDATER_SERVICE, check=False, timeout=1500)
        return self._status()

    def begin_to_look(self) -> None:
        """Start the updater's service, and return once it has taken a version."""
        self.note_sealed()
        before = len(self.history("taken"))
        self.machine.run("systemctl", "start", "--no-block", UPDATER_SERVICE)
        self.wait_for_history("taken", before + 1)

    def wait_for_history(self, event: str, count: int = 1) -> None:
        """Wait until an event has been `count` times."""
        self._until(f'[ $(grep --count \'"event": *"{event}"\' {_HISTORY}) -ge {count} ]')

    def end_of_look(self) -> int:
        """Wait for the end of what the updater's service does, and return its exit status."""
        self._until(f"[ $(systemctl show --property=ActiveState --value {UPDATER_SERVICE}) != activating ]")
        return self._status()

    def _status(self) -> int:
        return int(self.machine.read(ENDED))

    def _until(self, condition: str) -> None:
        # In the machine: entering it anew takes longer than looking.
        self.machine.run("sh", "-c", f"until {condition}; do sleep 1; done", timeout=1500)

    def history(self, event: str) -> list[str]:
        """Return the versions of an event, the oldest first."""
        return [version for one, version in history(self.machine) if one == event]

    def said(self) -> str:
        """Return the journal of the updater's service."""
        return self.machine.run("journalctl", "--output=cat", f"--unit={UPDATER_SERVICE}").stdout

    def versions(self) -> str:
        """Return what is installed of the program."""
        return installed(self.machine)

    def told(self) -> dict[str, Any]:
        """Return what the updater shows."""
        return told(self.machine)

    def note_sealed(self) -> None:
        """Remember the windows that are sealed by now: none of them may be lost."""
        self.sealed |= sealed(self.machine) or frozenset()

    def delivered(self) -> Reports:
        """Return what the server has."""
        return frozenset((report.end, report.measurement) for report in list(self.site.central.received))

    def lost_nothing(self) -> None:
        """See that each sealed window is still known, that the server gets all of them, and none in two forms."""
        wait_until_active(self.machine, 120)
        self.note_sealed()
        assert self.sealed <= (sealed(self.machine) or frozenset())
        self.site.wait_until(lambda: self.sealed <= self.delivered(), 120)
        assert self.site.central.violations == []
        assert self.site.central.conflicts() == []

    def wait_for_windows(self, count: int) -> None:
        """Wait until `count` more windows have come whole."""
        seen = len(self.site.central.window_ends(self.measurements()))
        self.site.wait_for_windows(seen + count, (count + 2) * INTERVAL + 120, self.measurements())

    def measurements(self) -> list[str]:
        """Return what is read of the devices in the list."""
        listed = {each["_id"] for device in self.site.devices for each in device["measurements"]}
        return [one for one in self.site.served.measurements() if one in listed]


def prepare(machine: Machine, updater: Path) -> None:
    """Install the updater in a machine that is on, so that it looks when told to only."""
    machine.install(updater)
    machine.run("systemctl", "disable", "--now", *TIMERS)
    machine.run("systemctl", "stop", UPDATER_SERVICE)
    machine.write("/etc/inviseobox-updater/config.toml", ANY_TIME)
    machine.write(f"/etc/systemd/system/{UPDATER_SERVICE}.d/now.conf", NOW)


@contextmanager
def updated_box(ground: Ground, folder: Path, *, is_configured: bool = True) -> Iterator[UpdatedBox]:
    """Yield a box that has delivered two windows and looked once, unless it is not to be configured."""
    folder.mkdir()
    web = WebServer(folder)
    repository = ground.published.copy(folder / "r")
    web.folder = repository.folder
    try:
        with running_site(rtu=True, baudrate=None) as running, Machine(base=ground.machine) as machine:
            # Three links: its serial port is not in the machine.
            modes = ("TCP", "RTUoverTCP", None)
            hand_out(running, [each for each in running.devices if each["communication"].get("mode") in modes])
            box = UpdatedBox(machine, running, web, repository, ground, folder)
            machine.run(
                "sed",
                "--in-place",
                f"s|{ground.published.url}|{web.url}|",
                "/etc/apt/sources.list.d/inviseobox.sources",
            )
            box.before = box.versions()
            if is_configured:
                configure(machine, configuration(running, interval=str(INTERVAL)))
                wait_until_active(machine, 120)
                box.wait_for_windows(2)
                assert box.look() == 0, box.said()
            yield box
    finally:
        web.go()
