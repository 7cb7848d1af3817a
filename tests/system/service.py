"""The service in a machine, as a person sets it up and as a test looks at it."""

from pathlib import PurePosixPath
from typing import Any

from inviseobox.simulator.background import RunningSite
from inviseobox.simulator.verdict import Loss
from tests.support.machine import UNIT, Machine
from tests.support.waiting import wait_for

CONFIGURATION = PurePosixPath("/etc/inviseobox/config.toml")
_UNDER_WAY = 0.5
"""Seconds that an answer may take, from the instrument to the program, on a busy machine."""
INTERVAL = 4
"""Seconds of a window in these tests."""


def configuration(site: RunningSite, **more: str) -> str:
    """Return the text of a config.toml for `site`; `more` holds further keys of the top level, as TOML."""
    keys = {"token": f'"{site.token}"', "url": f'"{site.url}"', "interval": str(INTERVAL), **more}
    lines = [f"{key} = {value}" for key, value in keys.items()]
    return "\n".join([*lines, "[modbus]", "period = 1", "[http]", "period = 2", ""])


def configure(box: Machine, text: str) -> None:
    """Write config.toml and restart the service, whatever comes of it."""
    box.write(str(CONFIGURATION), text)
    box.run("systemctl", "restart", UNIT, check=False)


def watchdog_time(box: Machine) -> float:
    """Return the seconds that systemd waits for a sign of life."""
    unit = "/org/freedesktop/systemd1/unit/" + UNIT.replace(".", "_2e")
    place = ("org.freedesktop.systemd1", unit, "org.freedesktop.systemd1.Service", "WatchdogUSec")
    kind, microseconds = box.run("busctl", "get-property", *place).stdout.split()
    assert kind == "t"
    return int(microseconds) / 1_000_000


def wait_until_active(box: Machine, within: float = 15) -> None:
    """Wait until systemd has had READY from the service."""
    wait_for(lambda: state(box) == "active", within, f"{UNIT} is active")


def state(box: Machine) -> str:
    """Return the unit's ActiveState."""
    return box.show(UNIT, "ActiveState")["ActiveState"]


def own_lines(box: Machine) -> list[dict[str, Any]]:
    """Return the journal's entries of the program itself, without what systemd says about it."""
    return box.journal(UNIT, SYSLOG_IDENTIFIER="inviseobox")


def lines_with(box: Machine, *words: object) -> list[str]:
    """Return the unit's journal lines, systemd's included, in which each of `words` occurs."""
    messages = [str(entry["MESSAGE"]) for entry in box.journal(UNIT)]
    return [message for message in messages if all(str(word) in message for word in words)]


def stops(box: Machine) -> tuple[Loss, ...]:
    """Return the moments at which the service was told to stop: an answer that is under way then is not waited for."""
    entries = [entry for entry in box.journal(UNIT) if str(entry["MESSAGE"]).startswith("Stopping ")]
    moments = [int(entry["__REALTIME_TIMESTAMP"]) / 1_000_000 for entry in entries]
    return tuple(Loss(moment - _UNDER_WAY, moment + _UNDER_WAY) for moment in moments)


def hand_out(site: RunningSite, devices: list[dict[str, Any]]) -> None:
    """Let the site's server answer with this device list from now on."""

    async def assign() -> None:
        site.central.devices = devices

    site.run(assign())


def wait_for_windows(site: RunningSite, count: int, within: float = 40) -> None:
    """Wait until `count` windows with every measurement of the site have come in all."""
    site.wait_for_windows(count, within, site.served.measurements())
