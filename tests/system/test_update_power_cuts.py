"""The power is cut while packages are changed: the box mends itself at its next start, without a network.

Whole, these are 200 cuts over what the updater does and 50 over an upgrade by hand.
"""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.other_version import with_files
from tests.support.waiting import wait_for

from .bootstrapping import UPDATE, UPGRADE
from .power_cuts import (
    SERVICE,
    STATE,
    assert_repaired,
    assert_whole,
    cut_the_updater,
    cut_while,
    is_changing,
    is_installed,
    run_timed,
)
from .publishing import Repository
from .update_room import UpdateRoom

_CUTS_OF_A_RUN = 20
_DAEMON = "usr/lib/python3/dist-packages/inviseobox/daemon.py"


def _cuts(room: UpdateRoom, script: str, count: int, dice: random.Random) -> Iterator[Path]:
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


def _campaign(room: UpdateRoom, script: str, cuts: int, looked_at: int) -> None:
    """Cut the power during a script; after each cut the box is whole. On some, Debian's own updates go on, too."""
    dice = random.Random(script)  # noqa: S311
    chosen = set(dice.sample(range(cuts), looked_at))
    done = broken = 0
    ran: Counter[str] = Counter()
    # On a busy machine none of a few may hit dpkg: then there are more of them.
    while done < cuts or (not broken and done < 5 * cuts):
        for number, cut in enumerate(_cuts(room, script, cuts, dice), done):
            broken += room.disks.is_broken(cut)
            with room.disks.machine(cut, "host" if number in chosen else "own") as box:
                ran[assert_whole(box, {room.old, room.new})] += 1
                if number in chosen:
                    upgraded = box.run("unattended-upgrade", "--debug", check=False, timeout=300)
                    assert upgraded.returncode == 0, upgraded.stdout + upgraded.stderr
        done += cuts
    print(
        f"{done} cuts, of which {broken} left packages to repair; then {ran[room.old]} ran the old version, "
        f"{ran[room.new]} the new one"
    )
    assert broken > cuts // 10, "hardly a cut hit dpkg"


@pytest.mark.timeout(5400)
def test_a_cut_while_the_updater_changes_the_package(room: UpdateRoom) -> None:
    change = (
        f"mkdir {STATE}/filling && cp /root/inviseobox_{room.new}_all.deb {STATE}/filling "
        f"&& sync -f {STATE}/filling && mv {STATE}/filling {STATE}/transaction && sync -f {STATE} "
        f"&& SYSTEMD_OFFLINE=1 dpkg --install {STATE}/transaction/*.deb && sync && rm -r {STATE}/transaction"
    )
    _campaign(room, change, room.sample(4, 60), room.sample(1, 10))


@pytest.mark.timeout(5400)
def test_a_cut_in_an_upgrade_by_hand(room: UpdateRoom, repository: Repository) -> None:
    repository.release(room.new)
    _campaign(room, f"{' '.join(UPDATE)} && {' '.join(UPGRADE)}", room.sample(4, 50), room.sample(1, 10))


@pytest.mark.soak
@pytest.mark.timeout(5400)
def test_a_cut_while_the_updater_takes_a_version(room: UpdateRoom, repository: Repository) -> None:
    repository.release(room.new)
    dice, broken, count = random.Random("a good version"), 0, 0  # noqa: S311
    for _ in range(room.sample(1, 2)):
        image = room.disks.copy()
        with room.disks.machine(image, "host") as box:
            cuts = cut_the_updater(box, image, room.disks, dice, room.sample(1, 10))
            assert assert_whole(box, {room.new}) == room.new
        for cut in cuts:
            broken += room.disks.is_broken(cut)
            count += 1
            with room.disks.machine(cut, "own") as box:
                assert_whole(box, {room.old, room.new})
    print(f"{count} cuts, of which {broken} left packages to repair")


@pytest.mark.soak
@pytest.mark.timeout(5400)
def test_a_cut_while_the_updater_takes_a_bad_version_back(
    room: UpdateRoom, repository: Repository, tmp_path: Path
) -> None:
    repository.package = with_files(repository.package, room.old, tmp_path, {_DAEMON: b"raise SystemExit(1)\n"})
    repository.release(room.new)
    dice, broken, count, bad = random.Random("a bad version"), 0, 0, 0  # noqa: S311
    for _ in range(room.sample(1, 2)):
        image = room.disks.copy()
        with room.disks.machine(image, "host") as box:
            cuts = cut_the_updater(box, image, room.disks, dice, room.sample(1, 8))
            assert assert_whole(box, {room.old}) == room.old
        for cut in cuts:
            broken += room.disks.is_broken(cut)
            count += 1
            bad += _bad_one_goes(room, cut)
    print(f"{count} cuts, of which {broken} left packages to repair and {bad} the bad version")


def _bad_one_goes(room: UpdateRoom, cut: Path) -> bool:
    """See that the old version runs after a cut in the end; return whether the bad one had to be taken back for it."""
    with room.disks.machine(cut, "own") as box:
        is_bad = assert_repaired(box) == room.new
        if is_bad:
            # As a minute after the start of the machine.
            box.run("systemctl", "start", "--no-block", SERVICE)
            wait_for(lambda: is_installed(box, room.old), 240, "the bad version is taken back")
            wait_for(lambda: not is_changing(box), 60, "dpkg has ended")
        assert_whole(box, {room.old})
    return is_bad
