"""The clock of a machine, which may be a year behind."""

import time
from datetime import timedelta

from tests.support.waiting import wait_for

from .figures import measured
from .service import INTERVAL
from .sites import MachineSite
from .time_server import TimeServer
from .whole_machine import WholeMachine

YEAR = timedelta(days=365)
BEHIND = 86_400.0
"""Seconds at least: systemd itself lets no clock begin before its own date of build."""
_SYNCHRONISED_WITHIN = 120.0


def behind(box: WholeMachine) -> float:
    """Return the seconds by which the machine's clock is behind the host's; 0 if it may have been right when asked."""
    asked = time.time()
    told = float(box.run("date", "+%s.%N").stdout)
    return asked - told if told < asked else min(0.0, time.time() - told)


def jump(box: WholeMachine, time_server: TimeServer) -> None:
    """Let the time server answer, and wait until the machine has taken its time."""
    time_server.answering = True
    # As a network that comes back does: by itself it asks again after minutes.
    box.run("systemctl", "restart", "systemd-timesyncd.service")
    wait_for(lambda: abs(behind(box)) < 1.0, _SYNCHRONISED_WITHIN, "the clock is right")
    assert box.exists("/run/systemd/timesync/synchronized")


def assert_all_are_dated_right(site: MachineSite) -> None:
    """Fail unless all that was served from the first value on is in the window of its time."""
    site.wait_until_all_is_right(INTERVAL)
    # That nothing is missing in between is right already: the first value that was served is in the first window.
    served_first = min(site.site.served.of(one)[0].at for one in site.measurements())
    first = site.site.central.window_ends()[0]
    assert first - INTERVAL - 3 <= served_first <= first + 3
    count = len(site.site.central.window_ends())
    measured(f"clock a year behind: {count} windows, the first one ends {first - served_first:.0f} s after its value")
