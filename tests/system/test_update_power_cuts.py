"""The power is cut while packages are changed: the box mends itself at its next start, without a network."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.machine import Machine
from tests.support.soak import SOAK

from .bootstrapping import UPDATE, UPGRADE, Bootstrapped
from .other_version import version_of, with_version
from .power_cuts import Disks, assert_whole, cut_while, disks, run_timed
from .publishing import Repository
from .service import CONFIGURATION

_STATE = "/var/lib/inviseobox-updater"
# A service with nobody to deliver to reads all the same.
_CONFIGURATION = f'token = "{"a1" * 32}"\nurl = "http://127.0.0.1:9/api"\n'


_CUTS_OF_A_RUN = 20


def sample(short: int, whole: int) -> int:
    """Choose how many cuts this run makes."""
    return whole if SOAK else short


@dataclass(frozen=True)
class _Room:
    """Where the disks are, and the versions that a box on one of them may run after a cut."""

    disks: Disks
    old: str
    new: str


@pytest.fixture(scope="module")
def updater_package(package: Path) -> Path:
    """Return the file of inviseobox-updater that was built with the package under test."""
    (found,) = package.parent.glob("inviseobox-updater_*_all.deb")
    return found


@pytest.fixture(scope="module")
def room(
    bootstrapped: Bootstrapped, updater_package: Path, package: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[_Room]:
    """Yield disks of a box that runs one version and has the package file of the next one in /root."""
    old = version_of(package)
    new = f"{old}+next"
    with disks() as made, Machine(base=bootstrapped.machine) as box:
        box.install(updater_package, "unattended-upgrades")
        box.run("systemctl", "disable", "inviseobox-updater.timer", "inviseobox-updater-boot.timer")
        box.write(str(CONFIGURATION), _CONFIGURATION)
        box.put(with_version(package, new, tmp_path_factory.mktemp("next")), "/root")
        box.put(with_version(package, old, tmp_path_factory.mktemp("good")), "/root")
        for kept in (f"{_STATE}/packages/inviseobox_{old}_all.deb", f"{_STATE}/good/inviseobox.deb"):
            box.run("cp", f"/root/inviseobox_{old}_all.deb", kept)
        box.shut_down()
        made.fill(box)
        yield _Room(made, old, new)


def _cuts(room: _Room, script: str, count: int, dice: random.Random) -> Iterator[Path]:
    """Yield so many disks, each as it was at a random moment of the script, of which several are taken in one run."""
    with room.disks.machine(room.disks.copy(), "host") as box:
        lasts = run_timed(box, script)
    while count > 0:
        image = room.disks.copy()
        with room.disks.machine(image, "host") as box:
            moments = [dice.uniform(0, lasts) for _ in range(min(count, _CUTS_OF_A_RUN))]
            cuts = cut_while(box, image, room.disks, script, moments)
        yield from cuts
        count -= len(cuts)


def _campaign(room: _Room, script: str, cuts: int, looked_at: int) -> None:
    """Cut the power during a script; after each cut the box is whole. On some, Debian's own updates go on, too."""
    dice = random.Random(script)  # noqa: S311
    chosen = set(dice.sample(range(cuts), looked_at))
    broken = 0
    ran: Counter[str] = Counter()
    for number, cut in enumerate(_cuts(room, script, cuts, dice)):
        broken += room.disks.is_broken(cut)
        with room.disks.machine(cut, "host" if number in chosen else "own") as box:
            ran[assert_whole(box, {room.old, room.new})] += 1
            if number in chosen:
                # Everything that is whole: the next one is taken as if nothing had happened.
                done = box.run("unattended-upgrade", "--debug", check=False, timeout=300)
                assert done.returncode == 0, done.stdout + done.stderr
    print(
        f"{cuts} cuts, of which {broken} left packages to repair; {ran[room.old]} ran the old version, "
        f"{ran[room.new]} the new one"
    )
    assert broken > cuts // 10, "hardly a cut hit dpkg"


def test_a_cut_while_the_updater_changes_the_package(room: _Room) -> None:
    change = (
        f"mkdir {_STATE}/filling && cp /root/inviseobox_{room.new}_all.deb {_STATE}/filling "
        f"&& sync -f {_STATE}/filling && mv {_STATE}/filling {_STATE}/transaction && sync -f {_STATE} "
        f"&& SYSTEMD_OFFLINE=1 dpkg --install {_STATE}/transaction/*.deb && sync && rm -r {_STATE}/transaction"
    )
    _campaign(room, change, sample(5, 100), sample(1, 5))


def test_a_cut_in_an_upgrade_by_hand(room: _Room, repository: Repository) -> None:
    repository.release(room.new)
    _campaign(room, f"{' '.join(UPDATE)} && {' '.join(UPGRADE)}", sample(5, 50), sample(1, 10))
