"""What the running daemon knows of itself: what moves, what is wrong, what was read and delivered last.

Written by the loops, read by the watchdog and the status line. One line goes to the journal when a trouble begins and
one when it ends, none while it lasts.
"""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from inviseobox import events
from inviseobox.devices.inventory import Inventory
from inviseobox.errors import BufferFault, ServerUnreachable, TokenRefused
from inviseobox.events import Marks
from inviseobox.records import Reading

_log = logging.getLogger("inviseobox")

CLOCK_TOLERANCE = 60.0
"""Seconds by which the box's clock may differ from the server's before it is worth a line."""


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
        self._known: dict[str, tuple[str, Marks]] = {}

    def begin(self, marks: Marks, subject: str, cause: str, advice: str = "") -> None:
        """Note that `subject` does not work because of `cause`; log it, with what to check, unless it is known.

        `marks` say of which kind the trouble is. One that is known stays what it was when its line was written.
        """
        known = self._known.get(subject)
        self._known[subject] = (cause, known[1] if known else marks)
        if known is None:
            _log.warning("%s: %s%s", subject, cause, f"; {advice}" if advice else "", extra=marks.begins)

    def end(self, subject: str, news: str) -> None:
        """Note that `subject` works; log the `news` if it did not before."""
        known = self._known.pop(subject, None)
        if known is not None:
            _log.info("%s: %s", subject, news, extra=known[1].ends)

    def drop(self, subject: str) -> None:
        """Forget a subject that is no longer there, without a line."""
        self._known.pop(subject, None)

    def current(self) -> list[tuple[str, str]]:
        """Give subjects and causes in the order in which they began."""
        return [(subject, cause) for subject, (cause, _) in self._known.items()]


@dataclass
class Latest:
    """What is known of one measurement: its last good value and when it came (seconds since the epoch).

    `good` and `reads` count since the last window was closed.
    """

    value: float | None = None
    at: float | None = None
    answers: bool = False
    good: int = 0
    reads: int = 0


@dataclass
class Progress:
    """When each facet of the work last got somewhere, in seconds since the epoch; None: not since the start."""

    polling: float | None = None
    commits: float | None = None
    delivery: float | None = None


@dataclass
class Health:
    """All of it together.

    `backlog` counts windows and `rejected` deliveries; `last_delivered` is the end of a window in seconds since the
    epoch; `clock_error` is how many seconds the box's clock is ahead of the server's.
    """

    heartbeats: Heartbeats = field(default_factory=Heartbeats)
    troubles: Troubles = field(default_factory=Troubles)
    progress: Progress = field(default_factory=Progress)
    inventory: Inventory = field(default_factory=Inventory)
    has_inventory: bool = False
    backlog: int = 0
    rejected: int = 0
    last_delivered: int | None = None
    clock_error: float | None = None
    latest: dict[str, Latest] = field(default_factory=dict)
    _failing: set[str] = field(default_factory=set)

    def note_readings(self, readings: Iterable[Reading], at: float) -> None:
        """Remember readings that came at the wall clock `at`."""
        for reading in readings:
            latest = self.latest.setdefault(reading.series.measurement, Latest())
            latest.reads += 1
            latest.answers = reading.value is not None
            if reading.value is not None:
                latest.good += 1
                latest.value = reading.value
                latest.at = at
                self.progress.polling = at

    def note_window(self) -> None:
        """A window was closed: the shares of good reads begin anew."""
        for latest in self.latest.values():
            latest.good = latest.reads = 0

    def note_inventory(self, inventory: Inventory) -> None:
        """Take over a new device list; what was known of measurements that left is forgotten."""
        self.inventory = inventory
        self.has_inventory = True
        listed = {measurement.series.measurement for _, measurement in inventory.measurements}
        self.latest = {identity: latest for identity, latest in self.latest.items() if identity in listed}

    def note_failure(self, asker: str, error: BaseException, advice: str) -> None:
        """Note why `asker`, one of the loops, could not fetch something from the server or bring it there."""
        if isinstance(error, BufferFault):
            self.troubles.begin(events.BUFFER(), "buffer", str(error), advice)
            return
        self._failing.add(asker)
        if isinstance(error, TokenRefused):
            self.troubles.drop("server")
            self.troubles.begin(events.TOKEN(), "token", str(error), advice)
        else:
            kind = events.NO_SERVER if isinstance(error, ServerUnreachable) else events.SERVER
            self.troubles.begin(kind(), "server", str(error), advice)

    def note_answer(self, asker: str) -> None:
        """Note that the server answered `asker` as it should. The trouble ends when no other loop has any."""
        self._failing.discard(asker)
        if not self._failing:
            self.troubles.end("server", "answers again")
            self.troubles.end("token", "the server accepts it again")

    def note_clock(self, error: float) -> None:
        """Compare the box's clock with the server's: `error` is the seconds that the box is ahead."""
        self.clock_error = error
        if abs(error) > CLOCK_TOLERANCE:
            ahead = "ahead of" if error > 0 else "behind"
            self.troubles.begin(
                events.CLOCK(),
                "clock",
                f"{abs(error):.0f} s {ahead} the server's",
                "windows carry the box's time; is the time synchronised? (timedatectl)",
            )
        else:
            self.troubles.end("clock", "agrees with the server's again")

    def answering(self) -> tuple[int, int, int]:
        """Count the devices of which some measurement gave a value last, those that were read, and all listed."""
        good = read = 0
        for device in self.inventory.devices:
            known = [self.latest.get(measurement.series.measurement) for measurement in device.measurements]
            read += any(latest is not None for latest in known)
            good += any(latest is not None and latest.answers for latest in known)
        return good, read, len(self.inventory.devices)
