"""Whether the box takes new versions by itself, and whether those do their work, by what the updater tells."""

import time
from pathlib import Path

from inviseobox.commands.checks.codes import Code
from inviseobox.commands.checks.findings import Check, Finding, not_tested, right, wrong
from inviseobox.commands.checks.server_answers import duration
from inviseobox.host import updater_status
from inviseobox.host.updater_status import UpdaterStatus

_SEE = "sudo inviseobox-updater status"
_SEE_TIMER = "systemctl status inviseobox-updater.timer"
_LONGEST = 2 * 86_400.0
"""Seconds between two looks, at the most: a day is the longest period that can be set."""


def looked_at(path: Path = updater_status.PATH, program: Path = updater_status.PROGRAM) -> Finding:
    """Return how updates fare; `program` is there where the updater is installed."""
    if not program.exists():
        return not_tested(Check.UPDATES, Code.NO_UPDATER)
    status = updater_status.read(path)
    if status is None:
        return not_tested(Check.UPDATES, Code.NOT_LOOKED_YET)
    return of(status, time.time())


def of(status: UpdaterStatus, now: float) -> Finding:
    """Return how updates fare by what the updater tells. Pure; `now` is in seconds since the epoch."""
    if status.trouble:
        code = Code.CANNOT_LOOK if status.cannot_look else Code.UPDATES_FAIL
        return wrong(Check.UPDATES, code, _SEE, problem=status.trouble)
    if status.is_watched:
        return right(Check.UPDATES, Code.VERSION_WATCHED, version=status.installed)
    if status.looked_at is None:
        return not_tested(Check.UPDATES, Code.NOT_LOOKED_YET)
    # A clock that was stepped may make it a time to come.
    ago = max(0.0, now - status.looked_at)
    if ago > _LONGEST:
        return wrong(Check.UPDATES, Code.LOOKS_NO_MORE, _SEE_TIMER, time=duration(ago))
    return right(Check.UPDATES, Code.UPDATES_LOOKED_FOR, version=status.installed, time=duration(ago))
