"""`journalctl -x` and the commands in the language of the technician on site."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from inviseobox.simulator.background import running_site
from tests.support.entries import modbus_device
from tests.support.machine import UNIT, Machine
from tests.support.ports import deaf
from tests.support.waiting import wait_for

from .service import configuration, configure, hand_out, lines_with, own_lines, wait_until_active

_FRENCH = "/usr/lib/systemd/catalog/inviseobox.fr.catalog"
_DEVICE = "Compteur général"
_WARNING = 4


@pytest.fixture
def french_box(installed: Machine) -> Iterator[Machine]:
    """Yield a box with a French locale, as Debian has when it was installed in French."""
    with Machine(base=installed) as box:
        box.write("/etc/locale.gen", "fr_FR.UTF-8 UTF-8\n")
        box.install("locales")
        yield box


def test_a_dead_device_is_explained_in_french_and_by_its_name(french_box: Machine) -> None:
    box = french_box
    with running_site() as site, deaf() as port:
        hand_out(site, [*site.devices, modbus_device(port, {1: [0]}, name=_DEVICE)])
        configure(box, configuration(site))
        wait_until_active(box)
        entry = wait_for(lambda: _trouble_with(box, _DEVICE), 30, f"a line with a MESSAGE_ID about {_DEVICE}")[0]

    french = _explanation(box, "fr_FR.UTF-8", entry)
    assert _subject(box.read(_FRENCH), entry) in french
    assert _DEVICE in french
    assert french != _explanation(box, "C.UTF-8", entry)


def test_commands_speak_the_language_of_the_machine(french_box: Machine) -> None:
    box = french_box
    french = ("env", "LC_ALL=fr_FR.UTF-8", "inviseobox")
    unset = box.run(*french, "is-configured", check=False)
    assert "pas encore configuré ; lancez : sudo inviseobox configure" in unset.stdout + unset.stderr
    assert box.run(*french, "--help").stdout.startswith("utilisation : inviseobox")
    assert box.run("env", "LC_ALL=C.UTF-8", "inviseobox", "--help").stdout.startswith("usage: inviseobox")
    # As at the start of a machine whose /etc/default/locale says so (systemd(1), locale.conf(5)).
    box.run("systemctl", "set-environment", "LANG=fr_FR.UTF-8")
    box.run("systemctl", "restart", UNIT)
    wait_for(lambda: lines_with(box, "not configured yet"), 30, "the line of a start that was skipped")
    with running_site() as site:
        configure(box, configuration(site))
        wait_until_active(box)
        assert box.run(*french, "rejected").stdout == "rien n'a été refusé\n"
    # What the service itself says stays English.
    assert not [entry for entry in own_lines(box) if "configuré" in entry["MESSAGE"]]


def _trouble_with(box: Machine, name: str) -> list[dict[str, Any]]:
    warnings = [entry for entry in own_lines(box) if "MESSAGE_ID" in entry and int(entry["PRIORITY"]) <= _WARNING]
    return [entry for entry in warnings if name in entry.get("INVISEOBOX_DEVICE", "")]


def _subject(catalog: str, entry: dict[str, Any]) -> str:
    """Return the first line of the entry's text in `catalog`, with its fields filled in (journalctl(1), --catalog)."""
    found = re.search(rf"^-- {entry['MESSAGE_ID']}\nSubject: (.*)$", catalog, re.MULTILINE)
    assert found, f"no text for {entry['MESSAGE_ID']}"
    return re.sub(r"@(\w+)@", lambda field: str(entry[field[1]]), found[1])


def _explanation(box: Machine, language: str, entry: dict[str, Any]) -> str:
    """Return what journalctl puts below the line of `entry`."""
    journal = box.run("env", f"LC_ALL={language}", "journalctl", "-x", "-u", UNIT).stdout
    _, line, below = journal.partition(str(entry["MESSAGE"]))
    assert line
    lines = []
    for each in below.splitlines()[1:]:
        if not each.startswith("░░"):
            break
        lines.append(each.removeprefix("░░").strip())
    return "\n".join(lines)
