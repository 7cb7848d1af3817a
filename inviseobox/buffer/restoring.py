"""Batches made again from the history, where their own rows were damaged. Pure.

A batch is what it was if its digest is the one that was noted when it was made.
"""

import json
from collections.abc import Collection, Iterable, Iterator

from inviseobox.clock import utc_text
from inviseobox.reports.batches import cut, digest, halves

HISTORY = "SELECT measurement, value FROM history WHERE end = ? ORDER BY measurement"
"""What the functions here take: the reports of the window that ended then."""

Reports = Iterable[tuple[str, str]]
Found = tuple[str, int]
"""Fields as text, and their number."""


def restored(reports: Reports, end: int, wanted: str) -> Found | None:
    """Find the batch with the digest `wanted` among the batches of a window and the parts into which they may be split.

    None where the reports do not give it.
    """
    waiting = list(cut(_fields(reports, end)))
    while waiting:
        fields, count = waiting.pop()
        if digest(fields) == wanted:
            return fields, count
        if count > 1:
            waiting.extend(halves(fields))
    return None


def missing(reports: Reports, end: int, sealed: Collection[str], there: Collection[str]) -> list[Found]:
    """Return what is not `there` any more of the batches of a window, whose digests were `sealed`.

    `there` are the digests of what still waits of the window, batches or parts of them.
    """
    batches = [found for found in cut(_fields(reports, end)) if digest(found[0]) in sealed]
    return [part for batch in batches for part in _without(batch, there)]


def _without(batch: Found, there: Collection[str]) -> list[Found]:
    fields, count = batch
    if digest(fields) in there:
        return []
    if count == 1 or not there:
        return [batch]
    parts = halves(fields)
    left = [part for half in parts for part in _without(half, there)]
    return [batch] if left == parts else left


def _fields(reports: Reports, end: int) -> Iterator[dict[str, object]]:
    for measurement, text in reports:
        try:
            value = json.loads(text)
        except ValueError:
            continue
        if value:
            yield {"measurement": measurement, "value": value, "timestamp": utc_text(end)}
