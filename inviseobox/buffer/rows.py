"""The rows that hold the readings: one for each commit and window. Runs in the buffer's thread, inside transactions."""

from array import array
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from inviseobox.buffer.database import Database
from inviseobox.buffer.packing import MOST_READINGS, Readings, about, pack, unpacked
from inviseobox.buffer.schema import LAST_SEALED
from inviseobox.records import Stamp
from inviseobox.reports.dating import Unsealed

_LONGEST = 10.0
"""Seconds of readings in one row, which is dated as one; at most a tenth of their interval."""
_STEP = 1.0
"""Seconds by which the wall clock may gain within a row: it runs as the boot-time clock does, unless it steps."""
_LOOKED_AT = 32
_MOST_DELETES = 100
_FEWEST_FREE = 16

_MOST_NUMBERS = 2**62
# After a salvage there may be no row, and what was sealed before must stay behind.
_LAST = """
SELECT max(coalesce(max(number), 0), coalesce((SELECT CAST(value AS INTEGER) FROM setting WHERE key = ?), 0))
FROM reading"""
_UNSEALED = """
SELECT id, end, interval, boot, uptime, now FROM reading
WHERE end IS NULL OR end IN (SELECT end FROM window WHERE sealed IS NULL AND end IS NOT ?) ORDER BY number"""
_FREE = """
SELECT id, length(packed) FROM reading
WHERE end IS NOT NULL AND end NOT IN (SELECT end FROM window WHERE sealed IS NULL) ORDER BY number"""


@dataclass(slots=True)
class Draft:
    """A row before it is written: readings of one window, or of none while the time is not known."""

    end: int | None
    interval: int
    stamp: Stamp
    keys: "array[int]" = field(default_factory=lambda: array("q"))
    values: "array[float]" = field(default_factory=lambda: array("d"))

    def takes(self, end: int | None, interval: int, stamp: Stamp) -> bool:
        """Whether readings with this stamp may go into it."""
        passed = stamp.uptime - self.stamp.uptime
        if self.stamp.now is None or stamp.now is None:
            is_steady = self.stamp.now is stamp.now
        else:
            is_steady = abs(stamp.now - self.stamp.now - passed) <= _STEP
        return (
            is_steady
            and (end, interval) == (self.end, self.interval)
            and 0 <= passed <= min(_LONGEST, interval / 10)
            and len(self.keys) < MOST_READINGS
        )

    def extend(self, keys: "array[int]", values: "array[float]") -> int:
        """Take as many readings as there is room for; return how many."""
        room = MOST_READINGS - len(self.keys)
        self.keys.extend(keys[:room])
        self.values.extend(values[:room])
        return min(room, len(keys))


class Rows:
    """Reads and writes rows. The row of a sealed window is written over: that changes its own pages only."""

    def __init__(self, database: Database, boot: str) -> None:
        """Work on `database`, which this object does not own, in the run `boot` of the kernel; load() comes first."""
        self._database = database
        self._boot = boot
        self._draft: Draft | None = None
        self._next = 1
        self._free: deque[tuple[int, int]] = deque()
        """Rows that may be written over, with their lengths; those that were read first come first."""
        self.waiting = 0
        """The bytes that rows without a window take."""

    def load(self) -> None:
        """Look at the file; to be called again after a transaction that failed."""
        self._draft = None
        row = self._database.row(_LAST, LAST_SEALED)
        self._next = max(0, min(int(row[0]), _MOST_NUMBERS)) + 1 if row else 1
        self._free = deque(self._database.rows(_FREE))
        self.count_waiting()

    def count_waiting(self) -> None:
        """Look how much waits for a date."""
        row = self._database.row("SELECT coalesce(sum(length(packed)), 0) FROM reading WHERE end IS NULL")
        self.waiting = int(row[0]) if row else 0

    def add(self, end: int | None, interval: int, stamp: Stamp, keys: "array[int]", values: "array[float]") -> None:
        """Bring readings into a row, which flush() writes at the latest."""
        done = 0
        while done < len(keys):
            if self._draft is None or not self._draft.takes(end, interval, stamp):
                self.flush()
                self._draft = Draft(end, interval, stamp)
            done += self._draft.extend(keys[done:], values[done:])

    def flush(self) -> None:
        """Write what was added, after all other rows."""
        if self._draft is None:
            return
        draft, self._draft = self._draft, None
        # As it comes back from the disk.
        uptime = float(draft.stamp.uptime)
        facts = about(self._next, draft.interval, self._boot, uptime)
        packed = pack(draft.keys, draft.values, facts)
        content = (self._next, draft.end, draft.interval, self._boot, uptime, draft.stamp.now, packed)
        self._next += 1
        if draft.end is None:
            self.waiting += len(packed)
        if self._free:
            # One of the same length keeps its pages.
            alike = (row for row in islice(self._free, _LOOKED_AT) if row[1] == len(packed))
            taken = next(alike, self._free[0])
            self._free.remove(taken)
            self._database.run(
                "UPDATE reading SET number = ?, end = ?, interval = ?, boot = ?, uptime = ?, now = ?, packed = ? "
                "WHERE id = ?",
                *content,
                taken[0],
            )
        else:
            self._database.run(
                "INSERT INTO reading (number, end, interval, boot, uptime, now, packed) VALUES (?, ?, ?, ?, ?, ?, ?)",
                *content,
            )

    def unsealed(self, closing: int | None) -> list[Unsealed]:
        """Return what waits or lies in an open window, apart from the one that is being sealed, as it was read."""
        return [Unsealed(*row) for row in self._database.rows(_UNSEALED, closing)]

    def place(self, changed: Iterable[Unsealed]) -> None:
        """Write the windows and dates of rows."""
        self._database.run_many(
            "UPDATE reading SET end = ?, now = ? WHERE id = ?",
            ((row.end, row.now, row.id) for row in changed),
        )
        self.count_waiting()

    def of(self, end: int) -> list[int]:
        """Return the ids of the rows of a window, in the order in which they were read."""
        return [row[0] for row in self._database.rows("SELECT id FROM reading WHERE end = ? ORDER BY number", end)]

    def read(self, row_id: int) -> Readings:
        """Return the readings of a row. Raises Unreadable for one that holds something else, BufferFault."""
        row = self._database.row("SELECT number, interval, boot, uptime, packed FROM reading WHERE id = ?", row_id)
        return unpacked(*row) if row else (array("q"), array("d"))

    def free(self, end: int, row_ids: Iterable[int]) -> None:
        """Note that the window that ended then is sealed: its rows may be written over."""
        self._database.run(
            "INSERT OR REPLACE INTO setting SELECT ?, coalesce(min(number), ?) - 1 FROM reading "
            "WHERE end IS NULL OR end IN (SELECT end FROM window WHERE sealed IS NULL)",
            LAST_SEALED,
            self._next,
        )
        lengths = dict(self._database.rows("SELECT id, length(packed) FROM reading WHERE end = ?", end))
        self._free.extend((row_id, lengths[row_id]) for row_id in row_ids if row_id in lengths)

    def trim(self, row_count: int) -> bool:
        """Delete some of the free rows, where there are more than two windows of so many rows need.

        That is one step of a bounded size; return whether it was the last one.
        """
        surplus = len(self._free) - 2 * row_count - _FEWEST_FREE
        gone = [self._free.popleft() for _ in range(min(surplus, _MOST_DELETES))]
        self._database.run_many("DELETE FROM reading WHERE id = ?", ((row_id,) for row_id, _ in gone))
        return surplus <= _MOST_DELETES
