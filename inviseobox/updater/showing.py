"""What the daemon, `inviseobox check` and a person are told of the updater."""

import contextlib
import json
from datetime import datetime
from typing import Any

from . import disk
from .box import Box
from .state import Cause, Level, State

SCHEMA = 1


def publish(box: Box) -> None:
    """Write /run/inviseobox-updater/status.json, which anybody may read. It holds no secret."""
    path = box.places.status
    # What cannot be shown keeps nobody from updating.
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        disk.write_json(path, overview(box.state, box.version, box.systemd.service().is_up), 0o644)


def overview(state: State, version: str, is_up: bool) -> dict[str, Any]:
    """Describe the updater. Pure. `version` is its own; times are in seconds since the epoch."""
    trouble = state.trouble
    return {
        "schema": SCHEMA,
        "version": version,
        "installed": state.installed,
        "good": state.good,
        "candidate": state.probation.version if state.probation and state.probation.cause is Cause.UPDATE else None,
        "phase": phase(state, is_up),
        "trouble": {"kind": trouble.kind, "version": trouble.version, "reason": trouble.reason} if trouble else None,
        "bad": {one: why.reason for one, why in state.bad.items()},
        "looked_at": state.looked_at,
        "looked": state.looked,
    }


def phase(state: State, is_up: bool) -> str:
    """Return in few words what the installed version still has before it. Pure."""
    if state.probation:
        if not is_up:
            return "not watched yet"
        return f"waiting: {state.probation.waits_for}" if state.probation.waits_for else "watching"
    if state.proof and state.proof.level is Level.PASSED:
        return "one more start to be seen"
    return "idle"


def status_lines(told: dict[str, Any]) -> list[str]:
    """Return what `status` prints. Pure."""
    lines = [f"inviseobox {told['installed'] or 'is not installed'}: {told['phase']}"]
    if told["good"]:
        lines.append(f"to go back to: {told['good']}")
    if told["candidate"]:
        lines.append(f"being watched: {told['candidate']}")
    lines += [f"not taken: {version}: {reason}" for version, reason in told["bad"].items()]
    if told["looked_at"] is not None:
        lines.append(f"last look: {_time(told['looked_at'])}, {told['looked']}")
    if trouble := told["trouble"]:
        what = f"{trouble['version']} was taken back: " if trouble["kind"] == "taken back" else ""
        lines.append(f"wrong: {what}{trouble['reason']}")
    return lines


def history_line(entry: dict[str, Any]) -> str:
    """Return what `history` prints of an entry; what is not there is left out. Pure."""
    package = str(entry.get("package", ""))
    what = f"{package} {entry.get('version', '')}".strip()
    return f"{_time(entry.get('at'))}  {entry.get('event', '')}: {what}: {entry.get('reason', '')}"


def is_wrong(told: dict[str, Any]) -> bool:
    """Return whether a person should look. Pure."""
    return told["trouble"] is not None or told["looked"] not in ("", "ok")


def as_json(content: Any) -> str:
    """Return what a program reads."""
    return json.dumps(content, indent=1)


def _time(at: Any) -> str:
    if not isinstance(at, int | float) or not 0 <= at < 2**40:
        return "?"
    return datetime.fromtimestamp(at).astimezone().isoformat(" ", "seconds")
