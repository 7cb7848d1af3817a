"""Restarts under watch: for a version that is to be seen to start once more, and for libraries that were renewed."""

from dataclasses import replace
from pathlib import Path

from . import libraries, nightly
from .box import Box
from .errors import ProgramFailed
from .events import RESTARTED
from .observing import configuration, required
from .places import PROGRAM
from .service import Service
from .state import Cause, Level, Libraries, Probation

_PROC = Path("/proc")


def note_loaded(box: Box) -> None:
    """Note what a run of the service has loaded, when it is first seen. Raises ProgramFailed."""
    service = box.systemd.service()
    found = box.state.libraries
    if service.active_state == "active" and (found is None or found.invocation_id != service.invocation_id):
        failed = found.failed if found else {}
        box.remember(libraries=Libraries(service.invocation_id, _on_disk(box), failed=failed))


def restart_if_due(box: Box) -> bool:
    """Restart the service if there is a reason and the time is right; it is on probation then. Raises ProgramFailed.

    What does not run is not started.
    """
    service = box.systemd.service()
    if box.state.probation or service.active_state != "active":
        return False
    changed = _renewed(box, service)
    waited = _waited(box, bool(changed))
    if changed and nightly.due(box.settings.window, box.local(), waited):
        _restart(box, Cause.LIBRARY, changed)
        return True
    proof = box.state.proof
    if proof and proof.level is Level.PASSED and nightly.is_open(box.settings.window, box.local()):
        _restart(box, Cause.RESTART, "")
        return True
    return False


def _restart(box: Box, cause: Cause, reason: str) -> None:
    installed = box.state.installed or ""
    must = required(box)
    digest = configuration(box.places.daemon_configuration)
    watched = Probation(
        version=installed,
        previous=box.state.good if cause is Cause.RESTART else None,
        cause=cause,
        boot_id=box.boot_id,
        at=box.wall(),
        required=must,
        invocation_id=box.systemd.service().invocation_id,
        configuration=digest,
        reason=reason,
    )
    found = box.state.libraries
    if found and cause is Cause.LIBRARY:
        box.remember(libraries=replace(found, versions=_on_disk(box), due_since=None))
    box.remember(probation=watched)
    why = f"{reason} took effect" if reason else f"to see that {installed} starts once more"
    box.note(RESTARTED, version=installed, reason=f"the service was restarted under watch: {why}")
    box.systemd.restart()


def _renewed(box: Box, service: Service) -> str:
    """Return what of the libraries is not on the disk as the service has loaded it; empty: all is."""
    found, trouble = box.state.libraries, box.state.trouble
    now = _on_disk(box)
    if (
        found
        and found.failed
        and trouble
        and trouble.kind == "library"
        and (mended := libraries.changes(found.failed, now))
    ):
        # It may have been started with these by systemd alone: only a restart under watch ends the trouble.
        return libraries.words(mended)
    if found is None or found.invocation_id != service.invocation_id:
        note_loaded(box)
        return ""
    if now == found.failed:
        # It was tried with these.
        return ""
    changed = libraries.changes(found.versions, now)
    if changed:
        return libraries.words(changed)
    deleted = libraries.deleted_files(_maps(service.main_pid))
    return f"a new {deleted[0]}" if deleted else ""


def _waited(box: Box, is_due: bool) -> float:
    """Return for how many seconds of this boot it has been due."""
    found = box.state.libraries
    if not is_due or found is None:
        if found and found.due_since is not None:
            box.remember(libraries=replace(found, due_since=None))
        return 0
    if found.due_since is None or found.boot_id != box.boot_id:
        box.remember(libraries=replace(found, due_since=box.now(), boot_id=box.boot_id))
        return 0
    return box.now() - found.due_since


def _on_disk(box: Box) -> dict[str, str]:
    try:
        listing = box.programs.text("dpkg-query", "--show", f"--showformat={libraries.FORMAT}")
    except ProgramFailed:
        return {}
    return libraries.closure(PROGRAM, libraries.parse(listing))


def _maps(pid: int) -> list[str]:
    try:
        return (_PROC / str(pid) / "maps").read_text(errors="replace").splitlines()
    except OSError:
        return []
