"""A kernel that panics and a machine that hangs come back by themselves, and deliver again."""

import time
from collections.abc import Iterator

import pytest

from inviseobox.simulator.meters import bus_meters
from inviseobox.simulator.verdict import Loss

from .figures import measured
from .service import INTERVAL, WINDOWS_WITHIN, set_up
from .sites import MachineSite, machine_site
from .whole_machine import WholeMachine

_DELIVERING_WITHIN = 180.0
_PANIC = "echo c >/proc/sysrq-trigger"
# Every process is frozen, the first one and at last the writer of this as well: the kernel goes on and nothing runs.
_HANG = "for group in user.slice init.scope system.slice; do echo 1 >/sys/fs/cgroup/$group/cgroup.freeze; done"
_HARDWARE_WAITS = 90.0
_READINGS_OF = 13.0


@pytest.fixture
def site(box: WholeMachine) -> Iterator[MachineSite]:
    """Yield a site that the machine delivers from."""
    with machine_site(bus_meters()) as site:
        set_up(box, site)
        site.wait_for_windows(1, WINDOWS_WITHIN)
        yield site


def test_a_kernel_panic_ends_in_a_restart_and_delivers_again_within_3_minutes(
    box: WholeMachine, site: MachineSite
) -> None:
    # From the package, not from the command line of the kernel.
    assert box.read("/proc/sys/kernel/panic").strip() == "10"
    boot, began = box.boot_id(), time.time()
    box.start("sh", "-c", _PANIC)
    box.monitor.wait_for("RESET", within=120)
    assert "Kernel panic" in box.console
    _assert_delivers_again(box, site, boot, began, "kernel panic")


def test_a_hang_is_ended_by_the_hardware_watchdog_and_delivers_again_within_3_minutes(
    box: WholeMachine, site: MachineSite
) -> None:
    boot, began = box.boot_id(), time.time()
    box.start("sh", "-c", _HANG)
    box.monitor.wait_for("WATCHDOG", within=_HARDWARE_WAITS)
    ended = time.time()
    box.monitor.wait_for("RESET", within=10)
    # Nothing but the watchdog ended it: of what could have asked or heard, nothing ran meanwhile.
    heard = [asked.at for asked in site.uart.line.units.asked if began + 5 < asked.at < ended]
    assert heard == []
    _assert_delivers_again(box, site, boot, began, "hang")


def _assert_delivers_again(box: WholeMachine, site: MachineSite, boot: str, began: float, what: str) -> None:
    central, reset = site.site.central, time.time()
    site.site.wait_until(lambda: bool(central.received) and central.received[-1].at > reset, WINDOWS_WITHIN)
    took = next(field.at for field in tuple(central.received) if field.at > reset) - began
    measured(f"{what}: delivering again after {took:.0f} s, of which {reset - began:.0f} s until the reset")
    box.wait_until_booted(other_than=boot)
    site.wait_for_windows(1, WINDOWS_WITHIN, after=time.time())
    site.wait_until_all_is_right(INTERVAL, (Loss(began - _READINGS_OF, reset),))
    assert took < _DELIVERING_WITHIN
