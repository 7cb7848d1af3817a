"""Meters on a serial port, which belongs to root:dialout as a USB adapter's does, read by a hardened service."""

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from inviseobox.simulator.background import RunningSite, running_site
from tests.support.judging import faults
from tests.support.machine import UNIT, Machine

from .service import INTERVAL, configuration, configure, hand_out, wait_for_windows, wait_until_active

_NODE = "/dev/ttyUSB0"
_BY_ID = "/dev/serial/by-id/usb-Simulated_RS485-if00-port0"
_HIGHEST_EXPOSURE = 1.2
# What stands for the adapter is a pseudo-terminal, which the unit has no reason to open to the service.
_DROP_IN = "[Service]\nDeviceAllow=char-136 rw\n"


@dataclass(frozen=True)
class Adapter:
    """A machine with a USB adapter, whose line has meters on it; not configured."""

    box: Machine
    site: RunningSite


@pytest.fixture
def adapter(installed: Machine) -> Iterator[Adapter]:
    """Put the line's terminal where udev would put an adapter, with the owner, mode and link that it would have."""
    with running_site(rtu=True) as site:
        bus = site.site.bus
        with Machine(base=installed, binds={_NODE: bus.device}) as box:
            box.run("chown", "root:dialout", _NODE)
            box.run("chmod", "660", _NODE)
            box.run("sh", "-c", 'mkdir -p "$(dirname "$2")" && ln -s "$1" "$2"', "link", f"../../{_NODE[5:]}", _BY_ID)
            hand_out(site, [_with_port(device, str(bus.path), _BY_ID) for device in site.devices])
            yield Adapter(box, site)


def test_meters_on_a_usb_adapter_are_read_by_a_service_with_little_exposure(adapter: Adapter) -> None:
    box, site = adapter.box, adapter.site
    assert exposure(box) <= _HIGHEST_EXPOSURE
    box.write(f"/etc/systemd/system/{UNIT}.d/adapter.conf", _DROP_IN)
    box.run("systemctl", "daemon-reload")

    configure(box, configuration(site))
    wait_until_active(box)
    wait_for_windows(site, 3)
    assert exposure(box) <= _HIGHEST_EXPOSURE
    assert site.site.bus.line.frames
    assert faults(site, INTERVAL) == []
    # Read through the group and nothing else.
    assert box.run("stat", "--dereference", "--format=%U %G %a %F", _BY_ID).stdout.split(maxsplit=3) == [
        "root",
        "dialout",
        "660",
        "character special file\n",
    ]
    assert box.run("stat", "--format=%U", f"/proc/{box.main_pid(UNIT)}").stdout.strip() == "inviseobox"


def exposure(box: Machine) -> float:
    """Return the score of `systemd-analyze security`, drop-ins included: 0 is sealed, 10 is wide open."""
    text = box.run("systemd-analyze", "security", "--no-pager", UNIT).stdout
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", text)
    assert found, text
    return float(found[1])


def _with_port(device: Any, port: str, instead: str) -> Any:
    changed = copy.deepcopy(device)
    settings = changed["communication"]["configuration"]
    if settings.get("port") == port:
        settings["port"] = instead
    return changed
