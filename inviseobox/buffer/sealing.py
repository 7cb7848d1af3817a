"""What becomes of a window when its end has come. Runs in the buffer's thread."""

import gc
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from inviseobox.buffer.database import Database
from inviseobox.buffer.packing import Readings, Unreadable
from inviseobox.buffer.rows import Rows
from inviseobox.clock import utc_text
from inviseobox.errors import BufferFault
from inviseobox.records import Aggregate
from inviseobox.reports.aggregation import SeriesState, Summary, Tallies
from inviseobox.reports.batches import cut, digest
from inviseobox.reports.device_status import device_status, status_lists

HISTORY_TIME = 31 * 86_400
"""Seconds of windows that stay in the history."""
_SEALED_ENDS_KEPT = 200_000
_ROW_TIME = 5
"""Seconds between two commits."""
_SLICE = 100_000
"""Readings that are counted in one step, or a few more: less than a tenth of a second."""
_SERIES = """
SELECT key, measurement, device, coalesce(same_as, key), aggregates, baseline FROM series ORDER BY measurement"""
# A good reading in one way ends the baselines of all the others: nothing may be counted twice.
_MOVE_BASELINES = """
UPDATE series SET baseline = CASE WHEN key = ?1 OR same_as = ?1 THEN ?2 END WHERE measurement = ?3"""


@dataclass(frozen=True, slots=True)
class SealedWindow:
    """One window that was closed: its end in seconds since the epoch, and how many measurements it delivers.

    `backwards` are the measurements whose difference is negative.
    """

    end: int
    fields: int
    backwards: frozenset[str]


class Sealing:
    """The sealing of one window, which takes no readings any more: counted in steps, written in one transaction."""

    def __init__(self, database: Database, rows: Rows, end: int) -> None:
        """Begin; to be called in a transaction."""
        self._database = database
        self._rows = rows
        self._generation = database.generation
        self.end = end
        self.row_ids = rows.of(end)
        row = database.row("SELECT interval FROM window WHERE end = ?", end)
        self._interval = int(row[0]) if row else 0
        self._left = iter(self.row_ids)
        self._tallies = Tallies(dict(database.rows("SELECT key, measurement FROM series")))

    def count_some(self) -> bool:
        """Count readings for less than a tenth of a second; return whether all are. Raises BufferFault."""
        commits: list[Readings] = []
        readings = 0
        with self._database.transaction():
            self._assert_same_file()
            for row_id in self._left:
                # A row that holds what no program writes costs itself.
                with suppress(Unreadable):
                    commits.append(self._rows.read(row_id))
                    readings += len(commits[-1][0])
                if readings >= _SLICE:
                    break
        with _without_collector():
            self._tallies.add(commits)
        return readings < _SLICE

    def write(self) -> SealedWindow:
        """Write batches, status and history of what was counted; move the baselines; mark the window as sealed.

        To be called in a transaction. Raises BufferFault.
        """
        self._assert_same_file()
        database, end = self._database, self.end
        # As they are now: meanwhile another name may have been found to be the same way.
        series = {key: SeriesState(*state) for key, *state in database.rows(_SERIES)}
        summaries = list(self._tallies.summaries(series))
        digests, count = _queue(database, summaries, end)
        database.run_many(
            _MOVE_BASELINES,
            ((one.last.way, one.last.value, one.measurement) for one in summaries if one.last is not None),
        )
        _replace_status(database, end, summaries)
        database.run_many(
            "INSERT INTO history (end, measurement, value, status) VALUES (?, ?, ?, ?)",
            ((end, one.measurement, json.dumps(one.value, separators=(",", ":")), one.status) for one in summaries),
        )
        database.run(
            "UPDATE window SET sealed = (SELECT coalesce(max(sealed), 0) + 1 FROM window), digests = ?, delivered = ? "
            "WHERE end = ?",
            ",".join(digests),
            int(not digests),
            end,
        )
        self._rows.free(end, self.row_ids)
        _forget_old(database, end)
        backwards = {one.measurement for one in summaries if one.value.get(Aggregate.DIFF, "").startswith("-")}
        return SealedWindow(end, count, frozenset(backwards))

    @property
    def usual_rows(self) -> int:
        """The rows that the next window may need: fewer where much that had waited went into this one."""
        return min(len(self.row_ids), max(0, self._interval) // _ROW_TIME)

    def _assert_same_file(self) -> None:
        """Raise BufferFault where another file took the place of a damaged one: it is to be counted again."""
        if self._database.generation != self._generation:
            raise BufferFault("the buffer was damaged while a window was sealed")


@contextmanager
def _without_collector() -> Iterator[None]:
    """Keep Python's collector (gc) from looking for cycles, of which counting makes none.

    It holds up all threads, of hundreds of thousands of readings for 70 ms at a time.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _queue(database: Database, summaries: Iterable[Summary], end: int) -> tuple[Sequence[str], int]:
    """Queue the batches of a window; return their digests and the number of reports."""
    count = 0
    digests: list[str] = []
    for fields, items in cut(_fields(summaries, end)):
        digests.append(digest(fields))
        database.run(
            "INSERT INTO outbox (end, fields, digest, count) VALUES (?, ?, ?, ?)", end, fields, digests[-1], items
        )
        count += items
    return digests, count


def _fields(summaries: Iterable[Summary], end: int) -> Iterator[dict[str, object]]:
    """Yield the fields of those that have values."""
    for summary in summaries:
        if summary.value:
            yield {"measurement": summary.measurement, "value": summary.value, "timestamp": utc_text(end)}


def _replace_status(database: Database, end: int, summaries: Iterable[Summary]) -> None:
    devices: dict[str, list[dict[str, str]]] = {}
    for summary in summaries:
        # Of a series saved from a damaged file it is not known until its next reading.
        if summary.device:
            devices.setdefault(summary.device, []).append({"_id": summary.measurement, "status": summary.status})
    database.run("DELETE FROM status")
    for listed in status_lists(device_status(device, measurements) for device, measurements in devices.items()):
        database.run("INSERT INTO status (end, devices) VALUES (?, ?)", end, listed)


def _forget_old(database: Database, end: int) -> None:
    """Forget what lies long behind, by the number of windows since: the clock may have been wrong at any of them."""
    interval = database.row("SELECT interval FROM window WHERE end = ?", end)
    kept = -(-HISTORY_TIME // interval[0]) if interval and interval[0] > 0 else _SEALED_ENDS_KEPT
    # By the time, too, for there may have been shorter windows; one that lies ahead was closed by a wrong clock.
    database.run(
        "DELETE FROM history WHERE (end <= ? OR end > ?) "
        "AND NOT EXISTS (SELECT 1 FROM window WHERE window.end = history.end "
        "AND sealed > (SELECT max(sealed) FROM window) - ?)",
        end - HISTORY_TIME,
        end,
        kept,
    )
    database.run("DELETE FROM window WHERE sealed <= (SELECT max(sealed) FROM window) - ?", _SEALED_ENDS_KEPT)
