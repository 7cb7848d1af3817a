"""A daemon that makes no progress any more is restarted, and loses nothing that it had on disk."""

import time

from inviseobox.simulator.background import running_site
from inviseobox.simulator.verdict import Loss
from tests.support.judging import faults
from tests.support.machine import UNIT, Machine
from tests.support.waiting import wait_for

from .service import INTERVAL, configuration, configure, wait_for_windows, wait_until_active, watchdog_time

_RESTARTED_WITHIN = 10.0
"""Seconds after the watchdog's own time."""


def test_a_stopped_daemon_is_restarted_and_no_window_is_lost(box: Machine) -> None:
    with running_site() as site:
        configure(box, configuration(site))
        wait_until_active(box)
        process = box.main_pid(UNIT)
        watchdog = watchdog_time(box)
        wait_for_windows(site, 2)
        # Right after a delivery: the window before is sealed, the next has just begun.
        box.run("systemctl", "kill", "--signal=STOP", "--kill-whom=main", UNIT)
        stopped = time.time()

        wait_for(lambda: box.main_pid(UNIT) not in (0, process), watchdog + 30, "another main process")
        wait_until_active(box, within=5)
        back = time.time()
        assert back - stopped <= watchdog + _RESTARTED_WITHIN
        assert box.show(UNIT, "NRestarts") == {"NRestarts": "1"}

        wait_for_windows(site, 5)
        lost = Loss(stopped - stopped % INTERVAL, back)
        assert faults(site, INTERVAL, (lost,)) == []
        ends = site.central.window_ends(site.served.measurements())
        whole = range(ends[0], ends[-1] + INTERVAL, INTERVAL)
        missing = [end for end in whole if end not in ends]
        assert all(lost.start < end and end - INTERVAL < back for end in missing)
