"""What a version is measured by: what the one before it is seen to do."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from inviseobox.updater import journal, noting, observing
from inviseobox.updater.box import Box
from inviseobox.updater.errors import Stopped
from inviseobox.updater.run import run
from inviseobox.updater.state import Cause, Level, Required
from tests.support.updater_boxes import UpdaterBox, Version

ALL = ("polling", "commits", "delivery")
LINK = "Modbus TCP 10.0.0.5:502"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UpdaterBox:
    monkeypatch.setattr(journal, "send", lambda fields: False)
    monkeypatch.setattr(observing, "_owner", os.getuid)
    return UpdaterBox(tmp_path)


@pytest.fixture
def box(place: UpdaterBox) -> Box:
    """Return a box whose updater knows the installed version, and that it did everything when it passed."""
    place.install(Version("1", 5, 5))
    found = place.box()
    noting.note_installed(found)
    proof = found.state.proof
    assert proof
    found.remember(
        proof=replace(proof, level=Level.GOOD, required=Required(ALL, (LINK, "dead since August"))),
        looked_at=found.wall(),
    )
    return found


def upgrade_by_hand(place: UpdaterBox, box: Box, version: str = "2") -> Required:
    """Return what is required of a version that somebody installs."""
    place.install(Version(version, 5, 5))
    noting.note_installed(box)
    assert box.state.probation
    assert box.state.probation.version == version
    return box.state.probation.required


def tell(place: UpdaterBox, *facets: str, links: tuple[str, ...] = (LINK,)) -> None:
    """Let the service tell that these facets and links went on just now."""
    now = time.time()
    place.status(
        version="1",
        written_at=now,
        interval=1800,
        progress={name: now if name in facets else None for name in ALL},
        links=[{"name": name, "up": True, "cause": None, "last_good_reading": now} for name in links],
    )


def ready_for(place: UpdaterBox, seconds: float) -> None:
    """Let the service be ready for so many seconds."""
    place.service(ActiveEnterTimestampMonotonic=str(max(int((time.monotonic() - seconds) * 1e6), 1)))


def test_a_young_service_is_waited_for(place: UpdaterBox, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        tell(place, *ALL[: len(waits) + 1])

    monkeypatch.setattr(place.stop, "wait", wait)
    ready_for(place, 5)
    # Its first status comes while it is waited for.
    assert observing.required(place.box()) == Required(ALL, (LINK,))
    assert len(waits) == 2


def test_a_service_that_had_its_time_takes_one_look(place: UpdaterBox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place.stop, "wait", lambda seconds: pytest.fail("it waits"))
    ready_for(place, 2000)
    assert observing.required(place.box()) == Required()
    tell(place, *ALL[:2])
    assert observing.required(place.box()) == Required(ALL[:2], (LINK,))
    # What does not run has no age.
    place.service(ActiveState="inactive", ActiveEnterTimestampMonotonic=str(int(time.monotonic() * 1e6)))
    assert observing.required(place.box()).facets == ALL[:2]


def test_the_wait_for_a_young_service_is_ended_by_who_asks_to_stop(place: UpdaterBox) -> None:
    tell(place, *ALL[:2])
    ready_for(place, 300)
    box = place.box()
    place.stop.is_asked = True
    with pytest.raises(Stopped):
        observing.required(box)


def test_what_is_installed_by_hand_is_measured_by_what_worked_last(place: UpdaterBox, box: Box) -> None:
    tell(place, *ALL)
    run(box, now=False)
    assert upgrade_by_hand(place, box) == Required(ALL, (LINK,))


def test_what_is_red_for_a_while_is_not_required_meanwhile(place: UpdaterBox, box: Box) -> None:
    tell(place, *ALL[:2])
    noting.note_work(box)
    tell(place, *ALL, links=("another", LINK))
    noting.note_work(box)
    assert upgrade_by_hand(place, box) == Required(ALL, ("another", LINK))
    # And so it is while that is watched, which a person may cut short.
    tell(place)
    noting.note_work(box)
    assert upgrade_by_hand(place, box, "3") == Required(ALL, ("another", LINK))
    box.remember(probation=None)
    noting.note_work(box)
    assert upgrade_by_hand(place, box, "4") == Required((), (LINK,))


def test_a_service_that_tells_nothing_leaves_what_was_known(place: UpdaterBox, box: Box) -> None:
    noting.note_work(box)
    ready_for(place, 300)
    tell(place, *ALL[:2])
    noting.note_work(box)
    assert upgrade_by_hand(place, box) == Required(ALL, (LINK, "dead since August"))


def test_what_stays_the_same_is_not_written_again(place: UpdaterBox, box: Box) -> None:
    tell(place, *ALL, links=(LINK, "dead since August"))
    before = box.places.state.stat().st_ino
    noting.note_work(box)
    tell(place, *ALL, links=("dead since August", LINK))
    noting.note_work(box)
    assert box.places.state.stat().st_ino == before
    tell(place, *ALL)
    noting.note_work(box)
    assert box.places.state.stat().st_ino != before


def test_a_version_that_fails_by_and_by_is_measured_at_a_boot_by_what_it_did(place: UpdaterBox, box: Box) -> None:
    tell(place, *ALL[:2])
    noting.note_work(box)
    box.remember(boot_id="the one before")
    noting.note_installed(box)
    assert box.state.probation
    assert box.state.probation.cause is Cause.BOOT
    assert box.state.probation.required == Required(ALL)
