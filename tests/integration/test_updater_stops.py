"""Somebody asks the updater to stop while dpkg is at work: what is begun is noted and brought to its end."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from inviseobox.updater import installing, itself, journal, noting, taking
from inviseobox.updater.errors import Stopped
from inviseobox.updater.places import PROGRAM, UPDATER
from inviseobox.updater.taking import Taken
from tests.support.updater_boxes import UpdaterBox, Version
from tests.support.waiting import wait_for

_ASKS = """#!/bin/sh
[ "$1" = configure ] || exit 0
touch {begun}
until [ -e {asked} ]; do sleep 0.1; done
{then}
exit {status}
"""
"""A maintainer script that waits until somebody has asked to stop."""
_SLOW = "#!/bin/sh\nsleep 0.8\n"
"""A program that takes longer than the updater waits for one before it looks whether it is to stop."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UpdaterBox:
    monkeypatch.setattr(journal, "send", lambda fields: False)
    made = UpdaterBox(tmp_path)
    made.install(Version("1"))
    noting.note_installed(made.box())
    # On a slow machine.
    made.then.write_text(_SLOW)
    made.then.chmod(0o755)
    return made


def asking(place: UpdaterBox, status: int = 0, then: str = "") -> dict[str, str]:
    """Return the script of a version while which is installed somebody asks to stop, and which ends with `status`."""
    begun, asked = place.directory / "begun", place.directory / "asked"
    return {"postinst": _ASKS.format(begun=begun, asked=asked, then=then, status=status)}


@contextmanager
def asked_in_the_midst(place: UpdaterBox) -> Iterator[None]:
    """Ask to stop once such a version is being installed."""

    def ask() -> None:
        wait_for((place.directory / "begun").exists, 60, "dpkg is at work")
        place.stop.is_asked = True
        (place.directory / "asked").touch()

    asks = Thread(target=ask)
    asks.start()
    try:
        yield
    finally:
        asks.join()


def installed(place: UpdaterBox, name: str = PROGRAM) -> str:
    return place.root.dpkg.installed(name)[name].version


def test_a_version_that_was_installed_when_the_updater_was_stopped_is_on_probation(place: UpdaterBox) -> None:
    place.offer(Version("2", scripts=asking(place)))
    box = place.box()
    with asked_in_the_midst(place):
        taking.take(box, "2", Taken())
    assert f"restart --no-block {PROGRAM}.service" in place.asked.read_text()
    with pytest.raises(Stopped):
        box.stop.check()
    place.stop.is_asked = False
    again = place.box()
    noting.note_installed(again)
    assert again.state.probation
    assert (again.state.probation.version, again.state.probation.previous) == ("2", "1")
    assert "by hand" not in again.places.history.read_text()


def test_a_stop_before_dpkg_leaves_everything_as_it_was(place: UpdaterBox) -> None:
    place.offer(Version("2"))
    box = place.box()
    place.stop.is_asked = True
    with pytest.raises(Stopped):
        taking.take(box, "2", Taken())
    assert (box.state.probation, box.state.pending) == (None, None)
    assert installed(place) == "1"


def test_a_stop_before_the_way_back_is_noted_leaves_what_was_begun(place: UpdaterBox) -> None:
    place.offer(Version("2", scripts=asking(place, status=3)))
    box = place.box()
    with asked_in_the_midst(place), pytest.raises(Stopped):
        taking.take(box, "2", Taken())
    place.stop.is_asked = False
    # As the repair at the next run or boot does.
    place.install(Version("1"))
    again = place.box()
    noting.note_installed(again)
    assert again.state.installed == "1"
    assert (again.state.probation, again.state.pending) == (None, None)


@pytest.mark.parametrize("status", [0, 3])
def test_a_new_updater_is_tested_before_the_old_one_stops(place: UpdaterBox, status: int) -> None:
    place.install(Version("1", name=UPDATER))
    scripts = asking(place, then='chmod +x "$DPKG_ROOT/usr/sbin/inviseobox-updater"')
    files = {"usr/sbin/inviseobox-updater": f"{_SLOW}exit {status}\n"}
    place.offer(Version("2", name=UPDATER, files=files, scripts=scripts))
    box = place.box()
    with asked_in_the_midst(place):
        itself.take_itself(box, {UPDATER: "2"})
    assert installed(place, UPDATER) == ("1" if status else "2")
    assert list(box.state.bad_updater) == (["2"] if status else [])


def test_what_repairs_packages_is_asked_to_end(place: UpdaterBox) -> None:
    begun, ended = place.directory / "begun", place.directory / "ended"
    (place.directory / "asked").touch()
    place.places.repair.parent.mkdir(parents=True)
    waiting = 'while [ -z "$stopping" ]; do sleep 0.1; done'
    script = f"trap stopping=yes TERM\ntouch {begun}\n{waiting}\ntouch {ended}\nexit 1\n"
    place.places.repair.write_text(f"#!/bin/sh\n{script}")
    place.places.repair.chmod(0o755)
    with asked_in_the_midst(place), pytest.raises(Stopped):
        installing.repair(place.box())
    assert ended.exists()
