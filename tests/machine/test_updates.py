"""A whole machine takes bad versions back: one that leaks to its limit, and one of which the power is cut."""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from inviseobox.simulator.meters import bus_meters
from inviseobox.simulator.verdict import Loss
from tests.support.root_shell import UNIT
from tests.support.waiting import wait_for

from .figures import measured
from .image import Image
from .security_archive import SecurityArchive
from .service import INTERVAL, WINDOWS_WITHIN, set_up, switch_on
from .sites import MachineSite, machine_site
from .updates import ASKED_EVERY, REPAIR, Updates, updates_for
from .whole_machine import WholeMachine

_BACK_WITHIN = 300.0
# Faster than the updater looks: it is the kernel that ends the process.
_LEAKS = """
import threading, time
_held = []
def _leak():
    while True:
        _held.append(os.urandom(2**20) * 32)
        time.sleep(0.1)
def _ready(self):
    self._notifier.notify("READY=1")
    threading.Timer(20, _leak).start()
ServiceManager.ready = _ready
"""
_CRASHES = "raise SystemExit('this version is broken')\n"
_READINGS_OF = 13.0
_DOWN_FOR = 30.0
_SEED = int(os.environ.get("INVISEOBOX_SEED", "15"))
_PARTS = (1, 2)
_CUTS_IN_DPKG, _OTHER_CUTS = 3, 2
_LOOK_LASTS = 15.0
_BETWEEN_CUTS = 4.0
_SOON = 600.0


@contextmanager
def _updated(image: Image, program: Path, folder: Path) -> Iterator[tuple[WholeMachine, MachineSite, Updates]]:
    """Yield a machine that has delivered, and whose updater knows what to go back to."""
    with machine_site(bus_meters()) as site, WholeMachine(image) as box, updates_for(box, program, folder) as updates:
        set_up(box, site)
        site.wait_for_windows(2, WINDOWS_WITHIN)
        assert updates.look() == 0, updates.said()
        yield box, site, updates


def test_a_version_that_leaks_is_taken_back_within_5_minutes_and_the_next_one_is_taken(
    image: Image, program: Path, tmp_path: Path
) -> None:
    with _updated(image, program, tmp_path / "u") as (box, site, updates):
        before = updates.installed()
        updates.publish("9.1", _LEAKS)
        assert updates.look() == 1, updates.said()
        assert updates.installed() == before
        assert "memory" in updates.told()["bad"]["9.1"]
        killed = [int(line["__REALTIME_TIMESTAMP"]) / 1e6 for line in box.journal(UNIT, UNIT_RESULT="oom-kill")]
        taken, back = (updates.history(event)["9.1"] for event in ("taken", "taken back"))
        assert taken < killed[0]
        assert back - killed[0] < _BACK_WITHIN
        measured(f"a version that leaks: taken back {back - killed[0]:.0f} s after the kernel had ended it")

        updates.publish("9.2")
        assert updates.look() == 0, updates.said()
        assert updates.installed() == "9.2 ii "
        assert updates.told()["trouble"] is None
        site.wait_for_windows(2, WINDOWS_WITHIN, after=time.time())
        restarts = [at for event in ("taken", "taken back", "restarted") for at in updates.history(event).values()]
        site.wait_until_all_is_right(
            INTERVAL, tuple(Loss(at - _READINGS_OF, at + _DOWN_FOR) for at in (*killed, *restarts))
        )


@pytest.mark.timeout(5400)
@pytest.mark.parametrize("part", _PARTS)
def test_after_power_cuts_while_a_version_is_taken_and_taken_back_all_is_whole_and_security_fixes_come(
    image: Image, program: Path, tmp_path: Path, part: int
) -> None:
    print(f"INVISEOBOX_SEED={_SEED}")
    archive = SecurityArchive(tmp_path)
    with _updated(image, program, tmp_path / "u") as (box, site, updates), archive.offered_to(box):
        before = updates.installed()
        updates.publish("9.1", _CRASHES)
        disks = _cut(box, updates, random.Random(f"{_SEED} {part}"))  # noqa: S311
        assert updates.installed() == before
        ran: Counter[str] = Counter()
        for disk in disks:
            box.cut(disk)
            switch_on(box, site)
            ran[_assert_mended(box, updates)] += 1
            archive.assert_fix_comes(box)
            if updates.installed() != before:
                # That such a look ends well has been seen; that it is cut while it watches is one more moment.
                updates.begin_to_look()
                wait_for(lambda: updates.installed() == before, _SOON, "the version before is back", every=ASKED_EVERY)
            site.wait_for_windows(1, WINDOWS_WITHIN, after=time.time())
        measured(f"power cuts in an update: {len(disks)}, after which was installed: {dict(ran)}")


def _cut(box: WholeMachine, updates: Updates, dice: random.Random) -> list[Path]:
    """Let a bad version come and go; return the disk of random moments of that: of the look, of dpkg, and between."""
    disks: list[tuple[bool, Path]] = []

    def note() -> None:
        disks.append((updates.is_changing(), box.keep_disk()))

    # What the test itself has written is not to be lost with what the updater does.
    box.run("sync")
    updates.begin_to_look()
    time.sleep(dice.uniform(0, _LOOK_LASTS))
    note()
    wait_for(updates.is_changing, _SOON, "dpkg has begun")
    while updates.is_looking():
        note()
        time.sleep(dice.uniform(0, _BETWEEN_CUTS if updates.is_changing() else 8 * _BETWEEN_CUTS))
    assert updates.end_of_look() == 1, updates.said()
    chosen: list[Path] = []
    for in_dpkg, count in ((True, _CUTS_IN_DPKG), (False, _OTHER_CUTS)):
        moments = [disk for is_changing, disk in disks if is_changing is in_dpkg]
        assert len(moments) >= count, f"{len(moments)} moments, of dpkg: {in_dpkg}"
        chosen += dice.sample(moments, count)
    return chosen


def _assert_mended(box: WholeMachine, updates: Updates) -> str:
    """See that a machine that was switched on has whole packages; return the version of the program."""
    ended = ("inactive", "failed")
    wait_for(lambda: box.show(REPAIR, "ActiveState")["ActiveState"] in ended, _SOON, "all is mended", every=ASKED_EVERY)
    said = box.run("journalctl", "--boot", "--no-hostname", f"--unit={REPAIR}").stdout
    assert box.run("dpkg", "--audit", check=False).stdout == "", said
    assert box.run("dpkg", "--verify", "inviseobox", "inviseobox-updater", check=False).stdout == "", said
    assert not updates.is_changing(), said
    version, state = updates.installed().split()
    assert state == "ii", said
    return version
