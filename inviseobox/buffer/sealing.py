"""What becomes of a window when its end has come. Runs in the buffer's thread, inside a transaction."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from inviseobox.buffer.database import Database
from inviseobox.clock import utc_text
from inviseobox.records import Aggregate
from inviseobox.reports.aggregation import Summary, summarised
from inviseobox.reports.batches import cut, digest
from inviseobox.reports.device_status import device_status, status_lists

HISTORY_TIME = 31 * 86_400
"""Seconds of windows that stay in the history."""
_SEALED_ENDS_KEPT = 200_000
_WINDOW_CONTENT = """
SELECT series.measurement, series.device, coalesce(series.same_as, series.key), series.aggregates, series.baseline,
reading.value
FROM reading JOIN series ON series.key = reading.series
WHERE reading.end = ? ORDER BY series.measurement, reading.id
"""
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


def seal(database: Database, end: int) -> SealedWindow:
    """Turn the readings of the window into batches, a status and history; move the baselines; forget the readings.

    To be called in a transaction.
    """
    summaries: list[Summary] = []
    count = 0
    digests: list[str] = []
    for fields, items in cut(_fields(summarised(database.rows(_WINDOW_CONTENT, end)), end, summaries)):
        digests.append(digest(fields))
        database.run(
            "INSERT INTO outbox (end, fields, digest, count) VALUES (?, ?, ?, ?)", end, fields, digests[-1], items
        )
        count += items
    database.run_many(
        _MOVE_BASELINES, ((one.last.way, one.last.value, one.measurement) for one in summaries if one.last is not None)
    )
    _replace_status(database, end, summaries)
    database.run_many(
        "INSERT INTO history (end, measurement, value, status) VALUES (?, ?, ?, ?)",
        ((end, one.measurement, json.dumps(one.value, separators=(",", ":")), one.status) for one in summaries),
    )
    database.run("DELETE FROM reading WHERE end = ?", end)
    database.run(
        "UPDATE window SET sealed = (SELECT coalesce(max(sealed), 0) + 1 FROM window), digests = ?, delivered = ? "
        "WHERE end = ?",
        ",".join(digests),
        int(not digests),
        end,
    )
    _forget_old(database, end)
    backwards = {one.measurement for one in summaries if one.value.get(Aggregate.DIFF, "").startswith("-")}
    return SealedWindow(end, count, frozenset(backwards))


def _fields(summaries: Iterable[Summary], end: int, seen: list[Summary]) -> Iterator[dict[str, object]]:
    """Yield the fields of those that have values, and note all in `seen`."""
    for summary in summaries:
        seen.append(summary)
        if summary.value:
            yield {"measurement": summary.measurement, "value": summary.value, "timestamp": utc_text(end)}


def _replace_status(database: Database, end: int, summaries: Iterable[Summary]) -> None:
    devices: dict[str, list[dict[str, str]]] = {}
    for summary in summaries:
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
