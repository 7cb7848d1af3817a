"""Readings on their way from memory through the open window into sealed reports. Runs in the buffer's thread."""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from inviseobox.buffer.database import Database
from inviseobox.buffer.sealing import SealedWindow, seal
from inviseobox.configuration import DEFAULT_INTERVAL, MAX_INTERVAL
from inviseobox.errors import BufferFault
from inviseobox.records import Dating, Reading, Series, Stamp
from inviseobox.reports.window_ends import OpenWindow, next_border, window_for

_Keys = dict[tuple[str, str], tuple[Series, int]]
"""The series that were written, by measurement and fingerprint, with their keys in the database."""

_OLDEST = "SELECT min(end) FROM window WHERE sealed IS NULL"
MAX_PENDING = 400_000
"""Readings that are kept in memory, about 80 MB, while the disk cannot be written; beyond that the oldest go."""


class Readings:
    """The readings that are not sealed yet."""

    def __init__(self, database: Database, boot: str) -> None:
        """Work on `database`, which this object does not own, in the run of the kernel that `boot` names."""
        self._database = database
        self._boot = boot
        self._undated: deque[tuple[float, int, Reading]] = deque()
        self._keys: _Keys = {}
        self._generation = database.generation
        self._pending_settings: dict[str, str] = {}
        self.dropped = 0
        """Counts the readings that memory could not hold while the disk could not be written."""
        self._pending: deque[tuple[float, int, Reading]] = deque()
        self.oldest_end: int | None = None
        """The end of the oldest window on the disk that is not sealed, in seconds since the epoch."""
        oldest = database.row(_OLDEST)
        if oldest:
            self.oldest_end = oldest[0]

    def add(self, stamp: Stamp, interval: int, readings: Iterable[Reading]) -> None:
        """Keep readings in memory until the next commit, or until the time is known.

        The only method that may be called from another thread than the rest.
        """
        if stamp.now is None:
            self._undated.extend((stamp.uptime, interval, reading) for reading in readings)
            return
        now = stamp.now
        self._pending.extend((now, interval, reading) for reading in readings)
        while len(self._pending) > MAX_PENDING:
            self._pending.popleft()
            self.dropped += 1

    def add_setting(self, key: str, value: str) -> None:
        """Keep a setting in memory until the next commit. May be called from another thread than the rest."""
        self._pending_settings[key] = value

    def commit(self) -> None:
        """Write what is pending. Raises BufferFault; all stays pending then."""
        with self._written_pending():
            pass

    @property
    def waiting(self) -> int:
        """The bytes that readings without a date take."""
        return 0

    def is_overdue(self, now: float) -> bool:
        """Whether a window waits to be sealed at the time `now`, or readings wait to be dated."""
        return bool(self._undated) or (self.oldest_end is not None and self.oldest_end <= now)

    def seal(self, dating: Dating) -> list[SealedWindow]:
        """Seal each window whose end has come, in one transaction with what is pending. Raises BufferFault."""
        now = dating.now
        while self._undated:
            uptime, interval, reading = self._undated.popleft()
            self._pending.append((uptime + now - dating.uptime, interval, reading))
        with self._written_pending():
            self._move_back(now)
            due = list(
                self._database.rows("SELECT end FROM window WHERE sealed IS NULL AND end <= ? ORDER BY end", now)
            )
            return [seal(self._database, end) for (end,) in due]

    @contextmanager
    def _written_pending(self) -> Iterator[None]:
        """Begin a transaction by writing what is pending; what it wrote is forgotten once it is on the disk."""
        # Taken out one by one, for the event loop goes on adding meanwhile.
        taken = [self._pending.popleft() for _ in range(len(self._pending))]
        settings = dict(self._pending_settings)
        try:
            with self._database.transaction():
                keys = dict(self._keys) if self._generation == self._database.generation else {}
                self._write(taken, keys)
                self._database.run_many("INSERT OR REPLACE INTO setting VALUES (?, ?)", settings.items())
                yield
                oldest = self._database.row(_OLDEST)
        except BaseException:
            self._pending.extendleft(reversed(taken))
            raise
        self._keys = keys
        self._generation = self._database.generation
        self.oldest_end = oldest[0] if oldest else None
        for name, text in settings.items():
            if self._pending_settings.get(name) == text:
                del self._pending_settings[name]

    def _write(self, taken: Iterable[tuple[float, int, Reading]], keys: _Keys) -> None:
        """Write readings into the windows that were open when each came; note in `keys` the series that are new."""
        current = self._open_window()
        rows: list[tuple[int, int, float | None]] = []
        decided: tuple[int, ...] | None = None
        for now, interval, reading in taken:
            # Once for all that came between the same borders: a clock that was far ahead may have left thousands of
            # sealed ends to look at.
            if current is not None and decided == _borders(now, interval, current):
                window = current
            else:
                window = window_for(now, interval, current, self._is_sealed)
                if window != current:
                    # Before the switch, which also moves readings of this very commit.
                    self._insert(rows)
                    rows.clear()
                    self._switch(current, window)
                    # It may have been open already, with another interval, before the clock stepped.
                    current = self._open_window()
                decided = _borders(now, interval, window) if current == window else None
            name = (reading.series.measurement, reading.series.fingerprint)
            known = keys.get(name)
            if known is None or known[0] != reading.series:
                known = keys[name] = (reading.series, self._series_key(reading.series))
            rows.append((window.end, known[1], reading.value))
        self._insert(rows)

    def _insert(self, rows: Iterable[tuple[int, int, float | None]]) -> None:
        self._database.run_many("INSERT INTO reading (end, series, value) VALUES (?, ?, ?)", rows)

    def _open_window(self) -> OpenWindow | None:
        row = self._database.row("SELECT end, interval FROM window WHERE sealed IS NULL ORDER BY end DESC LIMIT 1")
        if row is None:
            return None
        end, interval = row
        # Damage that leaves the file well-formed must not stop the windows.
        return OpenWindow(end, interval if 1 <= interval <= MAX_INTERVAL else DEFAULT_INTERVAL)

    def _is_sealed(self, end: int) -> bool:
        return self._database.row("SELECT 1 FROM window WHERE end = ? AND sealed IS NOT NULL", end) is not None

    def _switch(self, current: OpenWindow | None, window: OpenWindow) -> None:
        if current is not None and window.end < current.end:
            self._database.run("UPDATE reading SET end = ? WHERE end > ?", window.end, window.end)
            self._database.run("DELETE FROM window WHERE sealed IS NULL AND end > ?", window.end)
        self._database.run("INSERT OR IGNORE INTO window (end, interval) VALUES (?, ?)", window.end, window.interval)

    def _move_back(self, now: float) -> None:
        """Where the clock stepped back, let the open window end when the clock as it is now says."""
        current = self._open_window()
        if current is not None and now < current.end:
            window = window_for(now, current.interval, current, self._is_sealed)
            if window != current:
                self._switch(current, window)

    def _series_key(self, series: Series) -> int:
        row = self._database.row(
            "INSERT INTO series (measurement, fingerprint, device, aggregates) VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET device = excluded.device, aggregates = excluded.aggregates RETURNING key",
            series.measurement,
            series.fingerprint,
            series.device,
            ",".join(series.aggregates),
        )
        if row is None:
            raise BufferFault("the buffer did not store a series")
        key = int(row[0])
        if series.synonyms:
            self._adopt_synonyms(series, key)
        return key

    def _adopt_synonyms(self, series: Series, key: int) -> None:
        """Go on with the baseline of the same way under another name of its class.

        A program that does not know that they are one writes to the other name's alone: where the two differ, that is
        the newer one.
        """
        found = self._database.rows(
            "SELECT other.key, other.baseline FROM series other JOIN series own ON own.key = ? "
            "WHERE other.measurement = ? AND other.fingerprint IN (SELECT value FROM json_each(?)) "
            "AND (other.same_as IS NOT own.key OR other.baseline IS NOT own.baseline)",
            key,
            series.measurement,
            json.dumps(series.synonyms),
        )
        # It may have been the other name once: two that point to each other would be two ways.
        self._database.run("UPDATE series SET same_as = NULL WHERE key = ? AND same_as IS NOT NULL", key)
        for other, baseline in list(found):
            if baseline is not None:
                self._database.run("UPDATE series SET baseline = ? WHERE key = ?", baseline, key)
            self._database.run("UPDATE series SET same_as = ? WHERE key = ?", key, other)


def _borders(now: float, interval: int, current: OpenWindow) -> tuple[int, ...]:
    """Return all that decides about the window of a reading, apart from what is sealed."""
    own = next_border(now, current.interval)
    return (next_border(now, interval), interval, current.end, own, int(now >= current.end))
