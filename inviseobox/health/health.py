"""What the running daemon knows of itself. Written by the loops, read by the watchdog and the status line."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from inviseobox import events
from inviseobox.clock import MonotonicClock, loop_clock
from inviseobox.devices.inventory import Inventory
from inviseobox.errors import BufferFault, ServerUnreachable, TokenRefused
from inviseobox.health.heartbeats import Heartbeats
from inviseobox.health.latest import Latest, LatestReadings
from inviseobox.health.troubles import Troubles
from inviseobox.records import Reading, Readings

MOST_LIKELY_MARKS = 1000
"""Measurements about which a line tells that they may have no value, in the life of the process."""


@dataclass
class Progress:
    """When each facet of the work last got somewhere, in seconds since the epoch; None: not since the start."""

    polling: float | None = None
    commits: float | None = None
    delivery: float | None = None


@dataclass(frozen=True, slots=True)
class ClockWitness:
    """What confirmed the box's clock last, and when by that clock, in seconds since the epoch."""

    at: float
    by: str


@dataclass
class Health:
    """All of it together; `now` is a monotonic clock.

    `backlog` counts windows, `backlog_bytes` what they take as JSON (None while that is counted), and `rejected`
    deliveries; `last_delivered` is the end of a window in seconds since the epoch; `clock_error` is how many seconds
    the box's clock is ahead of the server's; `disk_free` are the bytes that are left where the buffer is; `dated_by`
    names what readings are dated by; `answers` counts what the server took or gave as it should.
    """

    now: MonotonicClock = loop_clock
    heartbeats: Heartbeats = field(init=False)
    troubles: Troubles = field(init=False)
    progress: Progress = field(default_factory=Progress)
    backlog: int = 0
    backlog_bytes: int | None = None
    rejected: int = 0
    last_delivered: int | None = None
    clock_error: float | None = None
    clock_witness: ClockWitness | None = None
    dated_by: str | None = None
    disk_free: int | None = None
    answers: int = 0
    _latest: LatestReadings = field(default_factory=LatestReadings)
    _failing: set[str] = field(default_factory=set)
    _likely_marks: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Let heartbeats and troubles measure time by the same clock."""
        self.heartbeats = Heartbeats(self.now)
        self.troubles = Troubles(self.now)

    @property
    def latest(self) -> dict[str, Latest]:
        """What is known of the measurements, by their ids."""
        return self._latest.by_id()

    def note_readings(self, readings: Iterable[Reading], at: float) -> None:
        """Remember readings that came at the wall clock `at`."""
        if self._latest.note(Readings.of(readings), at):
            self.progress.polling = at

    def note_window(self) -> None:
        """Note that a window was closed: the shares of good reads begin anew."""
        self._latest.begin_window()

    def keep_only(self, measurements: Collection[str]) -> None:
        """Forget what was known of all measurements but these, by their ids."""
        self._latest.keep_only(measurements)

    def is_news_of_mark(self, measurement: str) -> bool:
        """Note that a measurement has what may be its meter's mark for no value; return whether to tell of it.

        That is once in the life of the process, whatever becomes of the device list.
        """
        if measurement in self._likely_marks or len(self._likely_marks) >= MOST_LIKELY_MARKS:
            return False
        self._likely_marks.add(measurement)
        return True

    def note_failure(self, asker: str, error: BaseException, advice: str) -> None:
        """Note why `asker`, one of the loops, could not fetch something from the server or bring it there."""
        cause = str(error)
        if isinstance(error, BufferFault):
            self.troubles.begin("buffer", events.BUFFER(cause).advising(advice))
            return
        self._failing.add(asker)
        if isinstance(error, TokenRefused):
            self.troubles.give_way("server")
            self.troubles.begin("token", events.TOKEN(cause).advising(advice))
        else:
            kind = events.NO_SERVER if isinstance(error, ServerUnreachable) else events.SERVER
            self.troubles.begin("server", kind(cause).advising(advice))

    def note_answer(self, asker: str) -> None:
        """Note that the server answered `asker` as it should. The trouble ends when no other loop has any."""
        self.answers += 1
        self._failing.discard(asker)
        if not self._failing:
            self.troubles.end("server")
            self.troubles.end("token")

    def answering(self, inventory: Inventory) -> tuple[int, int, int]:
        """Count the devices of which some measurement gave a value last, those that were read, and all listed."""
        good = read = 0
        known = self.latest
        for device in inventory.devices:
            is_read = is_good = False
            for measurement in device.measurements:
                latest = known.get(measurement.id)
                is_read = is_read or latest is not None
                if latest is not None and latest.answers:
                    is_good = True
                    break
            read += is_read
            good += is_good
        return good, read, len(inventory.devices)
