"""What was sealed, looked up window by window. Runs in the buffer's thread.

The history has no index by measurement, which would double what reaches the disk. But a window is written in one go, in
the order of its measurements, so that each is found by halving; and where it stood in one window, it mostly stands in
the next. Each function here does a few milliseconds of work.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from inviseobox.buffer.database import Database
from inviseobox.untrusted import number

_SLICE = 100
"""Windows that are looked at in one go."""
_AT = "SELECT rowid, measurement, value, status FROM history WHERE end = ? AND rowid = ?"
_FROM = """
SELECT rowid, measurement, value, status FROM history
WHERE end = ? AND rowid >= ? AND rowid <= ? ORDER BY rowid LIMIT 1"""
_FIRST = "SELECT rowid FROM history WHERE end = ? ORDER BY rowid LIMIT 1"
_LAST = "SELECT rowid FROM history WHERE end = ? ORDER BY rowid DESC LIMIT 1"
_NEXT = "SELECT end, rowid FROM history WHERE end > ? ORDER BY end, rowid LIMIT 1"
_BEFORE = "SELECT end FROM history WHERE end < ? ORDER BY end DESC LIMIT 1"
_REFUSED = "SELECT DISTINCT end FROM rejected WHERE end > ? AND end <= ? AND instr(fields, ?)"
_LATEST = 2**62


@dataclass(frozen=True, slots=True)
class PastReport:
    """What was sealed of one measurement in the window that ended then, in seconds since the epoch.

    `value` has the aggregates, as decimal texts, and is empty without a good reading. `is_delivered`: nothing of the
    window waits for the server any more, nor did it refuse this for good.
    """

    end: int
    value: dict[str, str]
    status: str
    is_delivered: bool


class History:
    """The sealed reports that are kept."""

    def __init__(self, database: Database) -> None:
        """Read from `database`, which this object does not own."""
        self._database = database

    def start(self, since: int, most: int) -> int:
        """Return the time after which the newest `most` windows ended, at least `since`. Raises BufferFault."""
        row = self._database.row(
            "SELECT end FROM window WHERE sealed NOT NULL AND end > ? ORDER BY end DESC LIMIT 1 OFFSET ?", since, most
        )
        return int(row[0]) if row else since

    def reports(self, measurement: str, after: int) -> tuple[list[PastReport], int | None]:
        """Return what was sealed of a measurement in the next windows that ended after that time, oldest first.

        And the time after which to go on, None where there are no more windows. Raises BufferFault.
        """
        found: list[tuple[int, tuple[Any, ...]]] = []
        place, last, more = 0, after, True
        for _ in range(_SLICE):
            row = self._database.row(_NEXT, last)
            if row is None:
                more = False
                break
            last, first = row
            if report := self._find(last, first, measurement, place):
                place, told = report
                found.append((last, told))
        refused = (
            {end for (end,) in self._database.read(_REFUSED, after, last, _named(measurement))} if found else set()
        )
        reports = [
            PastReport(end, _value(value), status, self._is_delivered(end) and end not in refused)
            for end, (value, status) in found
        ]
        return reports, last if more else None

    def newest(self, count: int) -> list[int]:
        """Return the ends of the newest windows, oldest first. Raises BufferFault."""
        ends: list[int] = []
        last = _LATEST
        while len(ends) < count and (row := self._database.row(_BEFORE, last)):
            last = row[0]
            ends.insert(0, last)
        return ends

    def averages(self, ends: Iterable[int], measurements: Iterable[str]) -> dict[str, list[float | None]]:
        """Return the averages of measurements in these windows, None for what has none. Raises BufferFault."""
        found: dict[str, list[float | None]] = {measurement: [] for measurement in measurements}
        places = dict.fromkeys(found, 0)
        for end in ends:
            first = self._database.row(_FIRST, end)
            for measurement, averages in found.items():
                report = self._find(end, first[0], measurement, places[measurement]) if first else None
                if report:
                    places[measurement], (value, _) = report
                averages.append(number(_value(value).get("avg")) if report else None)
        return found

    def _find(self, end: int, first: int, measurement: str, place: int) -> tuple[int, tuple[str, str]] | None:
        """Return the place of a report among those of its window, its value and status; try `place` first.

        `first` is the number of the first row of the window.
        """
        database, low = self._database, first
        row = database.row(_AT, end, low + place)
        if row and row[1] == measurement:
            return place, row[2:]
        newest = database.row(_LAST, end)
        high = newest[0] if newest else low
        while low <= high:
            middle = (low + high) // 2
            # Damage may have left holes.
            row = database.row(_FROM, end, middle, high)
            if row and row[1] == measurement:
                return row[0] - first, row[2:]
            if row and row[1] < measurement:
                low = row[0] + 1
            else:
                high = middle - 1
        return None

    def _is_delivered(self, end: int) -> bool:
        row = self._database.row("SELECT delivered FROM window WHERE end = ?", end)
        return bool(row and row[0])


def _value(text: str) -> dict[str, str]:
    """Read the aggregates of a report; one that was damaged has none."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return (
        {name: value for name, value in content.items() if isinstance(value, str)} if isinstance(content, dict) else {}
    )


def _named(measurement: str) -> str:
    """Return the text by which a batch names a measurement."""
    return f'"measurement":{json.dumps(measurement)}'
