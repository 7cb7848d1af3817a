"""Where the control socket comes from."""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from inviseobox.control.protocol import SOCKET

_FIRST = 3
"""The first descriptor that systemd hands over (sd_listen_fds(3), SD_LISTEN_FDS_START)."""
_MODE = 0o660
_QUEUE = 4096
"""Clients that wait in the kernel, as with Backlog= of systemd.socket(5), where that is not set."""


def listening(environment: Mapping[str, str]) -> socket.socket | None:
    """Return the socket that systemd handed over, else one that is made in RUNTIME_DIRECTORY.

    None where there is neither. Raises OSError.
    """
    handed_over = environment.get("LISTEN_FDS", "0").isdecimal() and int(environment.get("LISTEN_FDS", "0")) > 0
    if handed_over and environment.get("LISTEN_PID") == str(os.getpid()):
        return _ready(socket.socket(fileno=_FIRST))
    directory = environment.get("RUNTIME_DIRECTORY")
    return _ready(_made(Path(directory) / SOCKET)) if directory else None


def _made(path: Path) -> socket.socket:
    # Left by a daemon that was killed; of those that run, the lock of the buffer lets in one.
    if path.is_socket():
        path.unlink()
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.bind(str(path))
        path.chmod(_MODE)
        made.listen(_QUEUE)
    except OSError:
        made.close()
        raise
    return made


def _ready(handed: socket.socket) -> socket.socket:
    handed.setblocking(False)
    with suppress(OSError):
        handed.set_inheritable(False)
    return handed
