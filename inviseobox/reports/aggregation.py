"""A window's readings boiled down to the numbers that the server asked for. Pure.

The rows of readings come from the disk: one that holds what no program writes costs itself, never the window.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from operator import itemgetter
from typing import Any, assert_never

from inviseobox.records import Aggregate
from inviseobox.reports.device_status import measurement_status

Row = tuple[Any, ...]
"""One reading: measurement, device, way of reading, names of aggregates, baseline of the way, value or None."""

# Wide enough to subtract any two doubles exactly: the largest has 309 digits before the point, the smallest 1,074
# after it.
_EXACT = Context(prec=1400, Emax=9999, Emin=-9999)


def mean(values: Sequence[float]) -> float:
    """Return the arithmetic mean, correctly rounded; finite for finite values, even near the largest double.

    The sum is taken in integers over the values' common denominator (a power of two), and Python divides integers
    with one correct rounding.
    """
    ratios = [value.as_integer_ratio() for value in values]
    denominator = max(ratio[1] for ratio in ratios)
    total = sum(numerator * (denominator // divisor) for numerator, divisor in ratios)
    return total / (denominator * len(values))


def number_text(value: float) -> str:
    """Write a double as the shortest decimal that reads back to it: `12.3`, and `12` rather than `12.0`."""
    return (repr(value) if value else "0.0").removesuffix(".0")


def difference(later: float, earlier: float) -> Decimal:
    """Subtract in decimal, on the shortest forms, so that consecutive differences add up without an error."""
    return _EXACT.subtract(Decimal(repr(later)), Decimal(repr(earlier)))


@dataclass(frozen=True, slots=True)
class Segment:
    """The good readings of a window that came in one way, in the order in which they were read: at least one.

    `baseline` is the last good reading before the window; None where there is none yet.
    """

    values: Sequence[float]
    baseline: float | None


def aggregate(segments: Sequence[Segment], wanted: Sequence[Aggregate]) -> dict[str, str]:
    """Return the wanted aggregates of a measurement's window as texts.

    There is one segment, unless the measurement was re-addressed in mid-window: then the readings of all of them count,
    and each moved by its own difference. Without a baseline a difference is taken from the segment's own first
    reading. There is at least one segment.
    """
    values = [value for segment in segments for value in segment.values]
    return {name.value: _text_of(name, values, segments) for name in wanted}


def _text_of(name: Aggregate, values: Sequence[float], segments: Sequence[Segment]) -> str:
    match name:
        case Aggregate.MIN:
            return number_text(min(values))
        case Aggregate.MAX:
            return number_text(max(values))
        case Aggregate.AVG:
            return number_text(mean(values))
        case Aggregate.DIFF:
            return _decimal_text(_total_difference(segments))
        case _:
            assert_never(name)


def _total_difference(segments: Sequence[Segment]) -> Decimal:
    total = Decimal(0)
    for segment in segments:
        before = segment.values[0] if segment.baseline is None else segment.baseline
        total = _EXACT.add(total, difference(segment.values[-1], before))
    return total


def _decimal_text(value: Decimal) -> str:
    plain = f"{value.normalize(_EXACT):f}" if value else "0"
    return plain if len(plain) <= 40 else str(value.normalize(_EXACT))


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


def summarised(rows: Iterable[Row]) -> Iterator[Summary]:
    """Summarise the readings of a window, which come in order of measurement, then as they were read."""
    for measurement, group in itertools.groupby(rows, key=itemgetter(0)):
        content = list(group)
        _, device, _, aggregates, _, _ = content[-1]
        good = [(way, baseline, value) for _, _, way, _, baseline, value in content if _is_number(value)]
        segments = list(_segments(good))
        yield Summary(
            str(measurement),
            str(device),
            measurement_status(len(good), len(content)),
            aggregate(segments, _known(aggregates)) if segments else {},
            LastReading(good[-1][0], good[-1][2]) if good else None,
        )


def _segments(good: list[tuple[int, float | None, float]]) -> Iterator[Segment]:
    """Cut the good readings where the way changes.

    Only the first segment goes on with a baseline: in between there were good readings in another way, and what the
    meter moved meanwhile is counted in theirs.
    """
    is_first = True
    for _, run in itertools.groupby(good, key=itemgetter(0)):
        readings = list(run)
        baseline = readings[0][1] if is_first else None
        yield Segment([value for _, _, value in readings], baseline if _is_number(baseline) else None)
        is_first = False


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _known(aggregates: object) -> list[Aggregate]:
    """Return the aggregates of these names; a newer program may have written others."""
    names = aggregates.split(",") if isinstance(aggregates, str) else []
    return [name for name in Aggregate if name.value in names]
