"""How much waits for the server. Runs in the buffer's thread.

The bytes are a running figure: to add up the batches would read a backlog of weeks from the card each time. What is
there at the start is counted a few batches at a time; from then on triggers of this connection add and subtract, in the
transaction of whatever changes the outbox.
"""

from inviseobox.buffer.database import Database

_TOGETHER = 16
"""Batches that are counted in one go: at most 1.5 MB."""
_ALL = 2**62
"""Above each id: all is counted."""
# Batches up to the id `counted` are in `bytes`. Temporary, and so in memory.
_TABLE = "CREATE TEMP TABLE backlog (counted INTEGER NOT NULL, bytes INTEGER NOT NULL)"
_MORE = """
CREATE TEMP TRIGGER backlog_grows AFTER INSERT ON main.outbox WHEN new.id <= (SELECT counted FROM backlog)
BEGIN UPDATE backlog SET bytes = bytes + length(CAST(new.fields AS BLOB)); END"""
_LESS = """
CREATE TEMP TRIGGER backlog_shrinks AFTER DELETE ON main.outbox WHEN old.id <= (SELECT counted FROM backlog)
BEGIN UPDATE backlog SET bytes = bytes - length(CAST(old.fields AS BLOB)); END"""
_NEXT = """
SELECT max(id), coalesce(sum(length(CAST(fields AS BLOB))), 0)
FROM (SELECT id, fields FROM outbox WHERE id > ? ORDER BY id LIMIT ?)"""


class Backlog:
    """Counts the batches that wait."""

    def __init__(self, database: Database) -> None:
        """Read from `database`, which this object does not own."""
        self._database = database
        self._version = 0

    def windows(self) -> int:
        """Count the windows that wait. Raises BufferFault."""
        row = self._database.row("SELECT count(DISTINCT end) FROM outbox")
        return int(row[0]) if row else 0

    def bytes(self) -> int | None:
        """Return the bytes of JSON that wait; None while they are still counted, of which this is a step.

        Raises BufferFault.
        """
        is_changed = self._is_changed()
        if is_changed or (found := self._counted()) is None or found[0] < _ALL:
            with self._database.transaction():
                found = self._count_some(None if is_changed else self._counted())
        return found[1] if found[0] == _ALL else None

    def _is_changed(self) -> bool:
        """Whether another process has changed the file since, as `inviseobox rejected --requeue` does."""
        row = self._database.row("PRAGMA data_version")
        before, self._version = self._version, row[0] if row else 0
        return self._version != before

    def _counted(self) -> tuple[int, int] | None:
        """Return up to which id how much is counted; None where it must begin, for the file was opened anew."""
        if self._database.row("SELECT 1 FROM temp.sqlite_master WHERE name = 'backlog'") is None:
            return None
        row = self._database.row("SELECT counted, bytes FROM temp.backlog")
        return (row[0], row[1]) if row else None

    def _count_some(self, so_far: tuple[int, int] | None) -> tuple[int, int]:
        """Count the next batches; return as _counted() does."""
        counted, size = so_far or self._begin()
        row = self._database.row(_NEXT, counted, _TOGETHER)
        last, more = row or (None, 0)
        counted, size = _ALL if last is None else last, size + more
        self._database.run("UPDATE temp.backlog SET counted = ?, bytes = ?", counted, size)
        return counted, size

    def _begin(self) -> tuple[int, int]:
        if self._counted() is None:
            for statement in (_TABLE, _MORE, _LESS):
                self._database.run(statement)
        self._database.run("DELETE FROM temp.backlog")
        self._database.run("INSERT INTO temp.backlog VALUES (0, 0)")
        return 0, 0
