"""What becomes of newer versions on booted boxes: good ones are taken, bad ones taken back, and nothing is lost.

All boxes of this file live side by side, for each of them waits most of the time.
"""

import json
import re
from functools import partial

import pytest

from inviseobox.simulator.verdict import Loss
from tests.support.judging import faults
from tests.support.machine import UNIT
from tests.support.soak import SOAK

from .bad_versions import BAD_VERSIONS, GOOD_UNTIL_A_POWER_CUT, BadVersion
from .service import lines_with
from .side_by_side import Case, SideBySide
from .updated_box import INTERVAL, UpdatedBox
from .updating import UPDATER, history, installed

_LONGEST_PROBATION = 180
_BACK_WITHIN = 300
"""Seconds within which a version that is known to be bad is taken back."""

pytestmark = pytest.mark.timeout(3600)


def _is_taken(box: UpdatedBox) -> None:
    box.publish("9.1", updater=box.ground.updater)
    assert box.look() == 0, box.said()
    assert box.versions() == "9.1 ii"
    # Any time is right for a restart, so the same run saw it through.
    assert box.told()["good"] == "9.1"
    assert lines_with(box.machine, "inviseobox 9.1 is good")
    shown = box.machine.run("inviseobox-updater", "history").stdout
    for event in ("taken", "passed", "good"):
        assert (event, "9.1") in history(box.machine), shown
        assert f" {event}: inviseobox 9.1: " in shown
    assert box.told()["trouble"] is None
    # The updater's own turn comes in a run that took nothing else.
    assert installed(box.machine, UPDATER) != "9.1 ii"
    assert box.look() == 0, box.said()
    assert installed(box.machine, UPDATER) == "9.1 ii"
    assert box.look() == 0, box.said()
    assert box.machine.read("/var/lib/inviseobox-updater/updater-proven") == "9.1\n"
    box.lost_nothing()
    # What the instruments served is there whole, over all restarts.
    box.wait_for_windows(1)
    # The stop may take the one answer that was under way.
    restarts = [_when(box, event) for event in ("taken", "restarted")]
    losses = tuple(Loss(at - 2, at + 15) for at in restarts if at)
    found = [fault for fault in faults(box.site, INTERVAL, losses) if not fault.endswith("no report")]
    assert found == []


def _is_taken_back(bad: BadVersion, box: UpdatedBox) -> None:
    box.publish("9.1", bad.files(box), fields=bad.fields)
    assert box.look() == 1, box.said()
    assert box.versions() == box.before
    assert re.search(bad.reason, box.told()["bad"]["9.1"]), box.told()
    assert box.told()["trouble"]["kind"] == "taken back"
    assert len(lines_with(box.machine, "inviseobox 9.1 was taken back")) == 1
    taken, back = (_when(box, event) for event in ("taken", "taken back"))
    if taken and back:
        assert back - taken <= _LONGEST_PROBATION + _BACK_WITHIN
    assert back
    box.lost_nothing()
    assert box.machine.show(UNIT, "UnitFileState")["UnitFileState"] == "enabled"
    if not SOAK:
        return
    # It is not tried again, and the next one is taken.
    assert box.look() == 0, box.said()
    assert box.versions() == box.before
    box.publish("9.2")
    assert box.look() == 0, box.said()
    assert box.versions() == "9.2 ii"
    assert box.told()["trouble"] is None
    box.lost_nothing()


def _is_taken_back_after_a_power_cut(bad: BadVersion, box: UpdatedBox) -> None:
    if box.machine.release == bad.good_on:
        pytest.skip(f"the systemd of {bad.good_on} starts it after a boot as well")
    box.publish("9.1", bad.files(box))
    assert box.look() == 0, box.said()
    assert box.history("good") == ["9.1"]
    box.note_sealed()
    box.machine.run("systemctl", "enable", "inviseobox-updater-boot.timer")
    box.machine.crash()
    box.machine.boot()
    # Nobody is there but the timer.
    box.wait_for_history("taken back")
    assert box.versions() == box.before
    box.end_of_look()
    assert re.search(bad.reason, box.told()["bad"]["9.1"])
    box.lost_nothing()
    box.publish("9.2")
    assert box.look() == 0, box.said()
    assert box.history("good") == ["9.1", "9.2"]
    box.lost_nothing()


def _when(box: UpdatedBox, event: str) -> float | None:
    lines = box.machine.read("/var/lib/inviseobox-updater/history.jsonl").splitlines()
    at = [entry["at"] for entry in map(json.loads, lines) if (entry["event"], entry["version"]) == (event, "9.1")]
    return at[0] if at else None


CASES: dict[str, Case] = {
    "a good one": _is_taken,
    **{name: partial(_is_taken_back_after_a_power_cut, bad) for name, bad in GOOD_UNTIL_A_POWER_CUT.items() if SOAK},
    **{name: partial(_is_taken_back, bad) for name, bad in BAD_VERSIONS.items() if SOAK or bad.is_sample},
}


@pytest.mark.parametrize("case", CASES)
def test_a_newer_version_is_taken_if_it_does_what_it_must(cases: SideBySide, case: str) -> None:
    cases.result(case)
