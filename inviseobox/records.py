"""The vocabulary: what goes from one floor to the next."""

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import overload


class Aggregate(StrEnum):
    """What a window is boiled down to; the names are those of the server's `response_format`."""

    MIN = "min"
    MAX = "max"
    AVG = "avg"
    DIFF = "diff"


@dataclass(frozen=True, slots=True)
class Series:
    """The readings that belong together: one measurement, read in one way.

    `fingerprint` changes with the communication and parameters of the measurement, so that a measurement which is
    re-addressed to another meter does not go on with the old meter's baseline. `synonyms` are fingerprints under which
    the same way was stored once.
    """

    measurement: str
    device: str
    fingerprint: str
    aggregates: tuple[Aggregate, ...]
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """One read of one measurement: its value in the measurement's own unit, or None where the read failed."""

    series: Series
    value: float | None


@dataclass(frozen=True, slots=True)
class Stamp:
    """When an answer came.

    `now` is the time by which it is dated, in seconds since the epoch, None while the time is not known. `uptime` is
    in seconds of the boot-time clock (CLOCK_BOOTTIME), which only runs forward within one boot.
    """

    now: float | None
    uptime: float


@dataclass(frozen=True, slots=True)
class Dating:
    """What is known of the time at this moment.

    `now` is the time believed right at `uptime` (as in Stamp). `is_witnessed`: a witness, time synchronisation or the
    server, confirmed it. `confirmed` is the newest time that a witness had confirmed before the readings of this boot
    began, in seconds since the epoch; None where there was none.
    """

    now: float
    uptime: float
    is_witnessed: bool
    confirmed: float | None


FAILED = float("nan")
"""Stands for the value of a read that failed, among values; good ones are finite."""


class Readings(Sequence[Reading]):
    """Readings that came together, in the order in which they were read: their series, and beside each its value.

    Where many come, that is one object for all of them instead of one for each.
    """

    __slots__ = ("series", "values")

    def __init__(self, series: tuple[Series, ...], values: "array[float]") -> None:
        """Take as many values as series, FAILED where a read gave none."""
        self.series = series
        self.values = values

    @classmethod
    def of(cls, readings: Iterable[Reading]) -> "Readings":
        """Return these readings, together."""
        if isinstance(readings, cls):
            return readings
        single = list(readings)
        values = array("d", [FAILED if one.value is None else one.value for one in single])
        return cls(tuple(one.series for one in single), values)

    def __len__(self) -> int:
        """Count them."""
        return len(self.series)

    @overload
    def __getitem__(self, place: int) -> Reading: ...
    @overload
    def __getitem__(self, place: slice) -> "Readings": ...
    def __getitem__(self, place: int | slice) -> "Reading | Readings":
        """Return one of them, or some."""
        if isinstance(place, slice):
            return Readings(self.series[place], self.values[place])
        return _reading(self.series[place], self.values[place])

    def __iter__(self) -> Iterator[Reading]:
        """Yield one after the other."""
        return map(_reading, self.series, self.values)


def failed(series: Iterable[Series]) -> Readings:
    """Return a failed reading of each series."""
    each = tuple(series)
    return Readings(each, array("d", [FAILED]) * len(each))


def _reading(series: Series, value: float) -> Reading:
    return Reading(series, None if math.isnan(value) else value)


@dataclass(frozen=True, slots=True)
class Batch:
    """Fields on their way to the server, fixed byte for byte at the moment they were sealed.

    `fields` is a JSON list of `count` fields as text; `digest` its SHA-256 in hexadecimal, which is also the
    idempotency key; `window_end` is in seconds since the epoch.
    """

    id: int
    window_end: int
    fields: str = field(repr=False)
    digest: str
    count: int


@dataclass(frozen=True, slots=True)
class DeviceStates:
    """The states of devices in the last sealed window, on their way to the server: a JSON list as text."""

    id: int
    window_end: int
    devices: str = field(repr=False)
