"""One run of the updater, from what an earlier one left to its own new version."""

import contextlib

from . import disk, itself, keeping, noting, suites, taking, watching
from .box import Box
from .errors import CannotLook, InstallationFailed, NotKept, NotNow, ProgramFailed, SourcesError, Stopped
from .going_back import write_pins
from .nightly import is_open
from .renewing import note_loaded, restart_if_due
from .reporting import send_reports
from .room import NoRoom
from .room import check as check_room
from .showing import publish
from .state import Trouble
from .taking import Taken

_EARLY = 0.9
"""Of the period: the timer is not on the second, and a look must not be left out for that."""


def run(box: Box, *, now: bool) -> bool:
    """Do what is due; return whether a version was taken back. `now`: look for versions, however recent the last look.

    Raises:
        NotNow: it could not look; all else was done.
        UpdaterError, OSError: it could not go on.
    """
    try:
        noting.mend(box)
        if noting.note_installed(box) is None:
            print("inviseobox is not installed: there is nothing to look after")
            return False
        write_pins(box)
        publish(box)
        tries = _tries(box)
        _go_on_watching(box)
        noting.note_work(box)
        cannot_look, taken, offered = None, Taken(), {}
        if now or _is_time_to_look(box):
            try:
                offered = _look(box)
                _take(box, offered, taken)
            except Stopped:
                raise
            except NotNow as error:
                cannot_look = error
            _note_look(box, cannot_look)
            publish(box)
            watching.watch(box)
        if restart_if_due(box):
            publish(box)
            watching.watch(box)
        _end(box, offered, taken)
    finally:
        publish(box)
    if cannot_look:
        raise cannot_look
    return _tries(box) > tries


def _tries(box: Box) -> int:
    """Return how often versions were taken back until here."""
    return sum(bad.tries for bad in box.state.bad.values())


def _go_on_watching(box: Box) -> None:
    """Go on with what an earlier run began to watch; what waits for the server waits until after the look."""
    watched = box.state.probation
    if watched and not watched.waits_for:
        watching.watch(box)


def _is_time_to_look(box: Box) -> bool:
    state = box.state
    if state.looked_at is None:
        return True
    # A clock that was set back is no reason never to look again.
    return not 0 <= box.wall() - state.looked_at < box.settings.period * _EARLY


def _look(box: Box) -> dict[str, str]:
    """Return what the repository offers, by package. Raises NotNow."""
    check_room(box.places)
    _set_suite(box)
    box.apt.update()
    try:
        return box.apt.offered()
    except ProgramFailed as error:
        raise NotNow(f"apt cannot tell what to upgrade: {error}") from None


def _take(box: Box, offered: dict[str, str], taken: Taken) -> None:
    # Whatever is still refused is found to be so again.
    box.remember(trouble=_trouble_without(box, "refused"))
    taking.take_companions(box, offered, taken)
    if box.settings.updates_in_window and not is_open(box.settings.window, box.local()):
        return
    try:
        version = taking.candidate(box, offered)
    except (NotKept, ProgramFailed) as error:
        taking.refuse(box, offered.get("inviseobox", ""), str(error))
        return
    if version:
        taking.take(box, version, taken)


def _note_look(box: Box, error: NotNow | None) -> None:
    """Note whether it could look; what is wrong with that is over with the next look that succeeds."""
    trouble = _trouble_without(box, "no room", "repository")
    if isinstance(error, NoRoom | CannotLook) and trouble is None:
        trouble = Trouble("no room" if isinstance(error, NoRoom) else "repository", "", str(error))
    box.remember(looked_at=box.wall(), looked=str(error) if error else "ok", trouble=trouble)


def _trouble_without(box: Box, *kinds: str) -> Trouble | None:
    trouble = box.state.trouble
    return None if trouble and trouble.kind in kinds else trouble


def _set_suite(box: Box) -> None:
    """Write the suite of our configuration into the source that apt reads."""
    if not box.settings.suite:
        return
    with contextlib.suppress(SourcesError, FileNotFoundError):
        text = box.places.source.read_text(encoding="utf-8")
        changed = suites.with_suite(text, box.settings.suite)
        if changed != text:
            disk.write(box.places.source, changed, 0o644)


def _end(box: Box, offered: dict[str, str], taken: Taken) -> None:
    """Do what comes last: the updater itself after everything else, for it is replaced under its own feet."""
    note_loaded(box)
    send_reports(box)
    keeping.prune(box)
    itself.prove(box)
    publish(box)
    if not taken.packages:
        with contextlib.suppress(InstallationFailed):
            itself.take_itself(box, offered)
