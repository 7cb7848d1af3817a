"""What is known of the time, as a text for the next start of the process. Pure."""

import json
from dataclasses import asdict, dataclass

_NEWS = 1.0
"""Seconds by which what a witness says must change to be worth a note at once."""
_LIMIT = 1e11
"""Seconds, about three thousand years: no time is as far away from the epoch."""


@dataclass(frozen=True, slots=True)
class Synchronised:
    """When the time synchronisation set the clock, by that clock, and the clock's offset from the boot-time clock."""

    at: float
    offset: float


@dataclass(frozen=True, slots=True)
class Note:
    """What the witnesses of the clock said, all in seconds.

    `synchronised` and `server`, an offset as well, hold in the run of the kernel that `boot` names. `confirmed` is the
    newest time that was confirmed, `before` the newest before that boot; `waited` is for how long readings have waited
    for a witness.
    """

    boot: str = ""
    synchronised: Synchronised | None = None
    server: float | None = None
    confirmed: float | None = None
    before: float | None = None
    waited: float = 0.0

    def has_news_since(self, earlier: "Note") -> bool:
        """Whether a witness told another time, or the first in this boot: what only goes on is no news."""
        one, other = self.synchronised, earlier.synchronised
        return _differ(self.server, earlier.server) or _differ(
            one.offset if one else None, other.offset if other else None
        )

    @property
    def text(self) -> str:
        """This note as JSON."""
        return json.dumps(asdict(self))


def read_note(text: str) -> Note:
    """Read a note. What is damaged in it teaches nothing."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return Note()
    if not isinstance(found, dict):
        return Note()
    boot, synchronised = found.get("boot"), found.get("synchronised")
    parts = synchronised if isinstance(synchronised, dict) else {}
    at, offset = _seconds(parts.get("at")), _seconds(parts.get("offset"))
    return Note(
        boot if isinstance(boot, str) else "",
        None if at is None or offset is None else Synchronised(at, offset),
        _seconds(found.get("server")),
        _seconds(found.get("confirmed")),
        _seconds(found.get("before")),
        max(0.0, _seconds(found.get("waited")) or 0.0),
    )


def _differ(one: float | None, other: float | None) -> bool:
    return abs(one - other) > _NEWS if one is not None and other is not None else one is not other


def _seconds(found: object) -> float | None:
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    # Neither infinite, nor not a number, nor an integer that no float can hold.
    return float(found) if -_LIMIT < found < _LIMIT else None
