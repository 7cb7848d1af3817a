"""The search for the item that is refused in a batch. Pure.

Each try sends one part in the place of the whole, so that a server which refuses everything, or is overloaded, gets not
one request more than it would.
"""

from collections import deque

from inviseobox.records import Batch
from inviseobox.reports.batches import digest, halves


class Search:
    """One batch taken apart by halves, the largest parts first."""

    def __init__(self, whole: Batch) -> None:
        """Begin with the batch as a whole."""
        self._whole = whole
        self._waiting = deque([whole])
        self._alone: list[Batch] = []

    @property
    def part(self) -> Batch:
        """The part to send next."""
        return self._waiting[0]

    @property
    def characters(self) -> int:
        """Return how many characters of batches are held."""
        parts = (part for part in (*self._alone, *self._waiting) if part is not self._whole)
        return len(self._whole.fields) + sum(len(part.fields) for part in parts)

    @property
    def is_of_one_item(self) -> bool:
        """Whether there is nothing to take apart."""
        return self._whole.count == 1

    def refused(self) -> None:
        """Go on after the server would not take the part: with smaller ones, or in the end from the beginning."""
        part = self._waiting.popleft()
        if part.count > 1:
            self._waiting.extend(_part(self._whole, fields, count) for fields, count in halves(part.fields))
        else:
            self._alone.append(part)
        if not self._waiting:
            self._waiting.append(self._whole)
            self._alone.clear()

    def remaining(self) -> list[Batch]:
        """Return what is left of the whole, in parts, once the server has taken the part."""
        return [*self._alone, *list(self._waiting)[1:]]


def _part(whole: Batch, fields: str, count: int) -> Batch:
    return Batch(whole.id, whole.window_end, fields, digest(fields), count)
