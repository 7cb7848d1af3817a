"""The vocabulary: what goes from one floor to the next."""

from dataclasses import dataclass, field
from enum import StrEnum


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
