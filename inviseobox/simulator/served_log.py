"""Remembers, for each measurement, which values the instruments really gave away, and when."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from inviseobox.simulator.changes import Changes
from inviseobox.simulator.encoding import Encoding
from inviseobox.simulator.modbus_pdu import served_values


class Served(NamedTuple):
    """One value that left an instrument: `at` in seconds since the epoch, `value` the double to be read."""

    at: float
    value: float


@dataclass(frozen=True, slots=True)
class _Registers:
    link: str
    unit: int
    function_code: int
    address: int
    encoding: Encoding


class ServedLog:
    """Served values by measurement `_id`; a value counts if all its registers were in one answer."""

    def __init__(self, clock: Callable[[], float], changes: Changes) -> None:
        self._clock = clock
        self._changes = changes
        self._registers: dict[str, _Registers] = {}
        self._keys: dict[str, str] = {}
        self._values: dict[str, list[Served]] = {}

    def watch_register(
        self, measurement: str, link: str, unit: int, function_code: int, address: int, encoding: Encoding
    ) -> None:
        """Count answers on `link` that hold this value for `measurement`."""
        self._registers[measurement] = _Registers(link, unit, function_code, address, encoding)

    def watch_key(self, measurement: str, key: str) -> None:
        """Count pages that hold this key, dots stepping into objects and lists, for `measurement`."""
        self._keys[measurement] = key

    def of(self, measurement: str) -> tuple[Served, ...]:
        """Return what was served of `measurement` so far, oldest first; from any thread."""
        return tuple(self._values.get(measurement, ()))

    def measurements(self) -> tuple[str, ...]:
        """Return the `_id` of each watched measurement."""
        return (*self._registers, *self._keys)

    def on_link(self, link: str) -> Callable[[int, bytes, bytes], None]:
        """Return what to call just before a unit's answer goes out on `link`, with unit, request PDU and answer PDU."""

        def answered(unit: int, request: bytes, response: bytes) -> None:
            at = self._clock()
            values = served_values(request, response)
            for measurement, place in self._registers.items():
                addresses = range(place.address, place.address + place.encoding.width)
                wanted = (place.link, place.unit, place.function_code) == (link, unit, request[0])
                if wanted and all(address in values for address in addresses):
                    self._append(measurement, at, place.encoding.value([values[address] for address in addresses]))
            self._changes.notify()

        return answered

    def page_sent(self, document: Any) -> None:
        """Record that a sensor's document goes out; keys it lacks, or that hold no finite number, count for nothing."""
        at = self._clock()
        for measurement, key in self._keys.items():
            value = _number(document, key)
            if value is not None:
                self._append(measurement, at, value)
        self._changes.notify()

    def _append(self, measurement: str, at: float, value: float) -> None:
        self._values.setdefault(measurement, []).append(Served(at, value))


def _number(document: Any, key: str) -> float | None:
    try:
        for step in key.split("."):
            document = document[int(step)] if isinstance(document, list) else document[step]
        value = float(document)
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None
