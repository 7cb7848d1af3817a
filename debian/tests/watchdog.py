#!/usr/bin/python3
"""Stopped dead: systemd's watchdog restarts the service, and no closed window is lost."""

import time

import box
from inviseobox.simulator.verdict import Loss

WATCHDOG = 30
"""Seconds, WatchdogSec= of the unit."""


def test() -> None:
    with box.fresh(), box.delivering_site() as site:
        process = box.show("MainPID")
        box.run("systemctl", "kill", "--signal=STOP", "--kill-whom=main", box.UNIT)
        stopped = time.time()
        box.wait_for(lambda: box.show("MainPID") not in ("0", process), WATCHDOG + 30, "another main process")
        box.wait_for(lambda: box.state() == "active", 15, "the service is active")
        assert box.show("NRestarts") == "1"
        back = time.time()
        box.wait_for_windows(site, 2)
        box.expect_nothing_missing(site, Loss(stopped - box.INTERVAL, back))


if __name__ == "__main__":
    box.on_a_machine_with_systemd(test)
