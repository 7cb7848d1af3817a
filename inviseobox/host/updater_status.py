"""What the updater tells of itself: /run/inviseobox-updater/status.json, which root writes and everybody may read.

The daemon shows what is wrong with updates among its own troubles, `inviseobox check` as one of its findings. Nothing
of the updater's code is used, for it is a package of its own, of another version at times: inviseobox-updater(8).
"""

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from inviseobox import events
from inviseobox.clock import MonotonicClock, loop_clock
from inviseobox.health.troubles import Troubles
from inviseobox.untrusted import clean_text

PATH = Path("/run/inviseobox-updater/status.json")
PROGRAM = Path("/usr/sbin/inviseobox-updater")
_MAX_SIZE = 1_048_576
_MOST = 1000
"""Characters of a text that is shown whole: a reason may name five links."""
_SUBJECT = "updates"
_TAKEN_BACK, _REPOSITORY = "taken back", "repository"
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class UpdaterStatus:
    """The version of the service that is installed, when a newer one was looked for last, and what is wrong.

    `looked_at` is in seconds since the epoch, None: not since the first start; `trouble` is empty where nothing is
    wrong; `cannot_look`: that is only that nothing could be looked for. `is_watched`: the version was not seen yet to
    do its work.
    """

    installed: str
    looked_at: float | None
    trouble: str = ""
    cannot_look: bool = False
    is_watched: bool = False


class UpdateTroubles:
    """What the updater says is wrong, kept among the troubles of the daemon.

    That nothing can be looked for counts once it has lasted for a day: a network that is down is told of already, by
    the server that is out of reach.
    """

    def __init__(self, path: Path = PATH, now: MonotonicClock = loop_clock) -> None:
        """Look at the file at `path`."""
        self._path = path
        self._now = now
        self._stamp: tuple[int, ...] | None = None
        self._status: UpdaterStatus | None = None
        self._blind_since: float | None = None

    def look(self, troubles: Troubles) -> None:
        """Note in `troubles` what is wrong with updates now. To be called every second or so."""
        stamp = _stamp(self._path)
        if stamp != self._stamp:
            self._stamp, self._status = stamp, read(self._path)
        now, status = self._now(), self._status
        if status is None or not status.cannot_look:
            self._blind_since = None
        elif self._blind_since is None:
            self._blind_since = now
        is_short = self._blind_since is not None and now - self._blind_since < _DAY
        if status is not None and status.trouble and not is_short:
            troubles.begin(_SUBJECT, events.UPDATES(status.trouble))
        else:
            troubles.end(_SUBJECT)


def read(path: Path = PATH) -> UpdaterStatus | None:
    """Return what the updater wrote last, None where there is nothing that can be understood."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            text = file.read(_MAX_SIZE + 1)
        content = json.loads(text) if len(text) <= _MAX_SIZE else None
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or content.get("schema") != 1:
        return None
    phase, trouble = content.get("phase"), content.get("trouble")
    trouble = trouble if isinstance(trouble, dict) else {}
    return UpdaterStatus(
        clean_text(content.get("installed")),
        _time(content.get("looked_at")),
        _words(trouble),
        trouble.get("kind") == _REPOSITORY,
        isinstance(phase, str) and phase.startswith(("watching", "waiting")),
    )


def _words(content: Mapping[str, Any]) -> str:
    """Say what is wrong, as the cause of a trouble; empty where nothing is."""
    reason, version = _text(content.get("reason")), clean_text(content.get("version"))
    if content.get("kind") == _TAKEN_BACK:
        return f"version {version} was taken back: {reason}"
    return reason


def _text(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= _MOST and value.isprintable() else clean_text(value)


def _time(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or not 0 <= value < 1e12:
        return None
    return float(value)


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_ino, about.st_size


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
