"""Judges reports by what the instruments served: is each the aggregate of just its window's readings?

The box books a reading when its answer has come, the site logs it when it goes out: a reading that was
served within `tolerance` seconds of a window's border may belong to either side. All else is exact.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction

from inviseobox.simulator.received import ReceivedField
from inviseobox.simulator.served_log import Served

TOLERANCE = 1.0

# Enough digits to hold the difference of any two doubles exactly.
_EXACT = Context(prec=800)


@dataclass(frozen=True, slots=True)
class Slice:
    """Served values `start` to `stop` (excluded), less those that were lost; `last` is the last one kept."""

    start: int
    stop: int
    last: float


@dataclass(frozen=True, slots=True)
class Loss:
    """A span around a crash (s since the epoch): one run of the values served in it may be missing."""

    start: float
    end: float


def aggregate(name: str, values: Sequence[float], previous_last: float | None = None) -> Decimal:
    """Return the min, max, avg or diff of a window's values.

    `previous_last` is the last value before the window, None for the very first window. Raises KeyError for
    another name.
    """
    return _AGGREGATES[name](values, values[0] if previous_last is None else previous_last)


def explains(
    served: Sequence[Served],
    value: Mapping[str, str],
    window_start: float,
    window_end: float,
    previous_last: float | None = None,
    *,
    tolerance: float = TOLERANCE,
    losses: Sequence[Loss] = (),
) -> Slice | None:
    """Return the slice of `served` whose aggregates are `value`, with borders near the window's, else None.

    `value` holds decimal strings by aggregate, as they were received.
    """
    claimed = _decimals(value)
    for candidate, kept in _slices(served, window_start, window_end, tolerance, losses):
        if _agrees(claimed, kept, previous_last):
            return candidate
    return None


def problems(
    served: Sequence[Served],
    reports: Iterable[ReceivedField],
    interval: int,
    *,
    tolerance: float = TOLERANCE,
    losses: Sequence[Loss] = (),
) -> list[str]:
    """List what is wrong with the reports of one measurement, empty if nothing is.

    Follows the windows in their order: each must begin with the very reading after the last one of the window
    before (nothing lost, nothing counted twice), diffs must join, and no window that had readings may be
    missing in between.
    """
    found: list[str] = []
    by_end = {report.end: report for report in reports}
    before: set[Slice] = set()
    previous_end: int | None = None
    for end in sorted(by_end):
        claimed = _decimals(by_end[end].value)
        adjacent = previous_end == end - interval
        near = list(_slices(served, end - interval, end, tolerance, losses))
        fitting = {
            candidate
            for candidate, kept in near
            if any(
                _agrees(claimed, kept, earlier.last if earlier else None)
                for earlier in before or (None,)
                if earlier is None or not adjacent or earlier.stop == candidate.start
            )
        }
        if not fitting:
            found.append(f"{by_end[end].timestamp}: none of {len(near)} slices explains {by_end[end].value}")
        if previous_end is not None:
            found += _missing(served, previous_end, end, interval, tolerance, losses)
        before = fitting or {candidate for candidate, _ in near}
        previous_end = end
    return found


def _missing(
    served: Sequence[Served],
    after: int,
    until: int,
    interval: int,
    tolerance: float,
    losses: Sequence[Loss],
) -> Iterator[str]:
    for end in range(after + interval, until, interval):
        inside = [
            reading
            for reading in served
            if end - interval + tolerance < reading.at < end - tolerance
            and not any(loss.start <= reading.at <= loss.end for loss in losses)
        ]
        if inside:
            yield f"no report of the window that ended at {end}, {len(inside)} values were served in it"


def _slices(
    served: Sequence[Served], window_start: float, window_end: float, tolerance: float, losses: Sequence[Loss]
) -> Iterator[tuple[Slice, list[float]]]:
    times = [reading.at for reading in served]
    for start in _near(times, window_start, tolerance):
        for stop in _near(times, window_end, tolerance):
            for kept in _less(served, start, stop, losses):
                if kept:
                    yield Slice(start, stop, kept[-1]), kept


def _near(times: Sequence[float], border: float, tolerance: float) -> range:
    return range(bisect_left(times, border - tolerance), bisect_right(times, border + tolerance) + 1)


def _less(served: Sequence[Served], start: int, stop: int, losses: Sequence[Loss]) -> Iterator[list[float]]:
    """Yield the values from `start` to `stop`, whole first, then with each possible run missing in each loss."""
    if not losses:
        yield [reading.value for reading in served[start:stop]]
        return
    loss, *others = losses
    hit = [at for at in range(start, stop) if loss.start <= served[at].at <= loss.end]
    yield from _less(served, start, stop, others)
    for first in hit:
        for last in hit:
            if first <= last:
                yield from _less([*served[:first], *served[last + 1 :]], start, stop - (last + 1 - first), others)


def _agrees(claimed: Mapping[str, Decimal], values: Sequence[float], previous_last: float | None) -> bool:
    return all(aggregate(name, values, previous_last) == number for name, number in claimed.items())


def _decimals(value: Mapping[str, str]) -> dict[str, Decimal]:
    return {name: Decimal(text) for name, text in value.items()}


def _shortest(value: float) -> Decimal:
    return Decimal(repr(value))


def _avg(values: Sequence[float], baseline: float) -> Decimal:
    return _shortest(float(sum(map(Fraction, values)) / len(values)))


_AGGREGATES: Mapping[str, Callable[[Sequence[float], float], Decimal]] = {
    "min": lambda values, baseline: _shortest(min(values)),
    "max": lambda values, baseline: _shortest(max(values)),
    "avg": _avg,
    "diff": lambda values, baseline: _EXACT.subtract(_shortest(values[-1]), _shortest(baseline)),
}
