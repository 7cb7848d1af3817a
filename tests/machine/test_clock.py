"""A machine whose clock starts a year behind: what it reads waits until the time comes."""

import time
from datetime import UTC, datetime

from inviseobox.simulator.meters import bus_meters

from .clocks import BEHIND, YEAR, assert_all_are_dated_right, behind, jump
from .image import Image
from .service import WINDOWS_WITHIN, set_up, switch_on
from .sites import machine_site
from .time_server import TimeServer
from .whole_machine import WholeMachine

_NEWEST_TIME = "/var/lib/systemd/timesync/clock"
_REQUESTS = 30
"""On the line, before anybody tells the time."""


def test_readings_of_a_clock_a_year_behind_wait_until_the_time_comes(image: Image, time_server: TimeServer) -> None:
    with machine_site(bus_meters()) as site, WholeMachine(image) as box:
        set_up(box, site)
        site.wait_for_windows(1, WINDOWS_WITHIN)
        # By this file, which timesyncd writes at its end, systemd would know that it is later.
        box.run("systemctl", "stop", "systemd-timesyncd.service")
        box.run("rm", "-f", _NEWEST_TIME)
        box.shut_down()
        site.go()
        time_server.answering = False
        box.clock = datetime.now(UTC) - YEAR
        before = len(site.uart.line.frames)
        switch_on(box, site)
        site.site.wait_until(lambda: len(site.uart.line.frames) > before + _REQUESTS, WINDOWS_WITHIN)
        assert behind(box) > BEHIND

        jump(box, time_server)
        came = time.time()
        site.come()
        site.wait_for_windows(2, WINDOWS_WITHIN, after=came)
        assert_all_are_dated_right(site)
