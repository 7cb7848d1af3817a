"""Taking a bad version back: it is kept away from apt first, then the older .deb is installed and watched."""

from dataclasses import replace

from . import disk, nightly, pins
from .box import Box
from .errors import InstallationFailed, NotKept
from .events import LIBRARY_BREAKS, NOTED, UPDATE_BACK
from .installing import install_or_repair
from .keeping import previous_file
from .places import PROGRAM, UPDATER
from .reporting import queue_report
from .state import BadVersion, Cause, Level, Pending, Probation, Proof, Required, Trouble

MOST_TRIES = 2
"""How often a version is tried whose fault is not clear."""
_NOTHING = Required()


def condemn(box: Box, watched: Probation, reason: str, missing: Required = _NOTHING) -> None:
    """Go back from the version on probation: the older one is on probation when this returns, if it could be.

    `missing` is what the older one must be seen to do, for this to be the fault of the newer one.

    Raises:
        NotNow: somebody else is installing; the next run goes back.
    """
    if watched.cause is Cause.LIBRARY:
        _blame_libraries(box, watched, reason)
        return
    # Whatever ends this run until the way back is noted finds what was begun as it was.
    ran = box.systemd.service().invocation_id
    _refuse(box, watched.version, reason)
    if watched.previous is None:
        _stay(box, watched.version, reason, "no earlier version is known that can read its database")
        return
    older = Probation(
        version=watched.previous,
        previous=None,
        cause=Cause.BACK,
        boot_id=box.boot_id,
        at=box.wall(),
        required=missing,
        invocation_id=ran,
        condemned=watched.version,
        reason=reason,
    )
    go_back(box, older)


def go_back(box: Box, older: Probation) -> None:
    """Install the older version of this probation, whose condemned one is refused already. Raises NotNow."""
    bad, reason = older.condemned, older.reason
    box.remember(
        probation=older,
        pending=Pending(box.wall(), box.boot_id, {PROGRAM: bad}, {PROGRAM: older.version}),
        trouble=Trouble("taken back", bad, reason),
    )
    service = box.systemd.service()
    try:
        install_or_repair(box, [previous_file(box, older.version)])
    except (NotKept, InstallationFailed) as error:
        _stay(box, bad, reason, str(error))
        return
    note_back(box, older)
    is_left_out = box.was_booted and service.was_left_out
    if service.is_up or service.has_failed or service.was_skipped or is_left_out:
        box.systemd.restart()


def note_back(box: Box, older: Probation) -> None:
    """Note and tell that the older version is installed again, and how far it had come."""
    state, version = box.state, older.version
    level, good, kept = Level.PASSED, state.good, state.kept
    if version == good:
        level = Level.GOOD if kept else Level.BOOTED
    elif older.condemned == good:
        # What was good until the machine was started again.
        box.store.set_good(PROGRAM, version)
        level, good, kept = Level.BOOTED, version, None
    proof = Proof(version, level, box.boot_id, older.required)
    box.remember(installed=version, pending=None, proof=proof, good=good, kept=kept)
    message = f"inviseobox {older.condemned} was taken back: {older.reason}; {version} is installed again"
    box.tell(UPDATE_BACK, message, version=older.condemned, before=version, reason=older.reason)
    queue_report(box, older.condemned, version, older.reason)


def end_watch_of_older(box: Box, watched: Probation, reason: str) -> None:
    """Note that the older version does no better: so whose fault it is is not clear."""
    found = box.state.bad.get(watched.condemned)
    if found and found.tries < MOST_TRIES:
        box.remember(bad={**box.state.bad, watched.condemned: replace(found, is_unclear=True)})
    box.remember(probation=None)
    message = (
        f"inviseobox {watched.version} does no better than {watched.condemned}, which was taken back: {reason};"
        " it may be the fault of neither"
    )
    box.tell(NOTED, message, version=watched.version, before=watched.condemned, reason=reason)


def refused_versions(box: Box) -> dict[str, list[str]]:
    """Return the versions that are not to be taken now, by package: one whose fault is not clear is tried once more."""
    now = box.wall()
    # A clock that was set back is no reason to wait for longer.
    bad = [version for version, why in box.state.bad.items() if not why.is_unclear or 0 <= now - why.at < nightly.DAY]
    return {PROGRAM: bad, UPDATER: list(box.state.bad_updater)}


def write_pins(box: Box) -> None:
    """Tell apt which versions not to take. Raises OSError."""
    text = pins.text(refused_versions(box))
    path = box.places.pins
    if text:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            disk.write(path, text, 0o644)
    elif path.exists():
        disk.remove(path)


def _refuse(box: Box, version: str, reason: str) -> None:
    found = box.state.bad.get(version)
    tries = found.tries + 1 if found else 1
    box.remember(bad={**box.state.bad, version: BadVersion(reason, box.wall(), tries)})
    write_pins(box)


def _stay(box: Box, version: str, reason: str, why: str) -> None:
    """Say that a bad version cannot be taken back."""
    message = f"inviseobox {version} is bad ({reason}) and stays, for it cannot be taken back: {why}"
    box.remember(probation=None, pending=None, trouble=Trouble("updater", version, message))
    box.tell(UPDATE_BACK, message, version=version, reason=reason)


def _blame_libraries(box: Box, watched: Probation, reason: str) -> None:
    """Name what the version stands on: it is the same as before, so that nothing of ours would help."""
    found = box.state.libraries
    message = f"{watched.reason or 'renewed libraries'}: with this, inviseobox {watched.version} {reason}"
    box.remember(
        probation=None,
        trouble=Trouble("library", watched.version, message),
        libraries=replace(found, failed=found.versions) if found else None,
    )
    box.tell(LIBRARY_BREAKS, message, version=watched.version, reason=message)
