"""The updater's own new version: the last act of a run, tried at once, taken back by the old one that still runs."""

import contextlib
from pathlib import Path

from . import disk, own_units
from .box import Box
from .errors import InstallationFailed, NotKept, ProgramFailed
from .events import NOTED, UPDATER_BACK
from .going_back import write_pins
from .installing import install, install_or_repair
from .keeping import keep
from .places import UPDATER
from .state import BadVersion, Trouble
from .taking import fetch, refuse

_TEST_WITHIN = 60.0


def prove(box: Box) -> None:
    """Note that this version of the updater ended a run properly: it is the one to go back to. Raises OSError."""
    if box.version:
        trouble = box.state.trouble
        if trouble and trouble.version in box.state.bad_updater and box.dpkg.compare(box.version, trouble.version) > 0:
            box.remember(trouble=None)
        box.store.set_good(UPDATER, box.version)
        disk.write(box.places.proven, box.version + "\n")
        if box.state.updater != box.version:
            box.remember(updater=box.version)


def take_itself(box: Box, offered: dict[str, str]) -> None:
    """Replace the updater by the version that is offered, if there is one. Raises NotNow and OSError."""
    version = offered.get(UPDATER)
    if version is None or not box.version or version in box.state.bad_updater:
        return
    before = box.version
    try:
        old = keep(box, UPDATER, before)
        fetched = fetch(box, UPDATER, version)
    except NotKept as error:
        refuse(box, version, str(error), UPDATER)
        return
    box.stop.check()
    units = own_units.look(box.programs)
    fault = ""
    try:
        install(box, fetched.files, fetched.new())
    except InstallationFailed as error:
        fault = str(error)
    # By the next run it would be the new version itself that tests and takes back.
    with box.stop.put_off():
        fault = fault or _fault(box) or own_units.fault(units, own_units.look(box.programs))
        _end_change(box, version, fault, old, units)


def _end_change(box: Box, version: str, fault: str, old: Path, units: own_units.Units) -> None:
    """Note that a new version of the updater works, or put the `old` package back."""
    before = box.version
    if not fault:
        box.note(NOTED, package=UPDATER, version=version, before=before, reason="taken")
        return
    box.remember(bad_updater={**box.state.bad_updater, version: BadVersion(fault, box.wall())})
    write_pins(box)
    with contextlib.suppress(InstallationFailed):
        # If not even this works, the rescue that the daemon's package brings tries it again.
        install_or_repair(box, [old])
        own_units.restore(box.programs, units)
    message = f"inviseobox-updater {version} was taken back: {fault}; {before} is installed again"
    box.remember(trouble=Trouble("updater", version, message))
    box.tell(UPDATER_BACK, message, version=version, before=before, reason=fault, package=UPDATER)


def _fault(box: Box) -> str:
    """Return what is wrong with the updater that is installed, in one line; empty if nothing is."""
    try:
        ended = box.programs.run(box.places.program, "self-test", within=_TEST_WITHIN)
    except ProgramFailed as error:
        return str(error)
    if ended.status == 0:
        return ""
    told = ended.errors.strip().splitlines() or ended.output.strip().splitlines() or [f"status {ended.status}"]
    return f"it fails its own test: {told[-1]}"
