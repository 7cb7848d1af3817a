"""Which version a bad one is taken back to: one that can read the database, on a real dpkg and a real apt."""

from pathlib import Path

import pytest

from inviseobox.updater import going_back, journal, keeping, noting, passing, renewing, taking
from inviseobox.updater.box import Box
from inviseobox.updater.places import PROGRAM
from inviseobox.updater.state import Cause, Probation, Required
from inviseobox.updater.taking import Taken
from tests.support.updater_boxes import UpdaterBox, Version
from tests.support.updater_runs import ANY_TIME

FIRST, SECOND, THIRD, FOURTH = Version("1", 4, 4), Version("2", 5, 4), Version("3", 6, 5), Version("4", 6, 5)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UpdaterBox:
    monkeypatch.setattr(journal, "send", lambda fields: False)
    made = UpdaterBox(tmp_path)
    made.install(FIRST)
    noting.note_installed(made.box())
    return made


def take(box: Box) -> str | None:
    """Take what is offered, if it may be taken now, and return its version."""
    version = taking.candidate(box, box.apt.offered())
    if version:
        taking.take(box, version, Taken())
    return version


def watched(box: Box) -> Probation:
    """Return what is on probation."""
    found = box.state.probation
    assert found
    return found


def pass_probation(box: Box) -> None:
    passing.note_passed(box, watched(box), Required())


def fail(box: Box) -> None:
    going_back.condemn(box, watched(box), "it ended with exit status 1")


def installed(box: Box) -> str:
    return box.dpkg.installed(PROGRAM)[PROGRAM].version


def boot(box: Box) -> None:
    """Let the box find itself in another run of the kernel."""
    box.remember(boot_id="the one before")
    noting.note_installed(box)


def test_a_version_waits_where_the_one_to_go_back_to_at_a_boot_could_not_read_its_database(
    place: UpdaterBox, capsys: pytest.CaptureFixture[str]
) -> None:
    place.offer(FIRST, SECOND, THIRD)
    box = place.box()
    assert take(box) == "2"
    pass_probation(box)
    assert box.state.good == "1"
    assert take(box) is None
    assert "inviseobox 3 waits until 2 is good" in capsys.readouterr().out
    # That is nothing to be told of as wrong.
    assert box.state.trouble is None
    boot(box)
    pass_probation(box)
    assert box.state.good == "2"
    assert take(box) == "3"
    assert watched(box).previous == "2"


def test_a_boot_does_not_lead_back_to_a_version_that_cannot_read_the_database(place: UpdaterBox) -> None:
    """It was good once more by a restart, so that the one before it is kept until a boot; then a newer one ran."""
    place.offer(SECOND)
    place.set_up(ANY_TIME)
    box = place.box()
    take(box)
    pass_probation(box)
    assert renewing.restart_if_due(box)
    pass_probation(box)
    assert (box.state.good, box.state.kept) == ("2", "1")
    place.offer(THIRD)
    assert take(box) == "3"
    fail(box)
    assert installed(box) == "2"
    box.remember(probation=None)
    boot(box)
    assert watched(box).cause is Cause.BOOT
    fail(box)
    assert installed(box) == "2"
    assert box.state.trouble
    assert "inviseobox 1 cannot read the database" in box.state.trouble.reason


@pytest.mark.parametrize("has_passed", [False, True])
def test_an_upgrade_by_hand_leads_back_to_what_can_read_the_database(place: UpdaterBox, has_passed: bool) -> None:
    place.offer(SECOND)
    box = place.box()
    take(box)
    if has_passed:
        pass_probation(box)
    place.install(THIRD)
    noting.note_installed(box)
    assert box.state.good == "1"
    assert watched(box).previous == ("2" if has_passed else None)
    # What a power cut leaves is not repaired with what is good, either.
    kept = box.store.kept(PROGRAM, "2" if has_passed else "3")
    assert kept
    assert (box.places.good / "inviseobox.deb").read_bytes() == kept.read_bytes()
    fail(box)
    assert installed(box) == ("2" if has_passed else "3")


def test_an_upgrade_by_hand_within_the_border_leads_back_to_what_is_good(place: UpdaterBox) -> None:
    box = place.box()
    place.install(SECOND)
    noting.note_installed(box)
    assert watched(box).previous == "1"


def test_a_version_that_stays_for_nothing_else_can_read_the_database_is_followed_by_a_newer_one(
    place: UpdaterBox,
) -> None:
    box = place.box()
    place.install(THIRD)
    noting.note_installed(box)
    fail(box)
    assert box.state.probation is None
    keeping.prune(box)
    place.offer(FOURTH)
    assert take(box) == "4"
    assert watched(box).previous == "3"
