"""The serial ports of the device list."""

import stat
from collections.abc import Mapping
from pathlib import Path

from inviseobox.commands.checks.codes import Code
from inviseobox.commands.checks.findings import Check, Finding, right, wrong
from inviseobox.devices.inventory import Inventory
from inviseobox.devices.links import SerialLink

_MOST_NAMED = 5
_LIST = "ls -l /dev/serial/by-id/"


def of(inventory: Inventory) -> dict[str, str]:
    """Return the ports of a device list, with nothing known of each."""
    return {device.link.port: "" for device in inventory.devices if isinstance(device.link, SerialLink)}


def looked_at(ports: Mapping[str, str]) -> Finding:
    """Return how these ports are; each has the cause for which the service cannot use it, empty where there is none."""
    if not ports:
        return right(Check.SERIAL_PORTS, Code.NO_PORTS)
    modes = {port: _mode(port) for port in ports}
    if missing := [port for port, mode in modes.items() if mode is None]:
        return wrong(Check.SERIAL_PORTS, Code.PORT_MISSING, _LIST, ports=_named(missing))
    for port, cause in ports.items():
        if not stat.S_ISCHR(modes[port] or 0):
            return wrong(Check.SERIAL_PORTS, Code.PORT_FAILS, _LIST, ports=port, reason="it is not a serial port")
        if cause:
            return wrong(Check.SERIAL_PORTS, Code.PORT_FAILS, "journalctl -x -u inviseobox", ports=port, reason=cause)
    return right(Check.SERIAL_PORTS, Code.PORTS_THERE, ports=_named(list(ports)))


def _mode(port: str) -> int | None:
    """Return what kind of file it is, None where it is not there, or not to be seen."""
    try:
        return Path(port).stat().st_mode
    except OSError:
        return None


def _named(ports: list[str]) -> str:
    more = len(ports) - _MOST_NAMED
    return ", ".join(ports[:_MOST_NAMED]) + (f" (+{more})" if more > 0 else "")
