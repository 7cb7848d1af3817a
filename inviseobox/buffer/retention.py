"""Keeping the file within its bound. Runs in the buffer's thread."""

from dataclasses import dataclass

from inviseobox.buffer.database import Database


@dataclass(frozen=True, slots=True)
class Dropped:
    """What had to go to keep the bound: windows of history, and deliveries that never reached the server."""

    history: int = 0
    deliveries: int = 0
    fields: int = 0


def make_room(database: Database, max_size: int) -> Dropped:
    """Delete until the file's content takes at most `max_size` bytes: history first, then the oldest deliveries.

    Space that is freed is used again, so the file stops growing; it does not shrink. Raises BufferFault.
    """
    history = deliveries = fields = 0
    with database.transaction():
        while _used(database) > max_size:
            if database.run("DELETE FROM history WHERE end = (SELECT min(end) FROM history)"):
                history += 1
                continue
            oldest = database.row("SELECT id, count FROM outbox ORDER BY end, id LIMIT 1")
            if oldest is None:
                break
            database.run("DELETE FROM outbox WHERE id = ?", oldest[0])
            deliveries += 1
            fields += oldest[1]
    return Dropped(history, deliveries, fields)


def _used(database: Database) -> int:
    sizes = [database.row(f"PRAGMA {name}") for name in ("page_count", "freelist_count", "page_size")]
    pages, free, size = (row[0] if row else 0 for row in sizes)
    return int((pages - free) * size)
