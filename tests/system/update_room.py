"""Disks of a box that runs one version and to which the next one is offered."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.machine import Machine
from tests.support.other_version import version_of, with_version
from tests.support.soak import SOAK

from .bootstrapping import Bootstrapped
from .power_cuts import Disks, disks
from .service import CONFIGURATION

# A service with nobody to deliver to reads all the same.
_CONFIGURATION = f'token = "{"a1" * 32}"\nurl = "http://127.0.0.1:9/api"\n'
_NOW = "[Service]\nExecStart=\nExecStart=/usr/sbin/inviseobox-updater run --now\n"


@dataclass(frozen=True)
class UpdateRoom:
    """Where the disks are, and the versions that a box on one of them may run; the file of `new` is in /root.

    Its updater is started by the test alone, looks at each run, and knows `old` as the version to go back to.
    """

    disks: Disks
    release: str
    old: str
    new: str

    def sample(self, short: int, whole: int) -> int:
        """Choose how much of something this run does: all of it on one release, some more than the least on others."""
        if not SOAK:
            return short
        return whole if self.release == "trixie" else max(short, whole // 8)


@contextmanager
def update_room(bootstrapped: Bootstrapped, package: Path, folder: Path) -> Iterator[UpdateRoom]:
    """Yield disks of a box that was bootstrapped, with the updater that was built beside `package`."""
    old = version_of(package)
    new = f"{old}+next"
    (updater,) = package.parent.glob("inviseobox-updater_*_all.deb")
    with disks() as made, Machine(base=bootstrapped.machine) as box:
        box.install(updater, "unattended-upgrades")
        box.run("systemctl", "disable", "--now", "inviseobox-updater.timer", "inviseobox-updater-boot.timer")
        box.run("systemctl", "stop", "inviseobox-updater.service")
        box.write(str(CONFIGURATION), _CONFIGURATION)
        box.put(with_version(package, new, folder), "/root")
        # They take dpkg's lock when they like.
        box.run("systemctl", "mask", "apt-daily.timer", "apt-daily-upgrade.timer")
        # A person who wants it now says so; here each run of the unit does.
        box.write("/etc/systemd/system/inviseobox-updater.service.d/now.conf", _NOW)
        # What has gone before: a first look, which finds nothing new.
        box.run("systemctl", "daemon-reload")
        box.run("systemctl", "start", "inviseobox-updater.service", timeout=300)
        box.shut_down()
        made.fill(box)
        yield UpdateRoom(made, box.release, old, new)
