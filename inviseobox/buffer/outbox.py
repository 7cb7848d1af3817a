"""Sealed reports until the server has them. Runs in the buffer's thread."""

import json
import logging
from collections.abc import Collection, Iterable

from inviseobox import events
from inviseobox.buffer.database import Database
from inviseobox.buffer.rejected import DAMAGED, Rejected
from inviseobox.buffer.restoring import HISTORY, missing, restored
from inviseobox.clock import utc_text
from inviseobox.records import Batch, DeviceStates
from inviseobox.reports import batches

_log = logging.getLogger(__name__)

_NEWEST = """
SELECT id, end, fields, digest, count FROM outbox WHERE digest NOT IN (SELECT value FROM json_each(?))
AND refusals = 0 AND end = (SELECT end FROM window ORDER BY sealed DESC LIMIT 1) ORDER BY id LIMIT 1"""
_OLDEST = """
SELECT id, end, fields, digest, count FROM outbox WHERE digest NOT IN (SELECT value FROM json_each(?))
ORDER BY refusals, end, id LIMIT 1"""
# The number of offers, 7, as it stands in the index rejected_to_offer.
_TO_OFFER = """
SELECT id, end, fields, digest FROM rejected
WHERE offers < 7 AND digest IS NOT NULL AND (offered <= ? OR offered > ?) ORDER BY offered, id LIMIT 1"""
_OFFER_PERIOD = 86_400
"""Seconds between two offers of what was rejected."""
_MOST_OFFERS = 7
_MOST_TOGETHER = 16
"""Rejected batches that are looked at in one go; few are longer than a few hundred bytes."""
_MOST_CHARACTERS = 16_384


class Outbox:
    """The batches that wait for the server, and the status of the last sealed window."""

    def __init__(self, database: Database) -> None:
        """Work on `database`, which this object does not own."""
        self._database = database

    def next(self, waiting: Collection[str] = ()) -> Batch | None:
        """Return the batch to send next: of the window sealed last, then the oldest; refused ones after the others.

        Those whose digests are `waiting` are left out.

        A batch whose digest does not match was damaged on the disk: it is never sent but goes to the rejected ones.
        Raises BufferFault.
        """
        left_out = json.dumps(list(waiting))
        while (row := self._database.row(_NEWEST, left_out) or self._database.row(_OLDEST, left_out)) is not None:
            batch = Batch(*row)
            if batches.digest(batch.fields) == batch.digest:
                return batch
            if not self._restore(batch):
                window = utc_text(batch.window_end)
                fields = events.DELIVERY_DAMAGED(window=window)
                _log.error("a batch of the window %s was damaged on the disk and is not sent", window, extra=fields)
                self.reject(batch, DAMAGED)
        return None

    def _restore(self, batch: Batch) -> bool:
        """Put in the place of a damaged batch what the history has of it, if anything. Raises BufferFault."""
        end = batch.window_end
        with self._database.transaction():
            found = restored(self._database.rows(HISTORY, end), end, batch.digest)
            parts = [found] if found else self._missing(batch)
        if parts:
            self.replace(batch, _parts(batch, parts))
        return bool(parts)

    def _missing(self, batch: Batch) -> list[tuple[str, int]]:
        """Return what is nowhere else of a batch whose digest is damaged, too."""
        end = batch.window_end
        window = self._database.row("SELECT digests FROM window WHERE end = ?", end)
        sealed = (window[0] or "").split(",") if window else []
        there = {row[0] for row in self._database.rows("SELECT digest FROM outbox WHERE end = ?", end)}
        return missing(self._database.rows(HISTORY, end), end, sealed, there)

    def rejected(self) -> int:
        """Count the batches that were set aside. Raises BufferFault."""
        row = self._database.row("SELECT count(*) FROM rejected")
        return int(row[0]) if row else 0

    def rejected_after(self, after: int) -> list[Rejected]:
        """Return the oldest of the rejected batches whose ids are above `after`, as many as go together."""
        found: list[Rejected] = []
        size = 0
        sql = "SELECT id, end, fields, words, digest FROM rejected WHERE id > ? ORDER BY id LIMIT 1"
        while len(found) < _MOST_TOGETHER and size < _MOST_CHARACTERS and (row := self._database.row(sql, after)):
            found.append(Rejected.of(*row))
            after, size = found[-1].id, size + len(found[-1].fields)
        return found

    def accept(self, batch: Batch) -> None:
        """Forget a batch that the server has. Raises BufferFault."""
        with self._database.transaction():
            self._remove(batch)
            self._note_delivered(batch.window_end)

    def _remove(self, batch: Batch) -> None:
        # An id may be used again: a late answer must not take another batch away.
        self._database.run("DELETE FROM outbox WHERE id = ? AND digest = ?", batch.id, batch.digest)

    def _note_delivered(self, end: int) -> None:
        """Where nothing of a window waits any more, remember so: a salvage need not bring it back."""
        self._database.run(
            "UPDATE window SET delivered = 1, digests = NULL "
            "WHERE end = ? AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.end = ?)",
            end,
            end,
        )

    def split(self, batch: Batch) -> None:
        """Put two halves of a batch in its place. Raises BufferFault."""
        self.replace(batch, _parts(batch, batches.halves(batch.fields)))

    def replace(self, batch: Batch, parts: Iterable[Batch]) -> None:
        """Put parts of a batch in its place. Raises BufferFault."""
        with self._database.transaction():
            self._remove(batch)
            self._database.run_many(
                "INSERT INTO outbox (end, fields, digest, count) VALUES (?, ?, ?, ?)",
                ((part.window_end, part.fields, part.digest, part.count) for part in parts),
            )
            self._note_delivered(batch.window_end)

    def postpone(self, batch: Batch) -> None:
        """Let other batches go before this one, which the server would not take in any part. Raises BufferFault."""
        with self._database.transaction():
            self._database.run(
                "UPDATE outbox SET refusals = refusals + 1 WHERE id = ? AND digest = ?", batch.id, batch.digest
            )

    def reject(self, batch: Batch, words: str, now: float = 0.0) -> None:
        """Set a batch aside that the server would not take, with the server's words, at the wall clock `now`.

        Raises BufferFault.
        """
        with self._database.transaction():
            self._database.run(
                "INSERT INTO rejected (end, fields, words, digest, offered) VALUES (?, ?, ?, ?, ?)",
                batch.window_end,
                batch.fields,
                words,
                batch.digest,
                int(now),
            )
            self._remove(batch)
            self._note_delivered(batch.window_end)

    def offer(self, now: float) -> Batch | None:
        """Return one of the rejected batches that is to be offered to the server again; None where there is none.

        Each is, once a day, until the server refused it seven times more. The day begins with this call, whatever comes
        of the offer, so that none keeps the others from theirs. `now` is in seconds since the epoch. Raises
        BufferFault.
        """
        due = int(now) - _OFFER_PERIOD, int(now) + _OFFER_PERIOD
        while (row := self._database.row(_TO_OFFER, *due)) is not None:
            identity, end, fields, digest = row
            is_intact = batches.digest(fields) == digest
            with self._database.transaction():
                if is_intact:
                    self._database.run("UPDATE rejected SET offered = ? WHERE id = ?", int(now), identity)
                else:
                    self._database.run("UPDATE rejected SET offers = ? WHERE id = ?", _MOST_OFFERS, identity)
            if is_intact:
                return Batch(identity, end, fields, digest, len(json.loads(fields)))
        return None

    def offered(self, batch: Batch, *, accepted: bool) -> None:
        """Note what came of an offer: the server has the batch now, or refused it again. Raises BufferFault."""
        with self._database.transaction():
            if accepted:
                self._database.run("DELETE FROM rejected WHERE id = ? AND digest = ?", batch.id, batch.digest)
            else:
                self._database.run(
                    "UPDATE rejected SET offers = offers + 1 WHERE id = ? AND digest = ?", batch.id, batch.digest
                )

    def status(self) -> DeviceStates | None:
        """Return one list of device states that waits. Raises BufferFault."""
        row = self._database.row("SELECT id, end, devices FROM status ORDER BY id LIMIT 1")
        return DeviceStates(*row) if row else None

    def status_sent(self, states: DeviceStates, parts: Iterable[str] = ()) -> None:
        """Forget a list of device states, or put `parts` of it in its place. Raises BufferFault."""
        with self._database.transaction():
            # An id is used again in a later window, whose states are newer.
            gone = self._database.run(
                "DELETE FROM status WHERE id = ? AND end = ? AND devices = ?",
                states.id,
                states.window_end,
                states.devices,
            )
            if gone:
                self._database.run_many(
                    "INSERT INTO status (end, devices) VALUES (?, ?)", ((states.window_end, part) for part in parts)
                )


def _parts(batch: Batch, parts: Iterable[tuple[str, int]]) -> list[Batch]:
    """Make batches of parts of one, each given as its fields and their number."""
    return [Batch(batch.id, batch.window_end, fields, batches.digest(fields), count) for fields, count in parts]
