"""What the simulated server remembers of what a box told it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and the status of its answer, even of one that never left; `at` in s since the epoch."""

    at: float
    method: str
    path: str
    status: int


@dataclass(frozen=True, slots=True)
class ReceivedField:
    """One accepted report of the measurement with that `_id`.

    `value` holds decimal strings by aggregate; `timestamp` is the window's end, `end` the same in seconds
    since the epoch.
    """

    at: float
    idempotency_key: str | None
    measurement: str
    value: Mapping[str, str]
    timestamp: str
    end: int


@dataclass(frozen=True, slots=True)
class ReceivedBatch:
    """One accepted POST of values; `size` of the whole body in bytes.

    `digest` is the SHA-256 of its list of fields, byte for byte as it came.
    """

    at: float
    idempotency_key: str | None
    digest: str
    size: int
    fields: tuple[ReceivedField, ...]


@dataclass(frozen=True, slots=True)
class ReceivedStatus:
    """One accepted POST of statuses."""

    at: float
    idempotency_key: str | None
    devices: list[dict[str, Any]]

    def of(self, identity: str) -> str | None:
        """Return the status of a device or measurement by its `_id`, None if it is not in this report."""
        for device in self.devices:
            for entry in (device, *device["measurements"]):
                if entry["_id"] == identity:
                    return str(entry["status"])
        return None


def conflicting(reports: Iterable[ReceivedField]) -> list[tuple[ReceivedField, ReceivedField]]:
    """Return pairs of reports of one measurement and window end that do not say the same."""
    first: dict[tuple[str, str], ReceivedField] = {}
    pairs = []
    for report in reports:
        earlier = first.setdefault((report.measurement, report.timestamp), report)
        if earlier.value != report.value:
            pairs.append((earlier, report))
    return pairs


def window_ends(reports: Iterable[ReceivedField], measurements: Collection[str] = ()) -> list[int]:
    """Return the window ends (s since the epoch, ascending) with every one of `measurements`, or with any."""
    by_end: dict[int, set[str]] = {}
    for report in reports:
        by_end.setdefault(report.end, set()).add(report.measurement)
    return sorted(end for end, present in by_end.items() if present.issuperset(measurements))
