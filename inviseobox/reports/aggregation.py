"""A window's readings boiled down to the numbers that the server asked for. Pure.

What comes from the disk may hold what no program writes: it costs itself, never the window.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import assert_never

from inviseobox.records import Aggregate
from inviseobox.reports.device_status import measurement_status

# Wide enough to subtract any two doubles exactly: the largest has 309 digits before the point, the smallest 1,074
# after it.
_EXACT = Context(prec=1400, Emax=9999, Emin=-9999)
_FINEST = 1074
"""Every double is a whole multiple of 2 to the minus this."""


class ExactSum:
    """A sum of finite doubles without any error, in constant memory."""

    def __init__(self) -> None:
        self._parts: list[float] = []
        """Doubles, few of them, that add up to the sum less what `_large` is."""
        self._large = 0
        """In multiples of 2 to the minus _FINEST."""

    def add(self, values: Sequence[float]) -> None:
        """Add finite values."""
        rest = [*self._parts, *values]
        parts: list[float] = []
        try:
            # fsum rounds once; what it left is the sum of all with its result taken away.
            while part := math.fsum(rest):
                parts.append(part)
                rest.append(-part)
        except OverflowError:
            self._large += sum(map(_scaled, self._parts)) + sum(map(_scaled, values))
            self._parts = []
        else:
            self._parts = parts

    def divided_by(self, count: int) -> float:
        """Return the quotient, correctly rounded: Python divides integers with one rounding."""
        return (self._large + sum(map(_scaled, self._parts))) / (count << _FINEST)


def _scaled(value: float) -> int:
    numerator, denominator = value.as_integer_ratio()
    return (numerator << _FINEST) // denominator


def number_text(value: float) -> str:
    """Write a double as the shortest decimal that reads back to it: `12.3`, and `12` rather than `12.0`."""
    return (repr(value) if value else "0.0").removesuffix(".0")


def difference(later: float, earlier: float) -> Decimal:
    """Subtract in decimal, on the shortest forms, so that consecutive differences add up without an error."""
    return _EXACT.subtract(Decimal(repr(later)), Decimal(repr(earlier)))


@dataclass(frozen=True, slots=True)
class Segment:
    """The first and the last of good readings of a window that came in one way.

    `baseline` is the last good reading before the window; None where there is none yet.
    """

    first: float
    last: float
    baseline: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What is to be known of the good readings of a measurement in a window: at least one.

    There is one segment, unless the measurement was re-addressed in mid-window: then the readings of all of them count,
    and each moved by its own difference. Without a baseline a difference is taken from the segment's own first
    reading.
    """

    lowest: float
    highest: float
    mean: float
    segments: Sequence[Segment]


def aggregate(figures: Figures, wanted: Iterable[Aggregate]) -> dict[str, str]:
    """Return the wanted aggregates of a measurement's window as texts."""
    return {name.value: _text_of(name, figures) for name in wanted}


def _text_of(name: Aggregate, figures: Figures) -> str:
    match name:
        case Aggregate.MIN:
            return number_text(figures.lowest)
        case Aggregate.MAX:
            return number_text(figures.highest)
        case Aggregate.AVG:
            return number_text(figures.mean)
        case Aggregate.DIFF:
            return _decimal_text(_total_difference(figures.segments))
        case _:
            assert_never(name)


def _total_difference(segments: Iterable[Segment]) -> Decimal:
    total = Decimal(0)
    for segment in segments:
        before = segment.first if segment.baseline is None else segment.baseline
        total = _EXACT.add(total, difference(segment.last, before))
    return total


def _decimal_text(value: Decimal) -> str:
    plain = f"{value.normalize(_EXACT):f}" if value else "0"
    return plain if len(plain) <= 40 else str(value.normalize(_EXACT))


@dataclass(frozen=True, slots=True)
class SeriesState:
    """What the database knows of a series; `way` is its key, or that of the same way of reading under another name.

    `aggregates` are names with commas between them, `baseline` is the last good reading; they may be anything.
    """

    measurement: str
    device: str
    way: int
    aggregates: object
    baseline: object


@dataclass(frozen=True, slots=True)
class LastReading:
    """The last good reading of a measurement, and the way in which it came."""

    way: int
    value: float


@dataclass(frozen=True, slots=True)
class Summary:
    """One measurement in one window. `value` is empty and `last` None without a good reading."""

    measurement: str
    device: str
    status: str
    value: dict[str, str]
    last: LastReading | None


@dataclass(slots=True)
class _Run:
    """Good readings of one series, one after the other."""

    key: int
    first: float
    last: float


class Tally:
    """The readings of one measurement, counted as they come: in memory that does not grow with them."""

    def __init__(self) -> None:
        self._sum = ExactSum()
        self._reads = self._good = 0
        self._lowest, self._highest = math.inf, -math.inf
        self._runs: list[_Run] = []
        self._last_key = 0

    def add(self, key: int, values: Sequence[float]) -> None:
        """Count values of a series, in the order in which they were read; that of a read that failed is not finite."""
        self._reads += len(values)
        self._last_key = key
        if not math.isfinite(sum(values)):
            values = [value for value in values if math.isfinite(value)]
            if not values:
                return
        self._good += len(values)
        self._sum.add(values)
        lowest, highest = min(values), max(values)
        self._lowest, self._highest = min(self._lowest, lowest), max(self._highest, highest)
        if self._runs and self._runs[-1].key == key:
            self._runs[-1].last = values[-1]
        else:
            self._runs.append(_Run(key, values[0], values[-1]))

    def summary(self, series: Mapping[int, SeriesState]) -> Summary:
        """Sum up what was counted; `series` holds each key that was."""
        known = series[self._last_key]
        value: dict[str, str] = {}
        last = None
        if self._good:
            mean = self._sum.divided_by(self._good)
            figures = Figures(self._lowest, self._highest, mean, list(self._segments(series)))
            value = aggregate(figures, _known(known.aggregates))
            last = LastReading(series[self._runs[-1].key].way, self._runs[-1].last)
        return Summary(known.measurement, known.device, measurement_status(self._good, self._reads), value, last)

    def _segments(self, series: Mapping[int, SeriesState]) -> Iterator[Segment]:
        """Cut the good readings where the way changes.

        Only the first segment goes on with a baseline: in between there were good readings in another way, and what the
        meter moved meanwhile is counted in theirs.
        """
        is_first = True
        for _, group in itertools.groupby(self._runs, key=lambda run: series[run.key].way):
            runs = list(group)
            baseline = series[runs[0].key].baseline if is_first else None
            yield Segment(runs[0].first, runs[-1].last, _finite(baseline))
            is_first = False


class Tallies:
    """The readings of a window, measurement by measurement."""

    def __init__(self, measurements: Mapping[int, str]) -> None:
        """Count the series with these keys; those of one measurement together."""
        self._measurements = measurements
        self._tallies: defaultdict[str, Tally] = defaultdict(Tally)

    def add(self, commits: Sequence[tuple[Iterable[int], Iterable[float]]]) -> None:
        """Count readings, as keys of series and values, in the order in which they were read."""
        grouped: defaultdict[int, list[float]] = defaultdict(list)
        for keys, values in commits:
            for key, value in zip(keys, values, strict=True):
                grouped[key].append(value)
        mixed = self._mixed(grouped)
        for key, values in grouped.items():
            if key in self._measurements and key not in mixed:
                self._tally(key).add(key, values)
        if mixed:
            for keys, values in commits:
                for key, value in zip(keys, values, strict=True):
                    if key in mixed:
                        self._tally(key).add(key, [value])

    def summaries(self, series: Mapping[int, SeriesState]) -> Iterator[Summary]:
        """Sum up each measurement of which there were readings, in the order of `series`."""
        for measurement in dict.fromkeys(state.measurement for state in series.values()):
            if measurement in self._tallies:
                yield self._tallies[measurement].summary(series)

    def _mixed(self, keys: Iterable[int]) -> set[int]:
        """Return the keys of measurements of which there are several: among them the order matters."""
        together: defaultdict[str, list[int]] = defaultdict(list)
        for key in keys:
            if key in self._measurements:
                together[self._measurements[key]].append(key)
        return {key for several in together.values() if len(several) > 1 for key in several}

    def _tally(self, key: int) -> Tally:
        return self._tallies[self._measurements[key]]


def _finite(value: object) -> float | None:
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def _known(aggregates: object) -> list[Aggregate]:
    """Return the aggregates of these names; a newer program may have written others."""
    names = aggregates.split(",") if isinstance(aggregates, str) else []
    return [name for name in Aggregate if name.value in names]
