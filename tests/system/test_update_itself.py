"""Newer versions of the updater that do not do what they must: the version before comes back."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import pytest

from tests.support.soak import SOAK
from tests.support.waiting import wait_for

from .side_by_side import Case, SideBySide
from .updated_box import UPDATER_SERVICE, UpdatedBox
from .updating import UPDATER, installed

_AT = "usr/lib/inviseobox-updater/updater/"
_UNIT_AT = f"usr/lib/systemd/system/{UPDATER_SERVICE}"
_TIMERS = ("inviseobox-updater.timer", "inviseobox-updater-boot.timer")

pytestmark = pytest.mark.timeout(3600)


@dataclass(frozen=True)
class BadUpdater:
    """Its files, and what is said of it."""

    files: Mapping[str, str]
    reason: str


BAD_UPDATERS = {
    "a mistake in its text": BadUpdater({_AT + "cli.py": "def main(:\n"}, "it fails its own test: SyntaxError"),
    "ends with an error": BadUpdater({_AT + "cli.py": "raise SystemExit(3)\n"}, "it fails its own test: status 3"),
    "hangs": BadUpdater({_AT + "cli.py": "import time\ntime.sleep(10_000)\n"}, "did not end within 60 s"),
    "its unit is broken": BadUpdater(
        {_UNIT_AT: "[Service\nExecStart\n"}, f"systemd does not understand its {UPDATER_SERVICE}"
    ),
    "disables its timer": BadUpdater(
        {"DEBIAN/postinst": "#!/bin/sh\nrm -f /etc/systemd/system/timers.target.wants/inviseobox-updater*\n"},
        "it disables its inviseobox-updater.timer",
    ),
    "its postinst fails": BadUpdater({"DEBIAN/postinst": "#!/bin/sh\nexit 3\n"}, "it cannot be installed: "),
}


def _is_taken_back(bad: BadUpdater, box: UpdatedBox) -> None:
    before = installed(box.machine, UPDATER)
    for timer in _TIMERS:
        box.machine.run("systemctl", "enable", timer)
    files = {name: text.encode() for name, text in bad.files.items()}
    # The program's own version stays what it is: its turn would come first.
    box.publish_updater("9.1", files)
    box.look()
    assert installed(box.machine, UPDATER) == before
    assert box.history("updater taken back") == ["9.1"]
    assert bad.reason in box.told()["trouble"]["reason"]
    assert all(box.machine.show(timer, "UnitFileState")["UnitFileState"] == "enabled" for timer in _TIMERS)
    # It is not taken again, the next one is.
    assert box.look() == 0, box.said()
    assert installed(box.machine, UPDATER) == before
    box.publish_updater("9.2", {})
    assert box.look() == 0, box.said()
    assert installed(box.machine, UPDATER) == "9.2 ii"
    assert box.look() == 0, box.said()
    assert box.machine.read("/var/lib/inviseobox-updater/updater-proven") == "9.2\n"
    assert box.told()["trouble"] is None
    box.lost_nothing()


def _is_missed(box: UpdatedBox) -> None:
    """See that one that ends at once, and does nothing, is brought back by the package of the program."""
    before = installed(box.machine, UPDATER)
    box.publish_updater("9.1", {_AT + "cli.py": b"def main():\n    return 0\n"})
    assert box.look() == 0, box.said()
    assert installed(box.machine, UPDATER) == "9.1 ii"
    box.machine.run("systemctl", "start", "inviseobox-updater.timer")
    for _ in range(3):
        box.machine.run("systemctl", "start", "inviseobox-updater-rescue.service", timeout=300)
    wait_for(lambda: installed(box.machine, UPDATER) == before, 60, "the version before is back")
    box.machine.run("systemctl", "stop", "inviseobox-updater.timer")
    box.publish("9.2")
    assert box.look() == 0, box.said()
    assert box.versions() == "9.2 ii"
    box.lost_nothing()


_HANGS = """

def run(box: Box, *, now: bool) -> bool:
    box.stop.check()
    while True:
        pass
"""


def _is_ended(box: UpdatedBox) -> None:
    """See that one that hangs does not keep its lock, and that the version before comes back in the end."""
    before = installed(box.machine, UPDATER)
    impatient, found = re.subn("(?m)^_SILENT_FOR = .*", "_SILENT_FOR = 15", box.updater_file("stopping.py"))
    assert found == 1
    files = {"run.py": box.updater_file("run.py") + _HANGS, "stopping.py": impatient}
    box.publish_updater("9.1", {_AT + name: text.encode() for name, text in files.items()})
    assert box.look() == 0, box.said()
    assert installed(box.machine, UPDATER) == "9.1 ii"
    box.machine.run("systemctl", "start", "inviseobox-updater.timer")
    for _ in range(3):
        box.machine.run("systemctl", "start", UPDATER_SERVICE, check=False, timeout=120)
        said = box.machine.run("journalctl", "--lines=30", f"--unit={UPDATER_SERVICE}").stdout
        assert "status=14/ALRM" in said
        # It says where.
        assert re.search(r'File ".*/updater/run.py", line \d+ in run', said)
        wait_for(lambda: _has_ended(box, "inviseobox-updater-rescue.service"), 120, "the rescue has looked")
        # Nobody holds the lock.
        box.machine.run("inviseobox-updater", "retry")
    assert installed(box.machine, UPDATER) == before
    box.machine.run("systemctl", "stop", "inviseobox-updater.timer")
    box.publish_updater("9.2", {})
    assert box.look() == 0, box.said()
    assert installed(box.machine, UPDATER) == "9.2 ii"
    box.lost_nothing()


def _has_ended(box: UpdatedBox, unit: str) -> bool:
    return box.machine.show(unit, "ActiveState")["ActiveState"] in ("inactive", "failed")


_SAMPLE = ("its unit is broken", "disables its timer")
CASES: dict[str, Case] = {
    **{name: partial(_is_taken_back, bad) for name, bad in BAD_UPDATERS.items() if SOAK or name in _SAMPLE},
    **({"ends at once": _is_missed, "hangs at work": _is_ended} if SOAK else {}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_newer_updater_that_does_not_work_does_not_stay(cases: SideBySide, case: str) -> None:
    cases.result(case)
