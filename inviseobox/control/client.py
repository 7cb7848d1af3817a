"""The control socket from the side of a command."""

import contextlib
import json
import os
import pwd
import socket
import time
from collections.abc import Callable
from typing import Any

from inviseobox.control.protocol import Request, is_end, request_line
from inviseobox.errors import DaemonDown, DaemonSilent, NotPermitted, RequestRefused
from inviseobox.translation import _, of_the_system

MOST_ANSWER = 67_108_864
"""Bytes of an answer; that about 100,000 measurements takes a third of it."""
_READ = 65_536

Line = dict[str, Any]


def ask(request: Request, path: str, seconds: float, clock: Callable[[], float] = time.monotonic) -> list[Line]:
    """Ask the daemon whose socket is at `path`; return the lines of its answer but the last one.

    All of it may take `seconds`, by a monotonic `clock`. Raises NotPermitted, DaemonDown, DaemonSilent where that was
    not enough, RequestRefused.
    """
    until = clock() + seconds
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.settimeout(seconds)
            connection.connect(path)
            with contextlib.suppress(BrokenPipeError):
                # Hung up on us before it had read all: what it said before that counts.
                connection.sendall(request_line(request))
            text = _answer(connection, until, clock)
        except (TimeoutError, BlockingIOError):
            # The latter: so many wait already that the kernel turns others away (connect(2), EAGAIN).
            raise DaemonSilent(
                _(
                    "the daemon did not answer within {seconds:g} s; how does it fare? (systemctl status inviseobox)"
                ).format(seconds=seconds)
            ) from None
        except PermissionError:
            raise NotPermitted(_not_permitted(path)) from None
        except OSError as error:
            raise DaemonDown(
                _("the daemon does not run, nobody answers on {path}: {reason} (systemctl status inviseobox)").format(
                    path=path, reason=of_the_system(error.strerror or str(error))
                )
            ) from None
    return _lines(text)


def _answer(connection: socket.socket, until: float, clock: Callable[[], float]) -> bytes:
    """Return all that comes. Raises TimeoutError, OSError."""
    heard = bytearray()
    while len(heard) <= MOST_ANSWER:
        left = until - clock()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        try:
            more = connection.recv(_READ)
        except ConnectionResetError:
            break
        if not more:
            break
        heard += more
    return bytes(heard)


def _lines(text: bytes) -> list[Line]:
    """Return the lines of a whole answer. Raises DaemonDown, RequestRefused."""
    lines: list[Line] = []
    for line in text.splitlines():
        try:
            content = json.loads(line)
        except (ValueError, RecursionError):
            break
        if not isinstance(content, dict):
            break
        if is_end(content):
            return lines
        if "error" in content:
            raise RequestRefused(str(content["error"]), str(content.get("code", "")))
        lines.append(content)
    raise DaemonDown(_("the answer of the daemon broke off; is it being restarted? (systemctl status inviseobox)"))


def _not_permitted(path: str) -> str:
    try:
        user = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        user = str(os.geteuid())
    return _(
        "{path}: the user {user} is not in the group adm, which may ask the daemon; use sudo, or run "
        "sudo usermod --append --groups adm {user} and log in again"
    ).format(path=path, user=user)
