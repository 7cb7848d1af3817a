"""Readings on their way from memory through the open window into sealed reports. Runs in the buffer's thread."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from inviseobox.buffer.database import Database
from inviseobox.buffer.pending import Entry, Pending
from inviseobox.buffer.rows import Rows
from inviseobox.buffer.sealing import SealedWindow, Sealing
from inviseobox.buffer.series import SeriesKeys
from inviseobox.configuration import DEFAULT_INTERVAL, MAX_INTERVAL
from inviseobox.records import Dating
from inviseobox.reports.dating import dated
from inviseobox.reports.window_ends import OpenWindow, next_border, window_for

_MOVE = """
UPDATE reading SET end = ?1
WHERE end > ?1 AND end IN (SELECT end FROM window WHERE sealed IS NULL AND end IS NOT ?2)"""
_OLDEST = "SELECT min(end) FROM window WHERE sealed IS NULL"


class Readings:
    """The readings that are not sealed yet, and the windows that they are in."""

    def __init__(self, database: Database, boot: str) -> None:
        """Work on `database`, which this object does not own, in the run of the kernel that `boot` names."""
        self._database = database
        self._boot = boot
        self.pending = Pending()
        self._keys = SeriesKeys(database)
        self._rows = Rows(database, boot)
        self._closing: int | None = None
        """The end of the window that is being sealed: it takes no readings, and no step of the clock moves it."""
        self._generation: int | None = None
        """Counts the files to which `_rows` and `_keys` belong; None where they do not know what the file holds."""
        self._last_rows = 0
        self.oldest_end: int | None = None
        """The end of the oldest window on the disk that is not sealed, in seconds since the epoch."""
        with self._transaction():
            pass

    @property
    def waiting(self) -> int:
        """The bytes that readings without a date take on the disk."""
        return self._rows.waiting

    def is_overdue(self, now: float) -> bool:
        """Whether a window waits to be sealed at the time `now`, or readings wait to be dated."""
        return self.waiting > 0 or (self.oldest_end is not None and self.oldest_end <= now)

    def commit(self) -> None:
        """Write what is pending. Raises BufferFault; all stays pending then."""
        with self._written_pending():
            pass

    def date(self, dating: Dating) -> None:
        """Write what is pending, and bring what is not sealed into the windows where it belongs by what is known now.

        Raises BufferFault; nothing is changed then.
        """
        with self._written_pending():
            changed = list(dated(self._rows.unsealed(self._closing), self._boot, dating, self._is_sealed))
            if changed:
                self._rows.place(changed)
                # The first reading of a window says how long it is; those behind it may have joined it.
                self._database.run_many(
                    "INSERT OR IGNORE INTO window (end, interval) VALUES (?, ?)",
                    ((row.end, row.interval) for row in changed),
                )
                self._delete_empty_windows()
            self._move_back(dating.now)

    def begin(self, now: float) -> Sealing | None:
        """Begin with the sealing of the oldest window whose end has come, if there is one. Raises BufferFault."""
        with self._transaction():
            row = self._database.row(_OLDEST)
            if row is None or row[0] is None or row[0] > now:
                return None
            sealing = Sealing(self._database, self._rows, row[0])
        self._closing = sealing.end
        return sealing

    def finish(self, sealing: Sealing) -> SealedWindow:
        """Write what was counted. Raises BufferFault; the window is open again then."""
        with self._transaction():
            sealed = sealing.write()
        self._last_rows = sealing.usual_rows
        return sealed

    def end_sealing(self) -> None:
        """Note that no window is being sealed any more. The only method, with is_overdue(), for another thread."""
        self._closing = None

    def trim(self) -> bool:
        """Delete some of the rows for which there is no use; return whether all is done. Raises BufferFault."""
        with self._transaction():
            return self._rows.trim(self._last_rows)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Begin a transaction in which it is known what the file holds."""
        try:
            with self._database.transaction():
                if self._generation != self._database.generation:
                    self._keys.forget()
                    self._rows.load()
                yield
                oldest = self._database.row(_OLDEST)
        except BaseException:
            self._generation = None
            raise
        self._generation = self._database.generation
        self.oldest_end = oldest[0] if oldest else None

    @contextmanager
    def _written_pending(self) -> Iterator[None]:
        """Begin a transaction by writing what is pending; what it wrote is forgotten once it is on the disk."""
        taken, settings = self.pending.take()
        try:
            with self._transaction():
                self._write(taken)
                self._database.run_many("INSERT OR REPLACE INTO setting VALUES (?, ?)", settings.items())
                yield
        except BaseException:
            self.pending.put_back(taken)
            raise
        self.pending.forget_settings(settings)

    def _write(self, entries: Iterable[Entry]) -> None:
        """Write readings into the windows that were open when each came, or into none while the time is not known."""
        current = self._open_window()
        decided: tuple[int, ...] | None = None
        keys_of = self._keys.keys_of
        for entry in entries:
            now, interval = entry.stamp.now, entry.interval
            # Once for all that came between the same borders: a clock that was far ahead may have left thousands of
            # sealed ends to look at.
            if now is not None and (current is None or decided != _borders(now, interval, current)):
                window = window_for(now, interval, current, self._is_sealed)
                if window != current:
                    # Before the switch, which also moves readings of this very commit.
                    self._rows.flush()
                    self._switch(current, window)
                    # It may have been open already, with another interval, before the clock stepped.
                    current = self._open_window()
                decided = _borders(now, interval, window) if current == window else None
            end = None if now is None or current is None else current.end
            self._rows.add(end, interval, entry.stamp, keys_of(entry.readings.series), entry.readings.values)
        self._rows.flush()

    def _open_window(self) -> OpenWindow | None:
        row = self._database.row(
            "SELECT end, interval FROM window WHERE sealed IS NULL AND end IS NOT ? ORDER BY end DESC LIMIT 1",
            self._closing,
        )
        if row is None:
            return None
        end, interval = row
        # Damage that leaves the file well-formed must not stop the windows.
        return OpenWindow(end, interval if 1 <= interval <= MAX_INTERVAL else DEFAULT_INTERVAL)

    def _is_sealed(self, end: int) -> bool:
        """Whether a window takes no readings any more."""
        return (
            end == self._closing
            or self._database.row("SELECT 1 FROM window WHERE end = ? AND sealed IS NOT NULL", end) is not None
        )

    def _switch(self, current: OpenWindow | None, window: OpenWindow) -> None:
        if current is not None and window.end < current.end:
            self._database.run(_MOVE, window.end, self._closing)
            self._database.run(
                "DELETE FROM window WHERE sealed IS NULL AND end > ? AND end IS NOT ?", window.end, self._closing
            )
        self._database.run("INSERT OR IGNORE INTO window (end, interval) VALUES (?, ?)", window.end, window.interval)

    def _move_back(self, now: float) -> None:
        """Where the clock stepped back, let the open window end when the clock as it is now says."""
        current = self._open_window()
        if current is not None and now < current.end:
            window = window_for(now, current.interval, current, self._is_sealed)
            if window != current:
                self._switch(current, window)

    def _delete_empty_windows(self) -> None:
        """Delete the open windows whose readings went to others: none is invented."""
        self._database.run(
            "DELETE FROM window WHERE sealed IS NULL AND end IS NOT ? "
            "AND end NOT IN (SELECT end FROM reading WHERE end IS NOT NULL)",
            self._closing,
        )


def _borders(now: float, interval: int, current: OpenWindow) -> tuple[int, ...]:
    """Return all that decides about the window of a reading, apart from what is sealed."""
    own = next_border(now, current.interval)
    return (next_border(now, interval), interval, current.end, own, int(now >= current.end))
