"""What follows when a version does what it must: passed, good, seen through a boot."""

from dataclasses import replace

from . import keeping
from .box import Box
from .events import NOTED, UPDATE_GOOD, UPDATE_PASSED
from .places import PROGRAM
from .renewing import note_loaded
from .state import Cause, Level, Probation, Proof, Required, Trouble


def note_passed(box: Box, watched: Probation, required: Required) -> None:
    """Note that the version on probation passed. Raises OSError and ProgramFailed."""
    match watched.cause:
        case Cause.UPDATE:
            _passed(box, watched, required)
        case Cause.BOOT | Cause.RESTART:
            _seen_once_more(box, watched, required)
        case Cause.BACK:
            _condemned_for_good(box, watched)
        case Cause.LIBRARY:
            box.note(NOTED, version=watched.version, reason="does what it must with the renewed libraries")
            box.remember(trouble=_trouble(box, "library"))
    box.remember(probation=None)
    note_loaded(box)
    keeping.prune(box)


def _passed(box: Box, watched: Probation, required: Required) -> None:
    proof = Proof(watched.version, Level.PASSED, box.boot_id, required)
    box.remember(proof=proof)
    before = watched.previous or "the one before"
    message = f"inviseobox {watched.version} does what {before} did; one more start is to be seen"
    box.tell(UPDATE_PASSED, message, version=watched.version, before=watched.previous or "")


def _seen_once_more(box: Box, watched: Probation, required: Required) -> None:
    state = box.state
    level = Level.BOOTED if watched.cause is Cause.BOOT else Level.GOOD
    is_new = state.proof is None or state.proof.level is Level.PASSED
    # The one before stays until the whole machine was seen to start with this one.
    kept = None if level is Level.BOOTED else (state.good if is_new else state.kept)
    box.store.set_good(PROGRAM, watched.version)
    proof = Proof(watched.version, level, box.boot_id, required)
    box.remember(proof=proof, good=watched.version, kept=kept, trouble=_trouble(box, *_over(box)))
    if is_new:
        how = "a start of the machine" if watched.cause is Cause.BOOT else "a restart"
        message = f"inviseobox {watched.version} is good: it was also seen through {how}"
        box.tell(UPDATE_GOOD, message, version=watched.version, before=state.good or "")
    else:
        box.note(NOTED, version=watched.version, reason="was seen through a start of the machine")


def _over(box: Box) -> tuple[str, ...]:
    """Return the kinds of trouble that a good version ends: also that a bad one could not be taken back."""
    trouble = box.state.trouble
    stayed = trouble is not None and trouble.kind == "updater" and trouble.version in box.state.bad
    return ("taken back", "refused", "updater") if stayed else ("taken back", "refused")


def _trouble(box: Box, *ended: str) -> Trouble | None:
    """Return what is still wrong, when troubles of these kinds are over."""
    trouble = box.state.trouble
    return None if trouble and trouble.kind in ended else trouble


def _condemned_for_good(box: Box, watched: Probation) -> None:
    """Note that the older version does what the newer one did not: so it was the newer one's fault."""
    found = box.state.bad.get(watched.condemned)
    if found:
        box.remember(bad={**box.state.bad, watched.condemned: replace(found, is_unclear=False)})
    message = f"inviseobox {watched.version} does again what {watched.condemned} did not"
    box.note(NOTED, version=watched.version, before=watched.condemned, reason=message)
