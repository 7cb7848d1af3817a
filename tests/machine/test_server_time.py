"""A machine whose clock is a year behind and that only the server tells the time; then its clock jumps."""

import time
from datetime import UTC, datetime
from pathlib import Path

from inviseobox.simulator.meters import bus_meters

from .clocks import BEHIND, YEAR, assert_all_are_dated_right, behind, jump
from .image import Image
from .security_archive import SecurityArchive
from .service import INTERVAL, WINDOWS_WITHIN, set_up
from .sites import machine_site
from .time_server import TimeServer
from .whole_machine import WholeMachine


def test_a_clock_a_year_behind_that_the_server_tells_the_time_jumps_and_security_fixes_come(
    image: Image, time_server: TimeServer, tmp_path: Path
) -> None:
    time_server.answering = False
    with machine_site(bus_meters()) as site, WholeMachine(image, clock=datetime.now(UTC) - YEAR) as box:
        box.run("date", "--set", (datetime.now(UTC) - YEAR).isoformat())
        set_up(box, site)
        # The clock of the machine stays as it is.
        site.wait_for_windows(2, WINDOWS_WITHIN)
        assert behind(box) > BEHIND
        site.wait_until_all_is_right(INTERVAL)

        jump(box, time_server)
        site.wait_for_windows(2, WINDOWS_WITHIN, after=time.time())
        assert_all_are_dated_right(site)
        box.run("sh", "-c", "rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*")
        archive = SecurityArchive(tmp_path)
        with archive.offered_to(box):
            archive.assert_fix_comes(box)
        site.wait_until_all_is_right(INTERVAL)
