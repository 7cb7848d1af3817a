"""Remembers, for each measurement, which values the instruments really gave away, and when."""

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

    def watch_register(self, measurement: str, unit: int, function_code: int, address: int, encoding: Encoding) -> None:
        """Count answers that hold this value for `measurement`."""
        self._registers[measurement] = _Registers(unit, function_code, address, encoding)

    def watch_key(self, measurement: str, key: str) -> None:
        """Count pages that hold this key, dots stepping into objects and lists, for `measurement`."""
        self._keys[measurement] = key

    def of(self, measurement: str) -> tuple[Served, ...]:
        """What was served of `measurement` so far, oldest first; from any thread."""
        return tuple(self._values.get(measurement, ()))

    def measurements(self) -> tuple[str, ...]:
        """The `_id` of each watched measurement."""
        return (*self._registers, *self._keys)

    def answered(self, unit: int, request: bytes, response: bytes) -> None:
        """A unit's answer PDU goes out."""
        at = self._clock()
        values = served_values(request, response)
        for measurement, place in self._registers.items():
            addresses = range(place.address, place.address + place.encoding.width)
            wanted = place.unit == unit and place.function_code == request[0]
            if wanted and all(address in values for address in addresses):
                self._append(measurement, at, place.encoding.value([values[address] for address in addresses]))
        self._changes.notify()

    def page_sent(self, document: Any) -> None:
        """A sensor's document goes out."""
        at = self._clock()
        for measurement, key in self._keys.items():
            self._append(measurement, at, float(_step_into(document, key)))
        self._changes.notify()

    def _append(self, measurement: str, at: float, value: float) -> None:
        self._values.setdefault(measurement, []).append(Served(at, value))


def _step_into(document: Any, key: str) -> Any:
    for step in key.split("."):
        document = document[int(step)] if isinstance(document, list) else document[step]
    return document
