"""What the running daemon knows of itself: what moves, what is wrong, what was read and delivered last.

Written by the loops, read by the watchdog and the status line. One line goes to the journal when a trouble begins and
one when it ends, none while it lasts.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from inviseobox.inventory import Inventory
from inviseobox.records import Reading

_log = logging.getLogger("inviseobox")


class Heartbeats:
    """When each loop and link promised to show progress next, on the event loop's monotonic clock."""

    def __init__(self) -> None:
        """Begin with no promises."""
        self._due: dict[str, float] = {}

    def expect(self, who: str, within: float) -> None:
        """Note that `who` just made progress and will again within this many seconds."""
        self._due[who] = asyncio.get_running_loop().time() + within

    def forget(self, who: str) -> None:
        """Note that `who` ended and promises nothing any more."""
        self._due.pop(who, None)

    def overdue(self) -> list[str]:
        """Name those that did not keep their promise."""
        now = asyncio.get_running_loop().time()
        return sorted(who for who, due in self._due.items() if due < now)


class Troubles:
    """What is wrong now, by its subject."""

    def __init__(self) -> None:
        """Begin with nothing wrong."""
        self._causes: dict[str, str] = {}

    def begin(self, subject: str, cause: str, advice: str = "", fields: Mapping[str, str] | None = None) -> None:
        """Note that `subject` does not work because of `cause`; log it, with what to check, unless it is known."""
        known = subject in self._causes
        self._causes[subject] = cause
        if not known:
            _log.warning("%s: %s%s", subject, cause, f"; {advice}" if advice else "", extra=dict(fields or {}))

    def end(self, subject: str, news: str, fields: Mapping[str, str] | None = None) -> None:
        """Note that `subject` works; log the `news` if it did not before."""
        if self._causes.pop(subject, None) is not None:
            _log.info("%s: %s", subject, news, extra=dict(fields or {}))

    def drop(self, subject: str) -> None:
        """Forget a subject that is no longer there, without a line."""
        self._causes.pop(subject, None)

    def current(self) -> list[tuple[str, str]]:
        """Give subjects and causes in the order in which they began."""
        return list(self._causes.items())


@dataclass
class Health:
    """All of it together. `last_delivered` is the end of a window, in seconds since the epoch."""

    heartbeats: Heartbeats = field(default_factory=Heartbeats)
    troubles: Troubles = field(default_factory=Troubles)
    inventory: Inventory = field(default_factory=Inventory)
    has_inventory: bool = False
    backlog: int = 0
    last_delivered: int | None = None
    _good: dict[str, bool] = field(default_factory=dict)

    def note_readings(self, readings: Iterable[Reading]) -> None:
        """Remember which measurements gave a value when they were read last."""
        self._good.update((reading.series.measurement, reading.value is not None) for reading in readings)

    def note_inventory(self, inventory: Inventory) -> None:
        """Take over a new device list; what was known of measurements that left is forgotten."""
        self.inventory = inventory
        self.has_inventory = True
        listed = {measurement.series.measurement for _, measurement in inventory.measurements}
        self._good = {identity: good for identity, good in self._good.items() if identity in listed}

    def answering(self) -> tuple[int, int, int]:
        """Count the devices of which some measurement gave a value last, those that were read, and all listed."""
        good = read = 0
        for device in self.inventory.devices:
            states = [self._good.get(measurement.series.measurement) for measurement in device.measurements]
            read += any(state is not None for state in states)
            good += any(states)
        return good, read, len(self.inventory.devices)
