"""Sealed reports until the server has them. Runs in the buffer's thread."""

import logging
from collections.abc import Iterable
from typing import Any

from inviseobox import events
from inviseobox.buffer.database import Database
from inviseobox.buffer.rejected import DAMAGED
from inviseobox.buffer.restoring import HISTORY, missing, restored
from inviseobox.clock import utc_text
from inviseobox.records import Batch
from inviseobox.reports import batches

_log = logging.getLogger(__name__)

_NEWEST = """
SELECT id, end, fields, digest, count, refusals, proven FROM outbox
WHERE refusals = 0 AND end = (SELECT end FROM window ORDER BY sealed DESC LIMIT 1) ORDER BY id LIMIT 1"""
_OLDEST = "SELECT id, end, fields, digest, count, refusals, proven FROM outbox ORDER BY refusals, end, id LIMIT 1"


class Outbox:
    """The batches that wait for the server, and the status of the last sealed window."""

    def __init__(self, database: Database) -> None:
        """Work on `database`, which this object does not own."""
        self._database = database

    def next(self) -> Batch | None:
        """Return the batch to send next: of the window sealed last, then the oldest; refused ones after the others.

        A batch whose digest does not match was damaged on the disk: it is never sent but goes to the rejected ones.
        Raises BufferFault.
        """
        while (row := self._database.row(_NEWEST) or self._database.row(_OLDEST)) is not None:
            batch = _batch(row)
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

    def backlog(self) -> int:
        """Count the windows that wait. Raises BufferFault."""
        row = self._database.row("SELECT count(DISTINCT end) FROM outbox")
        return int(row[0]) if row else 0

    def rejected(self) -> int:
        """Count the batches that were set aside. Raises BufferFault."""
        row = self._database.row("SELECT count(*) FROM rejected")
        return int(row[0]) if row else 0

    def accept(self, batch: Batch) -> None:
        """Forget a batch that the server has. Raises BufferFault."""
        with self._database.transaction():
            self._database.run("DELETE FROM outbox WHERE id = ?", batch.id)
            self._note_delivered(batch.window_end)

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
            self._database.run("DELETE FROM outbox WHERE id = ?", batch.id)
            self._database.run_many(
                "INSERT INTO outbox (end, fields, digest, count, proven) VALUES (?, ?, ?, ?, ?)",
                ((part.window_end, part.fields, part.digest, part.count, int(part.proven)) for part in parts),
            )

    def postpone(self, batch: Batch) -> None:
        """Let other batches go before this one, which the server would not take in any part. Raises BufferFault."""
        with self._database.transaction():
            self._database.run("UPDATE outbox SET refusals = refusals + 1 WHERE id = ?", batch.id)

    def reject(self, batch: Batch, words: str) -> None:
        """Set a batch aside that the server will never take, with the server's words. Raises BufferFault."""
        with self._database.transaction():
            self._database.run(
                "INSERT INTO rejected (end, fields, words, digest) VALUES (?, ?, ?, ?)",
                batch.window_end,
                batch.fields,
                words,
                batch.digest,
            )
            self._database.run("DELETE FROM outbox WHERE id = ?", batch.id)
            self._note_delivered(batch.window_end)

    def status(self) -> tuple[int, int, str] | None:
        """Return one list of device states that waits: its id, its window's end, and itself as JSON text.

        An id is used again in a later window. Raises BufferFault.
        """
        return self._database.row("SELECT id, end, devices FROM status ORDER BY id LIMIT 1")

    def status_sent(self, identity: int, parts: Iterable[str] = ()) -> None:
        """Forget a list of device states, or put `parts` of it in its place. Raises BufferFault."""
        with self._database.transaction():
            row = self._database.row("DELETE FROM status WHERE id = ? RETURNING end", identity)
            # None where a window was sealed meanwhile, whose states are newer.
            if row is not None:
                self._database.run_many(
                    "INSERT INTO status (end, devices) VALUES (?, ?)", ((row[0], part) for part in parts)
                )


def _parts(batch: Batch, parts: Iterable[tuple[str, int]]) -> list[Batch]:
    """Make batches of parts of one, each given as its fields and their number."""
    return [
        Batch(batch.id, batch.window_end, fields, batches.digest(fields), count, 0, batch.proven)
        for fields, count in parts
    ]


def _batch(row: tuple[Any, ...]) -> Batch:
    identity, end, fields, digest, count, refusals, proven = row
    return Batch(identity, end, fields, digest, count, refusals, bool(proven))
