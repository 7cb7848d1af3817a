"""Which devices of a fresh device list have given a value, which have not, and why, as status.json tells. Pure.

The content of status.json is a program's with fewer rights than the reader has: whatever stands there is only shown.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from inviseobox.commands import trouble_words
from inviseobox.commands.retold import retold
from inviseobox.configuration import Configuration
from inviseobox.devices.inventory import Device, Inventory, ListedMeasurement, Measurement
from inviseobox.devices.links import SerialLink, TcpLink, WebLink
from inviseobox.devices.sources import JsonSource, RegisterSource, Unusable
from inviseobox.translation import _

_START = 15.0
"""Seconds until a daemon that is ready has the device list and has written what it read first."""
_LONGEST = 600.0
_FAIR_ROUNDS = 2
"""Rounds in which a silent Modbus device is given the chance to answer: a meter may just have been switched on."""
_TRIES = 3
"""Requests that a silent Modbus unit is given before the next one has its turn: one, again, and another one."""


@dataclass(frozen=True, slots=True)
class Silent:
    """A device, or one measurement of a device that answers otherwise, which gave no value, and why."""

    name: str
    link: str
    cause: str


class Standing:
    """How the devices of a list stand by one status.json, None where there is none yet."""

    def __init__(
        self, inventory: Inventory, status: Mapping[str, Any] | None = None, earlier: "Standing | None" = None
    ) -> None:
        """Look up each device of the list in `status`; `earlier` knows what had been read before that."""
        status = status or {}
        self._inventory = inventory
        self._seen = {
            str(measurement.get("_id")): measurement
            for device in _objects(status.get("devices"))
            for measurement in _objects(device.get("measurements"))
        }
        self._links = {str(link.get("name")): link for link in _objects(status.get("links"))}
        self._told = trouble_words.causes(_objects(status.get("troubles")))
        self.counted = {name: _reads(one) for name, one in self._seen.items()}
        """How often each measurement was read in the open window, by its id."""
        self.reads: dict[str, int] = dict(earlier.reads) if earlier else {}
        """How often it was read in all."""
        for name, count in self.counted.items():
            before = earlier.counted.get(name, 0) if earlier else 0
            # The reads are counted anew in each window.
            self.reads[name] = self.reads.get(name, 0) + (count - before if count >= before else count)
        self._answering = {device.id for device in inventory.devices if any(map(self._has_value, device.measurements))}

    @property
    def answering(self) -> int:
        """How many devices have given a value."""
        return len(self._answering)

    @property
    def is_complete(self) -> bool:
        """Whether there is nothing to wait for.

        Everything has been read once, and each device has answered or has had its chance: a page once, as long as
        http.timeout, a Modbus device in two rounds. What cannot be read at all does not count.
        """
        return all(self._is_settled(one) for one in self._inventory.measurements)

    def _is_settled(self, one: ListedMeasurement) -> bool:
        reads = self.reads.get(one.id, 0)
        match one.measurement.source:
            case Unusable():
                return True
            case RegisterSource() if one.device.id not in self._answering:
                return reads >= _FAIR_ROUNDS
        return reads > 0

    def silent(self) -> Iterator[Silent]:
        """Yield what has given no value, in the order of the list."""
        for device in self._inventory.devices:
            link = device.link.name if device.link else ""
            if device.id not in self._answering:
                yield Silent(device.name, link, self._cause_of_device(device))
                continue
            for one in device.measurements:
                if not self._has_value(one):
                    yield Silent(f"{device.name}, {one.name}", link, self._cause(device, one))

    def _has_value(self, measurement: Measurement) -> bool:
        return self._seen.get(measurement.id, {}).get("at") is not None

    def _cause_of_device(self, device: Device) -> str:
        """Say why a device gave no value: the cause of its link counts before its own."""
        if not device.measurements:
            return _("the server lists no measurement of it")
        reasons = [one.source.reason for one in device.measurements if isinstance(one.source, Unusable)]
        if len(reasons) == len(device.measurements):
            return retold(reasons[0])
        link = self._links.get(device.link.name, {}) if device.link else {}
        return trouble_words.cause(link) or self._cause(device, *device.measurements)

    def _cause(self, device: Device, *measurements: Measurement) -> str:
        """Say why these measurements of a device gave no value."""
        if len(measurements) == 1 and isinstance(measurements[0].source, Unusable):
            return retold(measurements[0].source.reason)
        of_measurements = (self._told.get((trouble_words.MEASUREMENT, one.id)) for one in measurements)
        cause = next(filter(None, of_measurements), None) or self._told.get((trouble_words.DEVICE, device.id))
        if cause:
            return cause
        was_read = any(self.reads.get(one.id) for one in measurements)
        return _("it gives no value") if was_read else _("it has not been read yet")


def longest_wait(inventory: Inventory, configuration: Configuration) -> float:
    """Return the seconds within which each device that answers has given a value, however many are silent."""
    units: dict[str, set[int]] = {}
    pages: dict[str, set[str]] = {}
    for listed in inventory.measurements:
        match listed.device.link, listed.measurement.source:
            case WebLink(name=name), JsonSource(url=url):
                pages.setdefault(name, set()).add(url)
            case SerialLink(name=name) | TcpLink(name=name), RegisterSource(span=span):
                units.setdefault(name, set()).add(span.unit)
    modbus, http = configuration.modbus, configuration.http
    # What is silent in the first round may answer in the second.
    rounds = [modbus.period + len(of_link) * _TRIES * modbus.timeout for of_link in units.values()]
    rounds += [len(of_host) * http.timeout for of_host in pages.values()]
    return min(_START + max(rounds, default=0.0), _LONGEST)


def _reads(measurement: Mapping[str, Any]) -> int:
    """Return how often it was read in this window, or in an earlier one."""
    reads = measurement.get("reads")
    return max(reads if isinstance(reads, int) else 0, measurement.get("at") is not None)


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
