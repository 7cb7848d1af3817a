"""Watching a version until it can be judged, and what follows from that."""

from dataclasses import replace

from . import noting, probation
from .box import Box
from .errors import NotStarted
from .events import UPDATE_WAITS
from .going_back import condemn, end_watch_of_older
from .observing import ask_server, observe
from .passing import note_passed
from .places import PROGRAM
from .probation import Bad, Good, Judgement, Undecided, Waiting
from .seen import Seen
from .service import Service
from .showing import publish
from .state import Cause, Probation

LOOK_EVERY = 2.0
_ASK_EVERY = 30.0
"""Seconds between two questions to the server: each of them may take ten, in which nothing else is seen."""

_RESTART_WITHIN = 30.0
"""Seconds that a restart takes at most: TimeoutStopSec= of the unit, and as much again."""
_NEVER = float("-inf")


def watch(box: Box) -> None:
    """Watch the version that is on probation, if there is one and it runs, and do what the judgement says.

    Raises:
        Stopped: in the midst of it; a later run begins to watch anew.
        NotNow: it is bad, and somebody else is installing; the next run goes back.
    """
    watched = box.state.probation
    if watched is None:
        return
    fault = _start_what_was_left_out(box, watched)
    if not fault and not can_be_watched(box.systemd.service(), watched):
        return
    match Bad(fault) if fault else _judge(box, watched):
        case None:
            noting.note_installed(box)
            publish(box)
            watch(box)
        case Good(required):
            note_passed(box, watched, required)
        case Bad(reason) if watched.cause is Cause.BACK:
            end_watch_of_older(box, watched, reason)
        case Bad(reason, missing):
            condemn(box, watched, reason, missing)
            publish(box)
            watch(box)
        case Waiting(cause):
            _note_waiting(box, watched, cause)


def _start_what_was_left_out(box: Box, watched: Probation) -> str:
    """Start a version with which the machine was started without its service; return why systemd does not."""
    if not (box.was_booted and watched.invocation_id and box.systemd.service().was_left_out):
        return ""
    try:
        box.systemd.restart()
    except NotStarted as error:
        return str(error)
    return ""


def can_be_watched(service: Service, watched: Probation) -> bool:
    """Return whether there is anything to see.

    What was stopped, disabled, masked or not configured stays so, and is watched once somebody starts it. One that
    systemd gave up or does not start is judged only if it ran under the version before. Pure.
    """
    if service.is_masked and service.invocation_id == watched.invocation_id:
        return False
    if service.is_up or service.is_changing:
        return True
    return (service.has_failed or service.was_skipped) and bool(watched.invocation_id)


def _judge(box: Box, watched: Probation) -> Judgement | None:
    """Watch until there is a judgement; None: somebody installed another version, which then is the one to watch."""
    seen = Seen(watched, box.now())
    known, told, asked_at, restarted_at = None, watched.version, _NEVER, _NEVER
    while True:
        server = None
        if "delivery" in watched.required.facets and box.now() - asked_at > _ASK_EVERY:
            server, asked_at = ask_server(box), box.now()
        observation = observe(box, known, server)
        known = observation.status
        seen.note(observation)
        judgement = probation.judge(watched, seen, box.now())
        is_decided = not isinstance(judgement, Undecided)
        if (is_decided or (known and known.version != told)) and _is_replaced(box, watched):
            return None
        if not isinstance(judgement, Undecided):
            return judgement
        told = known.version if known else told
        if judgement.needs_restart and box.now() - restarted_at > _RESTART_WITHIN:
            try:
                box.systemd.restart()
            except NotStarted as error:
                return Bad(str(error))
            restarted_at = box.now()
        box.stop.wait(LOOK_EVERY)


def _is_replaced(box: Box, watched: Probation) -> bool:
    found = box.dpkg.installed(PROGRAM).get(PROGRAM)
    return found is None or found.version != watched.version


def _note_waiting(box: Box, watched: Probation, cause: str) -> None:
    if watched.waits_for != cause:
        message = f"inviseobox {watched.version} is not judged yet: {cause}"
        box.tell(UPDATE_WAITS, message, version=watched.version, before=watched.previous or "", reason=cause)
    box.remember(probation=replace(watched, waits_for=cause))
