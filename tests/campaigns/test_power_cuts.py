"""The power is cut at random moments, or the daemon killed: what was sealed arrives, and nothing is said twice."""

import signal
from pathlib import Path

import pytest

from inviseobox.simulator.background import running_site
from tests.support.daemons import Daemon, Place
from tests.support.loop_disks import PowerCutDisk, power_cut_disk

from .cuts import Campaign, kill, place_on
from .sizes import chance, sample


class _PowerCut:
    """Ends the daemon and keeps of its disk what had reached it at that moment."""

    def __init__(self, disk: PowerCutDisk) -> None:
        self._disk = disk
        self._left = Path()

    def __call__(self, daemon: Daemon) -> None:
        # What it had begun with the disk goes on; it can tell the server nothing after the moment of the copy.
        daemon.send(signal.SIGSTOP)
        self._left = self._disk.keep()
        daemon.stop(signal.SIGKILL)

    def restore(self) -> None:
        """Let the disk be as the cut left it."""
        self._disk.restore(self._left)


@pytest.mark.parametrize(
    ("cuts", "interval", "lives"),
    [(sample(6, 180), 2, (0.0, 2.5)), (sample(1, 20), sample(16, 30), (4.0, 11.0))],
    ids=["short windows", "long windows"],
)
def test_power_cuts_lose_no_sealed_window_and_send_no_conflict(
    box: Place, cuts: int, interval: int, lives: tuple[float, float]
) -> None:
    dice = chance(f"power cuts, windows of {interval} s")
    with power_cut_disk() as disk, running_site() as site:
        place_on(box, disk.folder)
        campaign = Campaign(box, site, interval, dice)
        cut = _PowerCut(disk)
        campaign.run(cuts, lives, cut, cut.restore)
        campaign.assert_proven()


def test_kills_of_the_daemon_lose_no_sealed_window_and_send_no_conflict(box: Place) -> None:
    dice = chance("kill -9")
    with running_site() as site:
        campaign = Campaign(box, site, 2, dice)
        campaign.run(sample(8, 100), (0.0, 2.5), kill)
        campaign.assert_proven()
