"""The service in a machine, as a person sets it up."""

from tests.support.root_shell import UNIT

from .sites import MachineSite
from .whole_machine import WholeMachine

CONFIGURATION = "/etc/inviseobox/config.toml"
INTERVAL = 20
"""Seconds of a window in most of these tests."""
PERIOD = 2.0
"""Seconds between rounds."""
START_WITHIN = 180.0
WINDOWS_WITHIN = 300.0


def set_up(box: WholeMachine, site: MachineSite, interval: int = INTERVAL, period: float = PERIOD) -> None:
    """Let the service read `site` from its line on, as if it had never read anything."""
    box.run("systemctl", "stop", UNIT, timeout=START_WITHIN)
    box.run("sh", "-c", "rm -rf /var/lib/inviseobox/*")
    box.write(CONFIGURATION, site.configuration(interval, period))
    site.plug(box.line)
    box.run("systemctl", "start", UNIT, timeout=START_WITHIN)


def switch_on(box: WholeMachine, site: MachineSite) -> None:
    """Switch a machine on that has been set up for `site`, whose line is on its port all the time."""
    box.switch_on()
    site.plug(box.line)
    box.wait_until_booted()
