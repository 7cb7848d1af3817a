"""A daemon that is cut down again and again at random moments, and what must be true in the end."""

import math
import random
import signal
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from inviseobox.simulator import verdict
from inviseobox.simulator.background import RunningSite
from inviseobox.simulator.central_server import Outcome
from inviseobox.simulator.http_server import Request, Response, never, reset
from inviseobox.simulator.received import ReceivedField
from inviseobox.simulator.served_log import Served
from tests.support.daemons import Daemon, Place
from tests.support.waiting import wait_for

from .files import OnDisk, Report, Value, backlog, on_disk
from .sizes import measured

MODBUS_PERIOD = 0.25
_LAST_WORDS_WITHIN = 60.0
_BORDER = 1.5
"""Seconds by which a reading may be served before or after the window that it belongs to."""
_SENSOR = "65a0000000000000000004"

Cut = Callable[[Daemon], None]
"""Ends the daemon at once, and leaves on the disk what had reached it."""


def configure(box: Place, site: RunningSite, interval: int) -> None:
    """Write a configuration with quick rounds and windows of `interval` seconds."""
    box.configuration.write_text(
        f'token = "{site.token}"\nurl = "{site.url}"\ninterval = {interval}\n'
        f"[modbus]\nperiod = {MODBUS_PERIOD}\ntimeout = 0.5\n[http]\nperiod = 1\ntimeout = 2\n"
        f'[buffer]\npath = "{box.buffer}"\n'
    )


def kill(daemon: Daemon) -> None:
    """End the daemon with `kill -9`."""
    daemon.stop(signal.SIGKILL)


def unreliable(dice: random.Random) -> Callable[[Request], Outcome | None]:
    """Script a server that now and then stores and is silent, answers OK but does not store, or is unwell."""
    kinds = [
        Outcome(Response(200, {}, b"OK", reset), stores=True),
        Outcome(Response(200, {}, b"OK", never), stores=True),
        Outcome(Response(200, {}, b"OK", reset)),
        Outcome(Response(503, {}, b"Service Unavailable")),
    ]
    return lambda request: dice.choice(kinds) if dice.random() < 0.25 else None


@dataclass
class Campaign:
    """`sealed` collects what was sealed on the disk at any cut; `lost` the spans of raw readings that a cut cost."""

    box: Place
    site: RunningSite
    interval: int
    dice: random.Random
    sealed: dict[Report, Value] = field(default_factory=dict)
    lost: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    longest_loss: float = 0.0
    cuts: int = 0

    def run(self, cuts: int, lives: tuple[float, float], cut: Cut, repair: Callable[[], None] = lambda: None) -> None:
        """Cut the daemon down `cuts` times, after a life of seconds between the two of `lives`, and go on each time."""
        configure(self.box, self.site, self.interval)
        self.site.central.script("fields", unreliable(self.dice))
        for _ in range(cuts):
            began = time.time()
            with self.box.daemon() as daemon:
                time.sleep(self._life(*lives))
                assert daemon.process.poll() is None, daemon.output
                at = time.time()
                cut(daemon)
            repair()
            self.cuts += 1
            self._note(began, at, time.time(), on_disk(self.box.buffer))
        self.site.central.script("fields", None)
        self._come_to_rest()

    def _life(self, shortest: float, longest: float) -> float:
        """Draw the seconds until the next cut; short lives often end just when a window does."""
        life = self.dice.uniform(shortest, longest)
        end = math.ceil((time.time() + life) / self.interval) * self.interval - time.time()
        at_the_end = self.dice.random() < 0.5 and end <= longest and self.interval <= longest
        return end + self.dice.uniform(0, 0.1) if at_the_end else life

    def _note(self, began: float, cut_at: float, up_again: float, left: OnDisk) -> None:
        for report, value in left.sealed.items():
            assert self.sealed.setdefault(report, value) == value, f"{report} changed on the disk"
        for measurement in self.site.served.measurements():
            served = self.site.served.of(measurement)
            kept_until = _last_match(served, left.last.get(measurement), up_again)
            self.lost.setdefault(measurement, []).append((kept_until, up_again))
            gone = [reading.at for reading in served if max(began, kept_until) < reading.at <= cut_at]
            if gone:
                self.longest_loss = max(self.longest_loss, cut_at - gone[0])

    def _come_to_rest(self) -> None:
        """Let the daemon deliver all that there is, and stop it in order."""
        measurements = self.site.served.measurements()
        with self.box.daemon() as daemon:
            have = len(self.site.central.window_ends(measurements))
            self.site.wait_for_windows(have + 1, _LAST_WORDS_WITHIN, measurements)
            wait_for(lambda: backlog(self.box.buffer) == 0, _LAST_WORDS_WITHIN, "the backlog is delivered")
            daemon.stop()
            assert daemon.process.returncode == 0
        left = on_disk(self.box.buffer)
        missing = set(self.sealed) - set(left.sealed)
        assert not missing, f"no longer in the history: {sorted(missing)[:5]}"
        # A window that ended while the daemon stopped waits for the next one.
        delivered = received_reports(self.site)
        self.sealed |= {report: value for report, value in left.sealed.items() if report in delivered}

    def assert_proven(self) -> None:
        """Raise AssertionError where a promise was broken; print the figures."""
        received = received_reports(self.site)
        lost = {report for report in self.sealed if report not in received}
        differing = {report for report, value in self.sealed.items() if received.get(report, value) != value}
        measured(
            f"{self.cuts} cuts: {len(self.sealed)} reports sealed, {len(lost)} lost, "
            f"{len(self.site.central.conflicts())} conflicts, {len(self.site.central.received)} received, "
            f"longest loss of raw readings {self.longest_loss:.1f} s"
        )
        assert self.sealed
        forgotten = received.keys() - self.sealed.keys()
        assert not forgotten, f"told to the server before it was safe on the disk: {sorted(forgotten)[:5]}"
        assert not lost, sorted(lost)[:5]
        assert not differing, sorted(differing)[:5]
        assert self.site.central.conflicts() == []
        assert self.site.central.violations == []
        assert self.longest_loss <= 10
        problems = self._problems()
        assert not problems, problems[:5]
        self._assert_counters_add_up()

    def _problems(self) -> list[str]:
        """Judge every Modbus measurement by what was served, less just what was lost."""
        found = []
        for measurement in self.site.served.measurements():
            reports = self._reports(measurement)
            # Rounded values repeat, so that it is not known which of them was the last one kept.
            if reports and not measurement.startswith(_SENSOR):
                kept = self._kept(measurement)
                problems = verdict.problems(kept, reports, self.interval)
                found += [f"{measurement}: {problem}" for problem in problems]
        return found

    def _assert_counters_add_up(self) -> None:
        counters = 0
        for measurement in self.site.served.measurements():
            reports = self._reports(measurement)
            if not reports or "diff" not in reports[0].value or measurement.startswith(_SENSOR):
                continue
            counters += 1
            moved = sum((Decimal(report.value["diff"]) for report in reports), Decimal(0))
            # A reading that was served and did not come in time is among them; `_problems` holds each window exactly.
            first, last = (self._served_for(report) for report in (reports[0], reports[-1]))
            starts = _values(first, reports[0].value.get("min"))
            ends = _values(last, reports[-1].value.get("max"))
            assert any(end - start == moved for start in starts for end in ends), (
                f"{measurement} moved {moved} in {len(reports)} windows of {self.interval} s:\n"
                f"first {reports[0]}\nof {first}\nlast {reports[-1]}\nof {last}\nlost {self.lost.get(measurement)}"
            )
        assert counters >= 3

    def _reports(self, measurement: str) -> list[ReceivedField]:
        by_end = {one.end: one for one in tuple(self.site.central.received) if one.measurement == measurement}
        return [by_end[end] for end in sorted(by_end)]

    def _served_for(self, report: ReceivedField) -> list[Served]:
        """Return the kept readings that were served in the report's window, or near it."""
        start, end = report.end - self.interval - _BORDER, report.end + _BORDER
        return [reading for reading in self._kept(report.measurement) if start <= reading.at <= end]

    def _kept(self, measurement: str) -> list[Served]:
        spans = self.lost.get(measurement, [])
        return [
            reading
            for reading in self.site.served.of(measurement)
            if not any(after < reading.at <= until for after, until in spans)
        ]


def received_reports(site: RunningSite) -> dict[Report, Value]:
    """Return what the server has."""
    return {(one.measurement, one.timestamp): one.value for one in tuple(site.central.received)}


def _last_match(served: Sequence[Served], value: float | None, before: float) -> float:
    """Return when the reading was served that is the last one on the disk; 0 where the disk has no reading."""
    if value is None:
        return 0.0
    stop = bisect_right([reading.at for reading in served], before)
    for reading in reversed(served[:stop]):
        if reading.value == value:
            return reading.at
    raise AssertionError(f"{value} was never served")


def _values(readings: Sequence[Served], told: str | None) -> set[Decimal]:
    """Return the values of readings; of a report that tells which one it is, that one alone."""
    values = {Decimal(repr(reading.value)) for reading in readings}
    return values if told is None else values & {Decimal(told)}


def place_on(box: Place, folder: Path) -> None:
    """Let the daemon's buffer lie in `folder`."""
    box.buffer = folder / "data.db"
