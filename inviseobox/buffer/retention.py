"""Keeping the file within its bound. Runs in the buffer's thread."""

from dataclasses import dataclass

from inviseobox.buffer.database import Database

_FEWEST_SEALED_ENDS = 10_000
"""Ends of windows that are remembered, against a clock that steps back, where room is short."""

_MOST_DELETES = 2000
"""Deletes in one step: a small fraction of a second, after which the watchdog is told that there is progress."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """What had to go to keep the bound: windows of history, what the server had refused, and what it never got.

    `fields` counts the values of the latter.
    """

    history: int = 0
    rejected: int = 0
    deliveries: int = 0
    fields: int = 0

    def __add__(self, other: "Dropped") -> "Dropped":
        """Count both together."""
        return Dropped(
            self.history + other.history,
            self.rejected + other.rejected,
            self.deliveries + other.deliveries,
            self.fields + other.fields,
        )


def enforce_max_size(database: Database, max_size: int) -> tuple[Dropped, bool]:
    """Delete until the file's content takes at most `max_size` bytes, the least needed first.

    That is the history, what was rejected, ends of long ago, then the oldest deliveries; those of the newest window
    stay, for the server may take them. Space that is freed is used again, so the file stops growing; it does not
    shrink. Where there is much to delete, that is one step of it: return what went, and whether that was all. Raises
    BufferFault.
    """
    history = rejected = deliveries = fields = 0
    database.reserve_space()
    with database.transaction():
        for _ in range(_MOST_DELETES):
            if _used(database) <= max_size:
                break
            if database.run("DELETE FROM history WHERE end = (SELECT min(end) FROM history)"):
                history += 1
            elif database.run("DELETE FROM rejected WHERE id = (SELECT min(id) FROM rejected)"):
                rejected += 1
            elif not database.run(
                "DELETE FROM window WHERE sealed <= (SELECT max(sealed) FROM window) - ?", _FEWEST_SEALED_ENDS
            ):
                oldest = database.row(
                    "SELECT id, count FROM outbox "
                    "WHERE end IS NOT (SELECT end FROM window ORDER BY sealed DESC LIMIT 1) ORDER BY end, id LIMIT 1"
                )
                if oldest is None:
                    break
                database.run("DELETE FROM outbox WHERE id = ?", oldest[0])
                deliveries += 1
                fields += oldest[1]
        else:
            return Dropped(history, rejected, deliveries, fields), False
    return Dropped(history, rejected, deliveries, fields), True


def _used(database: Database) -> int:
    sizes = [database.row(f"PRAGMA {name}") for name in ("page_count", "freelist_count", "page_size")]
    pages, free, size = (row[0] if row else 0 for row in sizes)
    return int((pages - free) * size)
