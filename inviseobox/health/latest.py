"""What is known of each measurement: its last value, and the share of its reads that were good. Pure."""

from array import array
from collections.abc import Collection
from dataclasses import dataclass
from math import isfinite

from inviseobox.records import Readings, Series

_MOST_UNCOUNTED = 10_000
"""Groups of readings that are kept uncounted; each is what one request reads again and again."""


@dataclass(slots=True)
class Latest:
    """What is known of one measurement: its last good value and when it came (seconds since the epoch).

    `good` and `reads` count since the last window was closed.
    """

    value: float | None = None
    at: float | None = None
    answers: bool = False
    good: int = 0
    reads: int = 0


@dataclass(slots=True)
class _Group:
    """Readings of the same series, all good, that are not counted yet: how often they came, and the last of them."""

    series: tuple[Series, ...]
    times: int
    values: "array[float]"
    at: float


class LatestReadings:
    """All measurements. Readings that are all good, as most are, are counted only when somebody looks."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._known: dict[str, Latest] = {}
        # By the identity of the tuple, which the group keeps alive: what one request reads is one object all the time.
        self._uncounted: dict[int, _Group] = {}

    def note(self, readings: Readings, at: float) -> bool:
        """Note readings that came at the wall clock `at`; return whether one of them is good."""
        series, values = readings.series, readings.values
        # A sum that is too large for a double is not finite either; then they are counted one by one.
        if not isfinite(sum(values)):
            self._count_all()
            return sum(self._count(one, 1, value, at) for one, value in zip(series, values, strict=True)) > 0
        group = self._uncounted.get(id(series))
        if group is None:
            if len(self._uncounted) >= _MOST_UNCOUNTED:
                self._count_all()
            self._uncounted[id(series)] = _Group(series, 1, values, at)
        else:
            group.times += 1
            group.values, group.at = values, at
        return len(values) > 0

    def by_id(self) -> dict[str, Latest]:
        """Return what is known, by the ids of the measurements."""
        self._count_all()
        return self._known

    def begin_window(self) -> None:
        """Let the shares of good reads begin anew."""
        for latest in self.by_id().values():
            latest.good = latest.reads = 0

    def keep_only(self, measurements: Collection[str]) -> None:
        """Forget all measurements but these, by their ids."""
        self._known = {identity: latest for identity, latest in self.by_id().items() if identity in measurements}

    def _count_all(self) -> None:
        for group in self._uncounted.values():
            for one, value in zip(group.series, group.values, strict=True):
                self._count(one, group.times, value, group.at)
        self._uncounted.clear()

    def _count(self, series: Series, times: int, value: float, at: float) -> bool:
        latest = self._known.get(series.measurement)
        if latest is None:
            latest = self._known[series.measurement] = Latest()
        latest.reads += times
        latest.answers = is_good = isfinite(value)
        if is_good:
            latest.good += times
            # Of two groups with the same measurement the later one tells.
            if latest.at is None or at >= latest.at:
                latest.value, latest.at = value, at
        return is_good
