"""The power is cut at random moments while the line is read: what was sealed arrives, and the differences add up."""

import os
import random
import time

from inviseobox.simulator.meters import bus_meters
from inviseobox.simulator.verdict import Loss
from tests.support.soak import SOAK

from .figures import measured
from .image import Image
from .service import INTERVAL, WINDOWS_WITHIN, set_up, switch_on
from .sites import machine_site
from .whole_machine import WholeMachine

_CUTS = 10 if SOAK else 2
_SEED = int(os.environ.get("INVISEOBOX_SEED", "15"))
_LIFE = 1.5 * INTERVAL
"""Seconds at most from the first request on the line to the cut."""
_READINGS_OF = 13.0
"""Seconds before a cut whose readings may be lost: those of one commit, and its time on a slow disk."""
_READ_WITHIN = 300.0


def test_power_cuts_lose_nothing_that_was_sealed_and_differences_add_up(image: Image) -> None:
    print(f"INVISEOBOX_SEED={_SEED}")
    dice = random.Random(_SEED)  # noqa: S311
    losses: tuple[Loss, ...] = ()
    with machine_site(bus_meters()) as site, WholeMachine(image) as box:
        set_up(box, site)
        site.wait_for_windows(1, WINDOWS_WITHIN)
        frames = site.uart.line.frames
        for number in range(_CUTS):
            # Every second time the server is away: what was sealed since waits on the disk.
            if number % 2:
                site.go()
            before = len(frames)
            site.site.wait_until(lambda before=before: len(frames) > before, _READ_WITHIN)  # type: ignore[misc]
            time.sleep(dice.uniform(0, _LIFE))
            box.cut()
            now = time.time()
            losses += (Loss(now - _READINGS_OF, now + 1),)
            if number % 2:
                site.come()
            switch_on(box, site)
        site.wait_for_windows(2, WINDOWS_WITHIN, after=time.time())
        site.wait_until_all_is_right(INTERVAL, losses)
        windows = len(site.site.central.window_ends())
        measured(f"power cuts: {_CUTS}, {windows} windows, the last boot took {box.boot_seconds:.0f} s")
        # No cut has damaged the database, which would be set aside.
        assert "corrupt" not in box.run("ls", "/var/lib/inviseobox").stdout
