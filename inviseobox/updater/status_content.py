"""From the content of the service's status.json to what is judged by. Pure; nothing in it is taken on trust."""

from math import isfinite
from typing import Any

from .observation import LinkState, Status

FACETS = ("polling", "commits", "delivery")
_SCHEMA = 1
_LONGEST_INTERVAL = 86_400
_MOST_LINKS = 20_000
_LONGEST_NAME = 500


def understand(content: Any, stamp: int, size: int) -> Status | None:
    """Return what the content says, None where it is not what `status.schema.json` promises.

    `stamp` and `size` are the file's: see Status.
    """
    if not isinstance(content, dict) or content.get("schema") != _SCHEMA:
        return None
    version, invocation_id = content.get("version"), content.get("invocation_id")
    written_at, interval = _time(content.get("written_at")), content.get("interval")
    progress = content.get("progress")
    if not isinstance(version, str) or not isinstance(invocation_id, str) or written_at is None:
        return None
    if type(interval) is not int or not 1 <= interval <= _LONGEST_INTERVAL or not isinstance(progress, dict):
        return None
    return Status(
        version,
        invocation_id,
        written_at,
        interval,
        {facet: _time(progress.get(facet)) for facet in FACETS},
        _links(content.get("links")),
        stamp,
        size,
    )


def _links(content: Any) -> dict[str, LinkState]:
    found = {}
    for link in content[:_MOST_LINKS] if isinstance(content, list) else []:
        name = link.get("name") if isinstance(link, dict) else None
        if isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME:
            cause = link.get("cause")
            is_up = link.get("up") is True
            found[name] = LinkState(
                is_up, cause if isinstance(cause, str) else "", _time(link.get("last_good_reading"))
            )
    return found


def _time(value: Any) -> float | None:
    """Return seconds since the epoch, None where it is no number that could be some."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e12 < value < 1e12 or not isfinite(value):
        return None
    return float(value)
