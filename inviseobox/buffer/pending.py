"""What was read and is not on the disk yet."""

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from inviseobox.records import Reading, Readings, Stamp

MAX_PENDING = 400_000
"""Readings that are kept in memory, about 40 MB, while the disk cannot be written; beyond that the oldest go."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Readings whose answer came at one moment; `interval`, in seconds, is that of the window which they may open."""

    stamp: Stamp
    interval: int
    readings: Readings


class Pending:
    """Filled by the event loop, emptied by the buffer's thread: any method may be called from either."""

    def __init__(self) -> None:
        self.dropped = 0
        """Counts the readings that memory could not hold while the disk could not be written."""
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque()
        self._count = 0
        self._settings: dict[str, str] = {}

    def add(self, stamp: Stamp, interval: int, readings: Iterable[Reading]) -> None:
        """Keep readings until they are written; of the oldest, drop what is too much."""
        entry = Entry(stamp, interval, Readings.of(readings))
        if not entry.readings:
            return
        with self._lock:
            self._entries.append(entry)
            self._count += len(entry.readings)
            while self._count > MAX_PENDING:
                oldest = self._entries.popleft()
                kept = oldest.readings[self._count - MAX_PENDING :]
                self._count -= len(oldest.readings) - len(kept)
                self.dropped += len(oldest.readings) - len(kept)
                if kept:
                    self._entries.appendleft(Entry(oldest.stamp, oldest.interval, kept))

    def add_setting(self, key: str, value: str) -> None:
        """Keep a setting until it is written."""
        with self._lock:
            self._settings[key] = value

    @property
    def count(self) -> int:
        """Count the readings."""
        return self._count

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not self._entries and not self._settings

    def take(self) -> tuple[list[Entry], dict[str, str]]:
        """Return the readings, which are then no longer here, and the settings, which still are."""
        with self._lock:
            taken, self._entries, self._count = list(self._entries), deque(), 0
            return taken, dict(self._settings)

    def put_back(self, entries: Iterable[Entry]) -> None:
        """Keep again what was taken and could not be written."""
        with self._lock:
            for entry in reversed(list(entries)):
                self._entries.appendleft(entry)
                self._count += len(entry.readings)

    def forget_settings(self, written: dict[str, str]) -> None:
        """Forget the settings that are on the disk and did not change meanwhile."""
        with self._lock:
            for name, text in written.items():
                if self._settings.get(name) == text:
                    del self._settings[name]
