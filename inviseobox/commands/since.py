"""From when on, as people write it. Pure."""

import re
from datetime import UTC, datetime, tzinfo

from inviseobox.translation import _

_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "j": 86_400}
_LENGTH = re.compile(r"(\d{1,6}) ?(s|min|h|d|j)", re.ASCII)


def since(text: str, now: float, zone: tzinfo | None = None) -> int:
    """Return the time that a text means, in seconds since the epoch: how long ago, as 2d or 12h, or a date.

    A date without a zone is one of `zone`, the machine's where there is none given. Raises ValueError, whose text says
    what would be right.
    """
    if length := _LENGTH.fullmatch(text.strip()):
        return max(0, int(now) - int(length[1]) * _SECONDS[length[2]])
    try:
        at = datetime.fromisoformat(text.strip())
        if at.tzinfo is None:
            at = at.replace(tzinfo=zone) if zone else at.astimezone()
        seconds = at.astimezone(UTC).timestamp()
    except (ValueError, OverflowError, OSError):
        raise ValueError(
            _("--since must be how long ago, as 2d, 12h or 30min, or a date, as 2026-11-25 or '2026-11-25 14:30'")
        ) from None
    if seconds > now:
        raise ValueError(_("--since lies in the future"))
    return max(0, int(seconds))
