"""A machine whose clock is a year behind and that only the server tells the time; then its clock jumps."""

import time
from datetime import UTC, datetime
from pathlib import Path

from inviseobox.simulator.meters import bus_meters
from tests.support.repositories import served

from .clocks import BEHIND, YEAR, assert_all_are_dated_right, behind, jump
from .figures import measured
from .image import Image
from .security_archive import PACKAGE, SecurityArchive
from .service import INTERVAL, WINDOWS_WITHIN, set_up
from .sites import machine_site, seen_from_a_machine
from .time_server import TimeServer
from .whole_machine import WholeMachine

_UPGRADED_WITHIN = 1200.0


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
        _assert_security_fixes_come(box, tmp_path)
        site.wait_until_all_is_right(INTERVAL)


def _assert_security_fixes_come(box: WholeMachine, folder: Path) -> None:
    archive = SecurityArchive(folder)
    archive.publish("1.1")
    with served(archive.folder) as url:
        box.put(archive.package("1.0"), "/root")
        box.run("dpkg", "--install", f"/root/{PACKAGE}_1.0_all.deb")
        box.put(archive.key, "/usr/share/keyrings")
        box.run("sh", "-c", "rm -rf /etc/apt/sources.list.d/*")
        (address,) = seen_from_a_machine([url])
        box.write("/etc/apt/sources.list", archive.source(address, f"/usr/share/keyrings/{archive.key.name}"))
        began = time.monotonic()
        box.run("apt-get", "update", "-o", "APT::Update::Error-Mode=any", timeout=_UPGRADED_WITHIN)
        done = box.run("unattended-upgrade", "--verbose", timeout=_UPGRADED_WITHIN)
        measured(f"unattended-upgrade: {time.monotonic() - began:.0f} s, apt-get update included")
    version = box.run("dpkg-query", "--show", "--showformat=${Version}", PACKAGE).stdout
    assert version == "1.1", done.stdout + done.stderr
