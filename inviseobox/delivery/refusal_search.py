"""Telling a server that refuses one item from a server that refuses everything."""

from collections import deque
from collections.abc import Awaitable, Callable

from inviseobox.records import Batch
from inviseobox.reports.batches import digest, halves

_FIRST_SEARCH_PAUSE = 5.0
LONGEST_SEARCH_PAUSE = 6 * 3600.0
"""Seconds between two searches for the same batch."""
FIRST_BUDGET = 64
"""Requests that a first search may cost; each later search for the same batch may cost twice as many."""


class Searches:
    """When a batch that the server refused is worth a search: at once, and again after pauses that double.

    Each search sends the batch several times over, which a box on a mobile network must not do every few minutes.
    """

    def __init__(self) -> None:
        """Begin without any search."""
        self._pauses: dict[str, tuple[float, float]] = {}

    def is_due(self, batch: Batch, now: float) -> bool:
        """Whether to search now, in seconds of a clock that never steps."""
        due, _ = self._pauses.get(batch.digest, (now, 0.0))
        return now >= due

    def note_failed(self, batch: Batch, now: float) -> None:
        """Note a search that ended now and proved nothing: a good item waits no longer than it did already."""
        _, pause = self._pauses.get(batch.digest, (now, _FIRST_SEARCH_PAUSE / 2))
        pause = min(2 * pause, LONGEST_SEARCH_PAUSE)
        self._pauses[batch.digest] = (now + pause, pause)

    def forget(self, batch: Batch) -> None:
        """Note that the batch as it was is no more."""
        self._pauses.pop(batch.digest, None)


async def search(batch: Batch, accepts: Callable[[Batch], Awaitable[bool]]) -> list[Batch] | None:
    """Look for a part of a refused batch that the server accepts, by halving, the largest parts first.

    Return the parts that remain to be sent once one was accepted, marked as proven: what is refused of them is refused
    for its own sake. Return None where nothing was accepted within the budget: then nothing is proven, and the batch
    stays whole.
    """
    budget = FIRST_BUDGET << min(batch.refusals, 10)
    waiting: deque[Batch] = deque([batch])
    refused: list[Batch] = []
    while waiting:
        whole = waiting.popleft()
        if whole.count == 1:
            refused.append(whole)
            continue
        parts = [_part(batch, fields, count) for fields, count in halves(whole.fields)]
        if budget < len(parts):
            return None
        budget -= len(parts)
        for index, part in enumerate(parts):
            if await accepts(part):
                return [*refused, *parts[:index], *parts[index + 1 :], *waiting]
        waiting.extend(parts)
    return None


def _part(batch: Batch, fields: str, count: int) -> Batch:
    return Batch(batch.id, batch.window_end, fields, digest(fields), count, proven=True)
