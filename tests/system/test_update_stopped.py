"""An update that finds no room, or that somebody stops: nothing is begun, or dpkg comes to its end."""

import random
import re

import pytest

from tests.support.waiting import wait_for

from .power_cuts import SERVICE, assert_whole, is_changing, is_installed
from .publishing import Repository
from .update_room import UpdateRoom

# The file system gives back, at each sync, what it had set aside.
_LEAVE_A_MEGABYTE = """
for number in 1 2 3; do
    sync
    free=$(df --output=avail --block-size=1 / | tail -n 1)
    [ "$free" -le 1048576 ] || fallocate --length=$((free - 1048576)) /ballast$number
done
"""


def test_without_room_nothing_is_begun_and_one_line_says_so(room: UpdateRoom, repository: Repository) -> None:
    repository.release(room.new)
    with room.disks.machine(room.disks.copy(), "host") as box:
        box.run("sh", "-euc", _LEAVE_A_MEGABYTE)
        before = box.run("sha256sum", "/var/lib/dpkg/status").stdout
        done = box.run("inviseobox-updater", "run", "--now", check=False)
        assert done.returncode == 75
        (line,) = (done.stdout + done.stderr).splitlines()
        assert re.search(r": 1?\d MB are free for /\S+, an update takes \d+ MB; nothing was begun$", line)
        assert box.run("sha256sum", "/var/lib/dpkg/status").stdout == before
        assert not is_changing(box)
        assert assert_whole(box, {room.old}) == room.old
        # With room again, it is taken as if nothing had happened.
        box.run("sh", "-c", "rm /ballast*")
        box.run("systemctl", "start", "--no-block", SERVICE)
        wait_for(lambda: is_installed(box, room.new), 120, "the new version is installed")


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("way", ["stop", "poweroff"])
def test_dpkg_comes_to_its_end_when_an_update_is_stopped(room: UpdateRoom, repository: Repository, way: str) -> None:
    dice = random.Random(way)  # noqa: S311
    repository.release(room.new)
    for _ in range(room.sample(1, 10)):
        _stop_in_its_midst(room, way, dice.uniform(0, 2.0))


def _stop_in_its_midst(room: UpdateRoom, way: str, after: float) -> None:
    image = room.disks.copy()
    with room.disks.machine(image, "host") as box:
        box.run("systemctl", "start", "--no-block", SERVICE)
        # The keys may come before, in a dpkg of their own, after which it would stop as well.
        wait_for(lambda: is_changing(box, "inviseobox"), 120, "dpkg begins with the program")
        box.run("sleep", f"{after:.2f}")
        if way == "stop":
            box.run("systemctl", "stop", SERVICE, timeout=120)
            assert not is_changing(box)
        else:
            box.shut_down()
            # Before anything could be repaired.
            assert not room.disks.is_broken(image)
            box.boot()
        assert box.run("dpkg", "--audit").stdout == ""
        assert assert_whole(box, {room.old, room.new}) == room.new
