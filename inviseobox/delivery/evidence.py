"""Telling a server that refuses one item from a server that refuses everything."""

from collections import deque
from collections.abc import Awaitable, Callable

from inviseobox.delivery.batches import digest, halves
from inviseobox.records import Batch

FIRST_BUDGET = 64
"""Requests that a first search may cost; each later search for the same batch may cost twice as many."""


def is_worth_a_search(batch: Batch) -> bool:
    """Whether to search after this refusal: after the first, second, fourth, eighth and so on.

    Each search sends the batch several times over, which a box on a mobile network must not do every few minutes.
    """
    return batch.refusals & (batch.refusals + 1) == 0


async def search(batch: Batch, accepts: Callable[[Batch], Awaitable[bool]]) -> list[Batch] | None:
    """Look for a part of a refused batch that the server accepts, by halving, the largest parts first.

    Gives the parts that remain to be sent once one was accepted, marked as proven: what is refused of them is refused
    for its own sake. Gives None where nothing was accepted within the budget: then nothing is proven, and the batch
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
