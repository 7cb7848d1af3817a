"""What is known of the batches that the server would not take. Pure; times are seconds of a monotonic clock.

A refusal says something about a batch only while the server takes others. So a batch that is refused lets others pass,
and is tried again under a back-off of its own, part by part; an item that stands alone in its batch is set aside only
after several proofs over an hour. The server's trouble counts as a refusal of a batch only if it lasts while something
else is accepted.
"""

from dataclasses import dataclass, field

from inviseobox.delivery.refusal_search import Search
from inviseobox.records import Batch

PROOFS = 5
"""How often the server must refuse an item and take other values in between, before the item is set aside."""
PROOF_TIME = 3600.0
"""Seconds between the first and the last of these proofs, at least."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE_OF_BATCH = 200.0
"""Seconds between two tries of a batch that is refused, give or take half of them."""
FAILURES = 3
FAILING_TIME = 600.0
"""How often, and over how many seconds at least, the server's trouble must meet a batch to count as its refusal."""

_MOST_SUSPECTS = 10_000
MOST_CHARACTERS = 16_000_000
"""Characters of batches that are held, so that a server which takes nothing for weeks does not fill the memory."""


@dataclass
class _Suspect:
    """A batch that was not taken. What the server took is counted, to know whether it took anything in between."""

    search: Search
    due: float = 0.0
    pause: float = FIRST_PAUSE / 2
    values_taken: int = 0
    proofs: list[float] = field(default_factory=list)
    failures: int = 0
    failing_since: float = 0.0
    anything_taken: int = 0


class Refusals:
    """The batches that are suspect, by digest."""

    def __init__(self) -> None:
        """Begin with none."""
        self._suspects: dict[str, _Suspect] = {}
        self._held = 0
        self._values_taken = 0
        self._refused_since = set[str]()

    def part_of(self, batch: Batch) -> Batch:
        """Return what to send of a batch: all of it, or a part in its place."""
        suspect = self._suspects.get(batch.digest)
        return suspect.search.part if suspect else batch

    def waiting(self, now: float) -> list[str]:
        """Return the digests of the batches that are not to be tried yet."""
        return [digest for digest, suspect in self._suspects.items() if suspect.due > now]

    def next_due(self, now: float) -> float | None:
        """Return when the next of them is to be tried, None where there are none."""
        return min((suspect.due for suspect in self._suspects.values() if suspect.due > now), default=None)

    @property
    def refuses_everything(self) -> bool:
        """Whether more than one batch was refused since the server took values last, or it took none at all."""
        return len(self._refused_since) > 1 or not self._values_taken

    def accepted(self, batch: Batch) -> list[Batch]:
        """Note that the server took what was sent of a batch; return what remains of the batch, in parts."""
        self._values_taken += 1
        self._refused_since.clear()
        suspect = self._taken_out(batch.digest)
        return suspect.search.remaining() if suspect else []

    def refused(self, batch: Batch, now: float, jitter: float) -> bool:
        """Note that the server refused what was sent of a batch; return whether the batch is proven to be refused.

        Only a batch of one item can be. `jitter`, between 0 and 1, spreads the tries: two servers behind one name, of
        which one refuses everything, must not meet the same batches each time.
        """
        if len(self._refused_since) < 2:
            # More than one is enough to know.
            self._refused_since.add(batch.digest)
        suspect = self._suspect(batch)
        is_first = suspect.due == 0.0
        if not is_first and self._values_taken > suspect.values_taken:
            suspect.proofs.append(now)
        suspect.values_taken = self._values_taken
        self._postpone(suspect, now, jitter)
        if batch.count > 1:
            self._go_on(batch, suspect)
            return False
        return len(suspect.proofs) >= PROOFS and suspect.proofs[-1] - suspect.proofs[0] >= PROOF_TIME

    def shortened(self, batch: Batch) -> bool:
        """Send less of a batch the next time; return whether that is possible."""
        suspect = self._suspect(batch)
        if suspect.search.part.count == 1:
            return False
        self._go_on(batch, suspect)
        return True

    def failed(self, batch: Batch, now: float, taken: int) -> bool:
        """Note trouble that says nothing of the batch by itself; return whether it counts as a refusal by now.

        `taken` counts what the server took so far, whatever it was: values, states, requests for the device list.
        """
        suspect = self._suspect(batch)
        if not suspect.failures:
            suspect.failing_since = now
            suspect.anything_taken = taken
        suspect.failures += 1
        counts = (
            suspect.failures >= FAILURES
            and now - suspect.failing_since >= FAILING_TIME
            and taken > suspect.anything_taken
        )
        if counts:
            suspect.failures = 0
        return counts

    def took_less_meanwhile(self, batch: Batch, taken: int) -> bool:
        """Whether the server took something else since trouble with the batch began."""
        return taken > self._suspect(batch).anything_taken

    def forget(self, batch: Batch) -> None:
        """Forget a batch that is no more."""
        self._taken_out(batch.digest)
        self._refused_since.discard(batch.digest)

    def _suspect(self, batch: Batch) -> _Suspect:
        known = self._suspects.get(batch.digest)
        if known is None:
            if len(self._suspects) >= _MOST_SUSPECTS:
                # The one that is known longest: the file may have had no room for it any more.
                self._taken_out(next(iter(self._suspects)))
            known = self._suspects[batch.digest] = _Suspect(Search(batch))
            self._held += known.search.characters
            self._make_room(batch)
        return known

    def _taken_out(self, digest: str) -> _Suspect | None:
        suspect = self._suspects.pop(digest, None)
        self._held -= suspect.search.characters if suspect else 0
        return suspect

    def _go_on(self, batch: Batch, suspect: _Suspect) -> None:
        """Go on with the search in a batch."""
        before = suspect.search.characters
        suspect.search.refused()
        self._held += suspect.search.characters - before
        self._make_room(batch)

    def _make_room(self, kept: Batch) -> None:
        """Forget others where too much is held: those known longest, single items last, for they carry the proofs."""
        if self._held <= MOST_CHARACTERS:
            return
        others = [digest for digest in self._suspects if digest != kept.digest]
        for digest in sorted(others, key=lambda digest: self._suspects[digest].search.is_of_one_item):
            if self._held <= MOST_CHARACTERS:
                return
            self._taken_out(digest)

    @staticmethod
    def _postpone(suspect: _Suspect, now: float, jitter: float) -> None:
        suspect.pause = min(2 * suspect.pause, LONGEST_PAUSE_OF_BATCH)
        suspect.due = now + suspect.pause * (0.5 + jitter)
