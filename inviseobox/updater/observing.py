"""Looking at the service: everything that a judgement is made of."""

import hashlib
import pwd
from pathlib import Path

from . import daemon_status, server_probe
from .box import Box
from .observation import NotReached, Observation, Reached, Status
from .service import Service, memory_of

_USER = "inviseobox"
_MOST_BYTES = 1_000_000


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
