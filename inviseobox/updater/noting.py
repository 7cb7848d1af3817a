"""What is there at the start of a run, whoever brought it there."""

import contextlib
from dataclasses import replace

from . import green, observing
from .box import Box
from .dpkg import Installed
from .errors import InstallationFailed, NotKept
from .events import NOTED
from .going_back import go_back, note_back
from .installing import repair
from .keeping import cannot_read, keep_installed, leads_back, note_reader
from .places import OURS, PROGRAM, UPDATER
from .state import Cause, Level, Probation, Proof, Required, State, Trouble

_CUT_OFF = Trouble("updater", "", "a change of packages was cut off and could not be repaired; see: dpkg --audit")


def mend(box: Box) -> None:
    """End a change that was cut off; packages of others that stay broken keep ours from nothing.

    Raises:
        InstallationFailed: ours stay as they are.
        NotNow: somebody else is changing packages.
    """
    if (box.store.is_changing() or not _are_whole(box)) and not repair(box):
        box.remember(trouble=_CUT_OFF)
        if not _are_whole(box):
            raise InstallationFailed(_CUT_OFF.reason)
    elif box.state.trouble == _CUT_OFF:
        box.remember(trouble=None)


def _are_whole(box: Box) -> bool:
    return all(one.is_whole for one in box.dpkg.installed(*OURS).values())


def note_installed(box: Box) -> Installed | None:
    """Take note of which version is installed and have its .deb; return None if the daemon is not installed.

    Raises ProgramFailed and OSError.
    """
    box.was_booted = box.state.boot_id != box.boot_id
    found = box.dpkg.installed(PROGRAM, UPDATER)
    program = found.get(PROGRAM)
    if program is None:
        box.remember(installed=None, probation=None, pending=None)
        return None
    with contextlib.suppress(NotKept):
        # Said where it matters: when a newer version is to be taken.
        keep_installed(box)
    note_reader(box, program)
    _note_program(box, program.version)
    if UPDATER in found and box.state.updater is None:
        box.store.set_good(UPDATER, found[UPDATER].version)
        box.remember(updater=found[UPDATER].version)
    if box.state.boot_id != box.boot_id:
        _note_boot(box)
    return program


def _note_program(box: Box, version: str) -> None:
    state = box.state
    if state.pending is not None:
        _note_pending(box, version)
    elif state.installed is None or (state.good is None and state.probation is None):
        # What was never watched but ran until here is what there is to go back to.
        box.store.set_good(PROGRAM, version)
        box.remember(installed=version, good=version, kept=None, proof=Proof(version, Level.BOOTED, box.boot_id))
        box.note(NOTED, version=version, reason="found at the first run")
    elif version != state.installed:
        _note_by_hand(box, version)


def _note_pending(box: Box, version: str) -> None:
    """Go on after a change in which the updater itself was cut off."""
    pending, watched = box.state.pending, box.state.probation
    is_done = pending is not None and version == pending.after.get(PROGRAM)
    if watched and watched.cause is Cause.BACK:
        if is_done:
            note_back(box, watched)
        else:
            go_back(box, watched)
    elif is_done:
        box.remember(installed=version, pending=None, proof=Proof(version, Level.NEW, box.boot_id))
    else:
        box.remember(installed=version, pending=None, probation=None)
    if is_done and watched:
        _start_again(box, watched)


def _start_again(box: Box, watched: Probation) -> None:
    """Start the service anew if the process of the version before still runs, or tries to."""
    box.systemd.reload()
    service = box.systemd.service()
    if (service.is_up or service.has_failed) and service.invocation_id == watched.invocation_id:
        box.systemd.restart()


def _note_by_hand(box: Box, version: str) -> None:
    """Somebody else changed the version: it is watched as one that the updater took."""
    state = box.state
    box.tell(
        NOTED,
        f"inviseobox {version} was installed by hand in place of {state.installed}",
        version=version,
        before=state.installed or "",
    )
    bad = {one: why for one, why in state.bad.items() if one != version}
    if version == state.good:
        box.remember(installed=version, bad=bad, probation=None, proof=Proof(version, Level.GOOD, box.boot_id))
        return
    previous = next((one for one in _ways_back(state) if leads_back(box, one)), None)
    if state.good and cannot_read(box, state.good):
        # What repairs packages at a boot takes what is good, without knowing of databases.
        box.store.set_good(PROGRAM, previous or version)
    required = _worked(state)
    ran = state.libraries.invocation_id if state.libraries else ""
    watched = Probation(version, previous, Cause.UPDATE, box.boot_id, box.wall(), required, invocation_id=ran)
    proof = Proof(version, Level.NEW, box.boot_id)
    box.remember(installed=version, bad=bad, probation=watched, proof=proof)


def _worked(state: State) -> Required:
    """Return what worked last: in the midst of a watch that is what it waits for. Pure."""
    if state.probation:
        return state.probation.required
    if state.proof is None:
        return Required()
    return state.proof.required if state.proof.at_work is None else state.proof.at_work


def _ways_back(state: State) -> tuple[str | None, ...]:
    """Return the versions to go back to from one that was installed by hand, the best one first. Pure."""
    has_passed = state.proof is not None and state.proof.level is not Level.NEW
    return state.good, state.installed if has_passed else None


def note_work(box: Box) -> None:
    """Note what the service does at present: the measure of what somebody installs before the next run.

    As with a version that the updater takes, what does not work at this moment is not asked for. A service that tells
    nothing of itself, or had no time yet for all that it does, leaves what was known. A start of the machine is
    measured by what it did when it passed all the same: it may be this version that fails by and by.

    Raises ProgramFailed and OSError.
    """
    proof = box.state.proof
    if proof is None or box.state.probation:
        return
    service = box.systemd.service()
    age = green.OLD if service.ready_for is None else service.ready_for
    status = observing.status(box, service)
    if status is None or (age < green.longest_pause(status) and green.is_open(status, age=age)):
        return
    at_work = green.required(status)
    if not green.is_same(at_work, _worked(box.state)):
        box.remember(proof=replace(proof, at_work=at_work))


def _note_boot(box: Box) -> None:
    """Begin to watch a version that this machine was never started with before."""
    state = box.state
    if state.probation:
        # Cables are moved while a machine is off.
        required = green.required_at_boot(state.probation.required)
        watched = replace(state.probation, boot_id=box.boot_id, required=required, waits_for="")
        box.remember(boot_id=box.boot_id, probation=watched)
    elif state.boot_id and state.proof and state.proof.level in (Level.PASSED, Level.GOOD):
        previous = state.good if state.proof.level is Level.PASSED else state.kept
        required = green.required_at_boot(state.proof.required)
        ran = state.libraries.invocation_id if state.libraries else ""
        version = state.proof.version
        watched = Probation(version, previous, Cause.BOOT, box.boot_id, box.wall(), required, invocation_id=ran)
        box.remember(boot_id=box.boot_id, probation=watched)
    else:
        box.remember(boot_id=box.boot_id)
