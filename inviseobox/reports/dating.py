"""Which windows readings belong to once the time is known, or known better than when they were read. Pure."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from inviseobox.configuration import DEFAULT_INTERVAL, MAX_INTERVAL
from inviseobox.records import Dating
from inviseobox.reports.window_ends import IsSealed, earliest_unsealed, next_border

TOLERANCE = 60.0
"""Seconds by which a clock may differ from what a witness says."""


@dataclass(frozen=True, slots=True)
class Unsealed:
    """Readings of one moment that are not sealed yet; the rows come from the disk and may hold anything.

    `end` is that of their window, None while they wait for a date; `interval` that of the window which they may open;
    `boot` and `uptime` tell when they were read, `now` by which time they are dated, None where that is not known.
    """

    id: int
    end: int | None
    interval: int
    boot: str
    uptime: float
    now: float | None


def dated(rows: Iterable[Unsealed], boot: str, dating: Dating, is_sealed: IsSealed) -> Iterator[Unsealed]:
    """Yield those of the rows that change, with the window and the date that they have from now on.

    `rows` come in the order in which they were read, `boot` is the present one. What waits is dated. What was dated by
    a clock that a witness refutes, or moved to an earlier window by it, is dated anew. No row goes to an earlier window
    than the one before it, so that windows are sealed in the order of reading.
    """
    ends: dict[tuple[int, int], int] = {}

    def free(now: float, interval: int) -> int:
        # Between the same borders once: there may be thousands of sealed ends to look at.
        place = next_border(now, interval), interval
        if place not in ends:
            ends[place] = earliest_unsealed(now, interval, is_sealed)
        return ends[place]

    before: int | None = None
    for row in rows:
        date = _date(row, boot, dating)
        end = row.end if date is None else free(date, _interval(row))
        if before is None or (end is not None and end > before):
            before = end
        if before != row.end:
            yield replace(row, end=before, now=date if row.boot == boot and date is not None else row.now)


def _date(row: Unsealed, boot: str, dating: Dating) -> float | None:
    """Return the time by which a row is to be dated now; None where it stays as it is."""
    if row.boot == boot and math.isfinite(row.uptime):
        own = min(dating.now, max(0.0, row.uptime + dating.now - dating.uptime))
        if row.end is None:
            return own
        is_refuted = row.now is None or not abs(row.now - own) <= TOLERANCE
        # A clock that is stepped back moves rows to an earlier window, and leaves their date.
        was_moved = row.end <= own - TOLERANCE
        return own if dating.is_witnessed and (is_refuted or was_moved) else None
    if row.end is not None:
        return None
    if row.now is not None and 0 <= row.now <= dating.now:
        return row.now
    return dating.now if dating.confirmed is None else min(dating.now, dating.confirmed)


def _interval(row: Unsealed) -> int:
    return row.interval if 1 <= row.interval <= MAX_INTERVAL else DEFAULT_INTERVAL
