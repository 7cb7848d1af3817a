"""Readings on their way from memory through the open window into sealed reports. Runs in the buffer's thread."""

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter

from inviseobox.buffer.database import Database
from inviseobox.clock import utc_text
from inviseobox.delivery.aggregation import Segment, aggregate
from inviseobox.delivery.batches import cut, digest
from inviseobox.delivery.device_status import device_status, measurement_status
from inviseobox.delivery.window_ends import OpenWindow, window_for
from inviseobox.errors import BufferFault
from inviseobox.records import Aggregate, Reading, Series

_SEALED_ENDS_KEPT = 200_000
_WINDOW_CONTENT = """
SELECT series.measurement, series.device, series.key, series.aggregates, series.baseline, reading.value
FROM reading JOIN series ON series.key = reading.series
WHERE reading.end = ? ORDER BY series.measurement, reading.id
"""


@dataclass(frozen=True, slots=True)
class SealedWindow:
    """One window that was closed: its end in seconds since the epoch, and how many measurements it delivers."""

    end: int
    fields: int


class Readings:
    """The readings that are not sealed yet."""

    def __init__(self, database: Database) -> None:
        """Work on `database`, which this object does not own."""
        self._database = database
        self._keys: dict[Series, int] = {}
        self._pending_notes: dict[str, str] = {}
        self._pending: deque[tuple[float, int, Reading]] = deque()
        self.oldest_end: int | None = None
        """The end of the oldest window on the disk that is not sealed, in seconds since the epoch."""
        self._note_oldest()

    def add(self, now: float, interval: int, readings: Iterable[Reading]) -> None:
        """Keep readings in memory until the next commit. `now` is the wall clock when their answer came.

        The only method that may be called from another thread than the rest.
        """
        self._pending.extend((now, interval, reading) for reading in readings)

    def add_note(self, key: str, value: str) -> None:
        """Keep a note in memory until the next commit. May be called from another thread than the rest."""
        self._pending_notes[key] = value

    def commit(self) -> None:
        """Write what is pending. Raises BufferFault; all stays pending then."""
        with self._written_pending():
            pass

    def seal(self, now: float) -> list[SealedWindow]:
        """Seal each window whose end has come, in one transaction with what is pending. Raises BufferFault."""
        with self._written_pending():
            self._move_back(now)
            due = list(
                self._database.rows("SELECT end FROM window WHERE sealed IS NULL AND end <= ? ORDER BY end", now)
            )
            return [self._seal_one(end) for (end,) in due]

    @contextmanager
    def _written_pending(self) -> Iterator[None]:
        """A transaction that begins with writing what is pending; what it wrote is forgotten once it is on the disk."""
        count = len(self._pending)
        notes = dict(self._pending_notes)
        new_keys: dict[Series, int] = {}
        with self._database.transaction():
            current = self._open_window()
            rows = []
            for now, interval, reading in itertools.islice(self._pending, count):
                window = window_for(now, interval, current, self._is_sealed)
                if window != current:
                    self._switch(current, window)
                    current = window
                key = self._keys.get(reading.series) or new_keys.get(reading.series)
                if key is None:
                    key = new_keys[reading.series] = self._series_key(reading.series)
                rows.append((window.end, key, reading.value))
            self._database.run_many("INSERT INTO reading (end, series, value) VALUES (?, ?, ?)", rows)
            self._database.run_many("INSERT OR REPLACE INTO note VALUES (?, ?)", notes.items())
            yield
        self._keys.update(new_keys)
        self._note_oldest()
        for name, text in notes.items():
            if self._pending_notes.get(name) == text:
                del self._pending_notes[name]
        for _ in range(count):
            self._pending.popleft()

    def _note_oldest(self) -> None:
        row = self._database.row("SELECT min(end) FROM window WHERE sealed IS NULL")
        self.oldest_end = row[0] if row else None

    def _open_window(self) -> OpenWindow | None:
        row = self._database.row("SELECT end, interval FROM window WHERE sealed IS NULL ORDER BY end DESC LIMIT 1")
        return OpenWindow(*row) if row else None

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
        return int(row[0])

    def _seal_one(self, end: int) -> SealedWindow:
        devices: dict[str, list[dict[str, str]]] = {}
        baselines: dict[int, float] = {}
        counts = []
        for fields, count in cut(self._fields(end, devices, baselines)):
            self._database.run(
                "INSERT INTO outbox (end, fields, digest, count) VALUES (?, ?, ?, ?)",
                end,
                fields,
                digest(fields),
                count,
            )
            counts.append(count)
        self._database.run_many(
            "UPDATE series SET baseline = ? WHERE key = ?", ((value, key) for key, value in baselines.items())
        )
        self._database.run("DELETE FROM status")
        for listed, _ in cut(device_status(device, measurements) for device, measurements in devices.items()):
            self._database.run("INSERT INTO status (end, devices) VALUES (?, ?)", end, listed)
        self._database.run("DELETE FROM reading WHERE end = ?", end)
        self._database.run(
            "UPDATE window SET sealed = (SELECT coalesce(max(sealed), 0) + 1 FROM window) WHERE end = ?", end
        )
        self._database.run("DELETE FROM window WHERE sealed <= (SELECT max(sealed) FROM window) - ?", _SEALED_ENDS_KEPT)
        return SealedWindow(end, sum(counts))

    def _fields(
        self, end: int, devices: dict[str, list[dict[str, str]]], baselines: dict[int, float]
    ) -> Iterator[dict[str, object]]:
        """Give the window's fields one by one; fill in the state of each device and the new baseline of each series."""
        content = self._database.rows(_WINDOW_CONTENT, end)
        for measurement, rows in itertools.groupby(content, key=itemgetter(0)):
            values: dict[int, list[float]] = {}
            before: dict[int, float | None] = {}
            reads = 0
            for _, device, key, aggregates, baseline, value in rows:  # noqa: B007 (the last row's are used below)
                reads += 1
                before[key] = baseline
                if value is not None:
                    values.setdefault(key, []).append(value)
            good = sum(map(len, values.values()))
            devices.setdefault(device, []).append({"_id": measurement, "status": measurement_status(good, reads)})
            baselines.update((key, series_values[-1]) for key, series_values in values.items())
            wanted = [Aggregate(name) for name in aggregates.split(",") if name]
            if values and wanted:
                segments = [Segment(series_values, before[key]) for key, series_values in values.items()]
                yield {
                    "measurement": measurement,
                    "value": aggregate(segments, wanted),
                    "timestamp": utc_text(end),
                }
