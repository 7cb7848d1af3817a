"""The service in a machine, as a person sets it up and as a test looks at it."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from inviseobox.simulator.background import RunningSite
from inviseobox.simulator.verdict import Loss, problems

from .machine import UNIT, Machine
from .waiting import wait_for

CONFIGURATION = PurePosixPath("/etc/inviseobox/config.toml")
INTERVAL = 4
"""Seconds of a window in these tests."""


def configuration(site: RunningSite, **more: str) -> str:
    """The text of a config.toml for `site`; `more` holds further keys of the top level, as TOML."""
    keys = {"token": f'"{site.token}"', "url": f'"{site.url}"', "interval": str(INTERVAL), **more}
    lines = [f"{key} = {value}" for key, value in keys.items()]
    return "\n".join([*lines, "[modbus]", "period = 1", "[http]", "period = 2", ""])


def configure(box: Machine, text: str) -> None:
    """Write config.toml and restart the service, whatever comes of it."""
    box.write(str(CONFIGURATION), text)
    box.run("systemctl", "restart", UNIT, check=False)


def watchdog_time(box: Machine) -> float:
    """Seconds that systemd waits for a sign of life."""
    unit = "/org/freedesktop/systemd1/unit/" + UNIT.replace(".", "_2e")
    place = ("org.freedesktop.systemd1", unit, "org.freedesktop.systemd1.Service", "WatchdogUSec")
    kind, microseconds = box.run("busctl", "get-property", *place).stdout.split()
    assert kind == "t"
    return int(microseconds) / 1_000_000


def wait_until_active(box: Machine, within: float = 15) -> None:
    """Wait until systemd has had READY from the service."""
    wait_for(lambda: state(box) == "active", within, f"{UNIT} is active")


def state(box: Machine) -> str:
    """The unit's ActiveState."""
    return box.show(UNIT, "ActiveState")["ActiveState"]


def own_lines(box: Machine) -> list[dict[str, Any]]:
    """The journal's entries of the program itself, without what systemd says about it."""
    return box.journal(UNIT, SYSLOG_IDENTIFIER="inviseobox")


def lines_with(box: Machine, *words: object) -> list[str]:
    """The unit's journal lines, systemd's included, in which each of `words` occurs."""
    messages = [str(entry["MESSAGE"]) for entry in box.journal(UNIT)]
    return [message for message in messages if all(str(word) in message for word in words)]


def modbus_device(number: int, name: str, port: int) -> dict[str, Any]:
    """One more entry for the device list: a meter behind a gateway of its own on loopback."""
    identity = f"65a0000000000000000009{number:02x}"
    place = {"register": "0x03", "address": 0, "slave": 1, "count": 2}
    parameters = {**place, "byte_order": "3-2-1-0", "value_class": "FLOAT32"}
    measurement = {"_id": f"65a0000000000000000008{number:02x}", "name": "Puissance"}
    return {
        "_id": identity,
        "name": name,
        "communication": {
            "protocol": "Modbus",
            "mode": "TCP",
            "configuration": {"host": "127.0.0.1", "port": port},
        },
        "measurements": [{**measurement, "configuration": {"parameters": parameters, "response_format": ["avg"]}}],
    }


def hand_out(site: RunningSite, devices: list[dict[str, Any]]) -> None:
    """Let the site's server give this device list from now on."""

    async def assign() -> None:
        site.central.devices = devices

    site.run(assign())


def wait_for_windows(site: RunningSite, count: int, within: float = 40) -> None:
    """Wait until `count` windows with every measurement of the site have come in all."""
    site.wait_for_windows(count, within, site.served.measurements())


def faults(site: RunningSite, interval: int = INTERVAL, losses: tuple[Loss, ...] = ()) -> Mapping[str, list[str]]:
    """What is wrong at the server, by measurement; empty if all that the site served has come, and true."""
    found = {}
    for measurement in site.served.measurements():
        reports = [report for report in list(site.central.received) if report.measurement == measurement]
        wrong = problems(site.served.of(measurement), reports, interval, losses=losses)
        if wrong or not reports:
            found[measurement] = wrong or ["no report"]
    return found
