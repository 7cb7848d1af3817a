"""What the daemon tells of itself, as far as people are shown it, and whether that is right. Pure.

It comes from the control socket or from status.json, from a program with fewer rights than the reader may have: what is
not as it should be is taken for missing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from inviseobox.commands.trouble_words import DEVICE, MEASUREMENT, cause, causes, subject
from inviseobox.untrusted import number

LATEST = 253_402_300_799
"""The last second of the year 9999."""
_MOST = 2**63
"""Any count is smaller; what is larger could not be divided."""
Content = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MeasurementState:
    """A measurement: its last good value and when that came, and the reads since the last window was closed.

    `is_failing`: the last read gave no value. `recent`: the averages of the last windows, oldest first.
    """

    id: str
    name: str
    unit: str
    value: float | None
    at: float | None
    good: int
    reads: int
    is_failing: bool
    recent: tuple[float | None, ...]

    @property
    def is_read(self) -> bool:
        """Whether it has been read since the daemon was started."""
        return self.reads > 0 or self.at is not None or self.is_failing


@dataclass(frozen=True, slots=True)
class DeviceState:
    """A device; `cause` says why it, or its link, does not work; empty where that is not known."""

    id: str
    name: str
    link: str
    units: tuple[int, ...]
    cause: str
    measurements: tuple[MeasurementState, ...]

    @property
    def failing(self) -> int:
        """How many of its measurements gave no value at the last read."""
        return sum(one.is_failing for one in self.measurements)

    @property
    def is_silent(self) -> bool:
        """Whether none of its measurements gave a value at the last read."""
        return bool(self.measurements) and self.failing == len(self.measurements)


class BoxState:
    """All of it together."""

    def __init__(self, top: Content, devices: Iterable[Content]) -> None:
        """Read what stands in `top`, as in status.json but without its devices, and in `devices`."""
        self._top = top
        self.troubles = [(subject(one), cause(one)) for one in _objects(top.get("troubles"))]
        """What does not work and why, in the reader's language and the order in which it began."""
        down = {_text(one, "name"): cause(one) for one in _objects(top.get("links")) if one.get("up") is False}
        told = causes(_objects(top.get("troubles")))
        self.devices = [_device(one, down, told) for one in devices]

    def text(self, key: str) -> str:
        """Return a text of the top, empty where there is none."""
        return _text(self._top, key)

    def count(self, key: str) -> int | None:
        """Return a count of the top, None where there is none."""
        return _count(self._top.get(key))

    def time(self, *keys: str) -> float | None:
        """Return a time of the top, or of what stands in it, in seconds since the epoch; None where there is none."""
        found: Any = self._top
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        return _time(found)

    @property
    def clock_witness(self) -> str:
        """Who said last that the clock is right."""
        confirmed = self._top.get("clock_confirmed")
        return _text(confirmed, "by") if isinstance(confirmed, dict) else ""

    @property
    def silent(self) -> int:
        """How many devices gave no value at the last read."""
        return sum(device.is_silent for device in self.devices)

    @property
    def failing(self) -> int:
        """How many measurements gave no value at the last read, of devices that otherwise answer."""
        return sum(device.failing for device in self.devices if not device.is_silent)

    @property
    def is_right(self) -> bool:
        """Whether nothing is wrong of what the daemon knows."""
        return not (self.troubles or self.silent or self.failing)


def _device(content: Content, down: Mapping[str, str], told: Mapping[tuple[str, str], str]) -> DeviceState:
    identity, link = _text(content, "_id"), _text(content, "link")
    read = [(one, _text(one, "_id")) for one in _objects(content.get("measurements"))]
    units = content.get("units")
    return DeviceState(
        id=identity,
        name=_text(content, "name"),
        link=link,
        units=tuple(one for one in units if _count(one) is not None) if isinstance(units, list) else (),
        cause=down.get(link, "") or told.get((DEVICE, identity), ""),
        measurements=tuple(_measurement(one, link in down or (MEASUREMENT, its_id) in told) for one, its_id in read),
    )


def _measurement(content: Content, has_trouble: bool) -> MeasurementState:
    reads, at = _count(content.get("reads")) or 0, _time(content.get("at"))
    recent = content.get("recent")
    return MeasurementState(
        id=_text(content, "_id"),
        name=_text(content, "name"),
        unit=_text(content, "unit"),
        value=number(content.get("value")),
        at=at,
        good=min(_count(content.get("good_reads")) or 0, reads),
        reads=reads,
        # The reads are counted anew in each window: none of them does not mean that it was never tried.
        is_failing=content.get("answers") is not True and (reads > 0 or at is not None or has_trouble),
        recent=tuple(number(one) for one in recent) if isinstance(recent, list) else (),
    )


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(content: Content, key: str) -> str:
    value = content.get(key)
    return value if isinstance(value, str) else ""


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST else None


def _time(value: object) -> float | None:
    read = None if isinstance(value, str | bool) else number(value)
    return read if read is not None and 0 <= read <= LATEST else None
