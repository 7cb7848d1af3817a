"""What is published, told to the maintainer. Pure."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from releases import Release
from roles import Roles
from state import State
from suites import SUITES

_DAY = 86_400


def overview(state: State, releases: Mapping[str, Release], roles: Roles | None, now: int) -> dict[str, Any]:
    """Return what is to be told, as JSON holds it; times in seconds since 1970, `days_left` below 0 once expired."""
    suites = {}
    for name in reversed(SUITES):
        suite, release = state.content.suites[name], releases.get(name)
        suites[name] = {
            "versions": list(suite.versions),
            "phase": {"version": suite.phase.version, "percent": suite.phase.percent} if suite.phase else None,
            "date": release.date if release else None,
            "valid_until": release.valid_until if release else None,
            "days_left": (release.valid_until - now) // _DAY if release else None,
            "complete": release is not None and release.date == state.dates[name],
        }
    keys = None
    if roles:
        old = "revoked" if roles.revoked else "retiring"
        keys = {"current": roles.current, "successor": roles.successor, "retiring": None, "revoked": None}
        keys[old] = roles.old
    return {"url": state.url or None, "suites": suites, "withdrawn": list(state.content.withdrawn), "keys": keys}


def as_json(told: Mapping[str, Any]) -> str:
    """Return an overview for a program."""
    return json.dumps(told, indent=1)


def as_text(told: Mapping[str, Any]) -> str:
    """Return an overview for a person, in lines."""
    lines = [f"{'address':<10} {told['url']}"] if told["url"] else []
    for name, suite in told["suites"].items():
        lines += _suite(name, suite)
    lines += [f"{'withdrawn':<10} {', '.join(told['withdrawn']) or 'none'}"]
    if told["keys"] is None:
        return "\n".join([*lines, f"{'keys':<10} not here"])
    return "\n".join([*lines, *(f"{role:<10} key {key}" for role, key in told["keys"].items() if key)])


def _suite(name: str, suite: Mapping[str, Any]) -> list[str]:
    lines = [f"{name:<10} {', '.join(suite['versions']) or 'empty'}"]
    if phase := suite["phase"]:
        lines += [f"{'':<10} {phase['version']} is being phased: {phase['percent']} % of the boxes"]
    if suite["date"] is not None:
        left = suite["days_left"]
        until = f"valid until {_day(suite['valid_until'])}"
        until += f", {left} days left" if left >= 0 else ": EXPIRED, boxes refuse it: make repo-sign"
        lines += [f"{'':<10} signed {_day(suite['date'])}, {until}"]
    if not suite["complete"]:
        lines += [f"{'':<10} a run was stopped before it had published this: make repo-sign completes it"]
    return lines


def _day(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
