"""Looking at the service: everything that a judgement is made of."""

import hashlib
import pwd
from pathlib import Path

from . import daemon_status, green, server_probe
from .box import Box
from .observation import NotReached, Observation, Reached, Status
from .seen import STATUS_PATIENCE
from .service import Service, memory_of
from .state import Required

_USER = "inviseobox"
_MOST_BYTES = 1_000_000
_LOOK_EVERY = 10.0
_LONGEST_LOOK = 2100.0
"""Seconds in which the usual window of half an hour comes round, with what belongs to it."""


def observe(box: Box, known: Status | None = None, server: Reached | NotReached | None = None) -> Observation:
    """Return how the service is at this moment. Raises ProgramFailed."""
    service = box.systemd.service()
    return Observation(
        at=box.now(),
        active_state=service.active_state,
        sub_state=service.sub_state,
        invocation_id=service.invocation_id,
        n_restarts=service.n_restarts,
        main_pid=service.main_pid,
        result=service.result,
        exit_status=service.exit_status,
        rss_bytes=memory_of(service.main_pid) if service.main_pid else None,
        memory_max=service.memory_max,
        status=status(box, service, known),
        server=server,
        configuration=configuration(box.places.daemon_configuration),
    )


def status(box: Box, service: Service, known: Status | None = None) -> Status | None:
    """Return what this run of the service tells of itself, None if nothing that can be trusted."""
    return daemon_status.read(str(box.places.daemon_status), service.invocation_id, _owner(), known)


def required(box: Box) -> Required:
    """Return what the service does at present, which it must do again after its next start.

    That takes one look, unless its clock was stepped or something does not work, or not yet: then it is waited for what
    moves on. Raises ProgramFailed and Stopped.
    """
    service = box.systemd.service()
    began = box.now() - (green.OLD if service.ready_for is None else service.ready_for)
    first = last = _first_status(box, service, began)
    if last is None or not green.is_open(last, age=box.now() - began):
        return green.required(last)
    print("something does not work, or not yet, or the clock was stepped: waiting to see what goes on", flush=True)
    until = box.now() + min(_LONGEST_LOOK, green.longest_pause(last))
    while green.is_open(last, first, box.now() - began) and box.now() < until:
        box.stop.wait(_LOOK_EVERY)
        found = status(box, service, last)
        if found is None:
            break
        last = found
    return green.required(last, first)


def _first_status(box: Box, service: Service, began: float) -> Status | None:
    """Return what the service tells of itself; one that was ready only just now is given the time to do so."""
    found = status(box, service)
    while found is None and box.now() - began < STATUS_PATIENCE:
        box.stop.wait(_LOOK_EVERY)
        found = status(box, service)
    return found


def ask_server(box: Box) -> Reached | NotReached:
    """Ask the server whether it can be reached from here."""
    return server_probe.ask(str(box.places.daemon_configuration))


def configuration(path: Path) -> str:
    """Return the digest of a configuration, empty if there is none."""
    try:
        with path.open("rb") as file:
            return hashlib.sha256(file.read(_MOST_BYTES)).hexdigest()
    except OSError:
        return ""


def _owner() -> int | None:
    try:
        return pwd.getpwnam(_USER).pw_uid
    except KeyError:
        return None
