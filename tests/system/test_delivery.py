"""From a configuration to windows at the server, with either form of the server's API."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from inviseobox import events
from inviseobox.simulator.background import RunningSite, running_site
from tests.support.entries import modbus_device
from tests.support.judging import faults
from tests.support.machine import UNIT, Machine
from tests.support.waiting import wait_for

from .service import INTERVAL, configuration, configure, hand_out, own_lines, wait_for_windows, wait_until_active

_READY_WITHIN = 5.0


@dataclass(frozen=True)
class Delivering:
    """A box that has delivered windows of a site."""

    box: Machine
    site: RunningSite


@pytest.fixture(scope="module", params=["documented", "deployed"])
def delivering(installed: Machine, request: pytest.FixtureRequest) -> Iterator[Delivering]:
    """Yield a machine after its third window."""
    with running_site(form=request.param) as site, Machine(base=installed) as box:
        configure(box, configuration(site))
        wait_until_active(box)
        wait_for_windows(site, 3)
        yield Delivering(box, site)


def test_the_service_is_ready_soon_after_its_start(delivering: Delivering) -> None:
    unit = delivering.box.show(UNIT, "ExecMainStartTimestampMonotonic", "ActiveEnterTimestampMonotonic", "NRestarts")
    started, ready = (int(unit[f"{event}TimestampMonotonic"]) for event in ("ExecMainStart", "ActiveEnter"))
    assert 0 < ready - started < _READY_WITHIN * 1_000_000
    assert unit["NRestarts"] == "0"


def test_the_server_has_what_the_site_served(delivering: Delivering) -> None:
    site = delivering.site
    assert faults(site, INTERVAL) == []


def test_the_server_knows_each_device_as_ok(delivering: Delivering) -> None:
    site = delivering.site
    newest = site.central.statuses[-1]
    assert {device["name"]: newest.of(device["_id"]) for device in site.devices} == {
        device["name"]: "ok" for device in site.devices
    }


def test_systemctl_shows_devices_and_the_last_delivery(delivering: Delivering) -> None:
    box = delivering.box
    before, status, after = _status_text(box), box.run("systemctl", "status", UNIT).stdout, _status_text(box)
    # A window may have been delivered in between.
    (text, *_) = [text for text in (before, after) if f'Status: "{text}"' in status]
    assert re.search(rf"\b{len(delivering.site.devices)}\b[^,;]*device", text)
    assert re.search(r"deliver", text, re.IGNORECASE)
    assert re.search(r"\d\d:\d\d", text)


def _status_text(box: Machine) -> str:
    return box.show(UNIT, "StatusText")["StatusText"]


def test_the_journal_has_the_programs_name_and_nothing_secret(delivering: Delivering) -> None:
    entries = own_lines(delivering.box)
    assert entries
    assert all(entry["_SYSTEMD_UNIT"] == UNIT and "PRIORITY" in entry for entry in entries)
    assert events.STARTED.id in {entry.get("MESSAGE_ID") for entry in entries}
    assert [entry for entry in entries if int(entry["PRIORITY"]) <= 4 and "MESSAGE_ID" not in entry] == []
    assert delivering.site.token not in delivering.box.run("journalctl", "--output=export", "--all").stdout


def test_a_device_that_cannot_be_reached_is_named_in_the_journals_fields(delivering: Delivering) -> None:
    site, box = delivering.site, delivering.box
    present = site.devices
    with closed_port() as port:
        absent = modbus_device(port, {1: [0]}, name="Compteur absent")
        hand_out(site, [*present, absent])
        try:
            entry = wait_for(lambda: _about_a_device(box), 30, "a line about a device")[0]
            site.wait_until(lambda: site.central.statuses[-1].of(absent["_id"]) == "dead", 30)
        finally:
            hand_out(site, present)
    link = f"127.0.0.1:{port}"
    assert link in entry["MESSAGE"] or "Compteur absent" in entry["MESSAGE"]
    assert entry.get("INVISEOBOX_LINK") == link or entry.get("INVISEOBOX_DEVICE_ID") == absent["_id"]
    assert entry["INVISEOBOX_DEVICE"] == "Compteur absent"
    assert entry["MESSAGE_ID"] in (events.HOST_UNREACHABLE.id, events.DEVICE_SILENT.id)
    assert int(entry["PRIORITY"]) <= 4


def _about_a_device(box: Machine) -> list[dict[str, Any]]:
    """Return warnings and errors about a link or device."""
    fields = {"INVISEOBOX_LINK", "INVISEOBOX_DEVICE"}
    return [entry for entry in own_lines(box) if fields & entry.keys() and int(entry["PRIORITY"]) <= 4]


@contextmanager
def closed_port() -> Iterator[int]:
    """Yield a port of loopback that is taken, so that nobody else gets it, and refuses connections."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield int(unused.getsockname()[1])
