"""From the server's device list to links, devices and measurements. Pure.

The list is untrusted input: what cannot be understood becomes a dead measurement with its reason, and never touches the
rest. Only a list that is not a list at all is refused.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, assert_never

from inviseobox.configuration import MAX_INTERVAL
from inviseobox.devices.links import Link, SerialLink, TcpLink, WebLink, read_link
from inviseobox.devices.sources import JsonSource, RegisterSource, Source, Unusable, read_source
from inviseobox.errors import InventoryError, NotUnderstood
from inviseobox.events import AboutMeasurement
from inviseobox.records import Aggregate, Series
from inviseobox.untrusted import clean_text, shown, whole_number


@dataclass(frozen=True, slots=True)
class Measurement:
    """One quantity of one device. `name` is for people, `series` for everything else."""

    series: Series
    name: str
    source: Source

    @property
    def id(self) -> str:
        """The measurement's _id."""
        return self.series.measurement


@dataclass(frozen=True, slots=True)
class Device:
    """One meter or sensor. `link` is None where its communication could not be understood."""

    id: str
    name: str
    link: Link | None
    measurements: tuple[Measurement, ...]


@dataclass(frozen=True, slots=True)
class ListedMeasurement:
    """A measurement together with its device, as the device list has it."""

    device: Device
    measurement: Measurement

    @property
    def id(self) -> str:
        """The measurement's _id."""
        return self.measurement.id

    @property
    def series(self) -> Series:
        """The series that its readings belong to."""
        return self.measurement.series

    @property
    def label(self) -> str:
        """What people call it: the names of the device and of the measurement."""
        return f"{self.device.name}, {self.measurement.name}"

    @property
    def about(self) -> AboutMeasurement:
        """What the journal says of it."""
        return AboutMeasurement(
            device=self.device.name,
            device_id=self.device.id,
            measurement=self.measurement.name,
            measurement_id=self.id,
        )


@dataclass(frozen=True, slots=True)
class Inventory:
    """All that the box is to read. `interval` in seconds where the server names one; `remarks` are for the journal."""

    devices: tuple[Device, ...] = ()
    interval: int | None = None
    remarks: tuple[str, ...] = field(default=(), compare=False)

    @property
    def measurements(self) -> Iterator[ListedMeasurement]:
        """Every measurement with its device."""
        return (
            ListedMeasurement(device, measurement) for device in self.devices for measurement in device.measurements
        )


def parse(text: str) -> Inventory:
    """Read a device list in either form of the API: a bare list of devices, or a worker object that holds one.

    Raises InventoryError where the text is neither.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise InventoryError("the server's device list is not valid JSON") from None
    interval = None
    remarks: list[str] = []
    if isinstance(document, dict):
        interval = _interval(document.get("interval"), remarks)
        document = document.get("devices")
    if not isinstance(document, list):
        raise InventoryError("the server's device list is neither a list of devices nor a worker with devices")
    reader = _Reader(remarks)
    devices = tuple(device for entry in document if (device := reader.device(entry)) is not None)
    return Inventory(devices, interval, tuple(remarks))


def _interval(told: object, remarks: list[str]) -> int | None:
    interval = whole_number(told)
    if told is None or (interval is not None and 1 <= interval <= MAX_INTERVAL):
        return interval
    remarks.append(f"the server's interval of {shown(told)} is ignored: not whole seconds from 1 to {MAX_INTERVAL}")
    return None


class _Reader:
    """Reads entries one after the other and knows what the earlier ones took: ids, and the settings of links."""

    def __init__(self, remarks: list[str]) -> None:
        self._remarks = remarks
        self._device_ids: set[str] = set()
        self._measurement_ids: set[str] = set()
        self._links: dict[str, Link] = {}

    def device(self, entry: object) -> Device | None:
        if not isinstance(entry, dict) or (identity := _identity(entry)) is None:
            self._remarks.append(f"a device without _id is left out: {shown(entry)}")
            return None
        name = clean_text(entry.get("name")) or identity
        link: Link | None = None
        reason = ""
        try:
            if identity in self._device_ids:
                raise NotUnderstood(f"its _id {identity} is listed twice; the first is used")
            self._device_ids.add(identity)
            link = self._link(entry.get("communication"))
        except NotUnderstood as error:
            reason = str(error)
            self._remarks.append(f"device {name} cannot be read: {reason}")
        listed = entry.get("measurements")
        if not isinstance(listed, list):
            self._remarks.append(f"device {name} has no list of measurements")
            listed = []
        read = (self._measurement(item, identity, name, link, reason) for item in listed)
        return Device(identity, name, link, tuple(measurement for measurement in read if measurement))

    def _measurement(
        self, entry: object, device: str, device_name: str, link: Link | None, reason: str
    ) -> Measurement | None:
        if not isinstance(entry, dict) or (identity := _identity(entry)) is None:
            self._remarks.append(f"device {device_name}: a measurement without _id is left out: {shown(entry)}")
            return None
        name = clean_text(entry.get("name")) or identity
        if identity in self._measurement_ids:
            self._remarks.append(
                f"device {device_name}: the _id of {name}, {identity}, is listed twice; the first is used"
            )
            return None
        self._measurement_ids.add(identity)
        settings = entry.get("configuration")
        settings = settings if isinstance(settings, dict) else {}
        source: Source
        try:
            source = read_source(settings.get("parameters"), link) if link else Unusable(reason)
        except NotUnderstood as error:
            source = Unusable(str(error))
            self._remarks.append(f"device {device_name}, measurement {name} cannot be read: {error}")
        aggregates = self._aggregates(settings.get("response_format"), f"device {device_name}, measurement {name}")
        return Measurement(Series(identity, device, _fingerprint(link, source), aggregates), name, source)

    def _aggregates(self, listed: object, where: str) -> tuple[Aggregate, ...]:
        entries = listed if isinstance(listed, list) else []
        known = [name for name in Aggregate if name.value in entries]
        unknown = [entry for entry in entries if entry not in list(Aggregate)]
        if unknown:
            self._remarks.append(f"{where}: unknown in response_format, ignored: {shown(unknown)}")
        if not known:
            self._remarks.append(f"{where}: response_format asks for nothing; only its status is sent")
        return tuple(known)

    def _link(self, communication: object) -> Link:
        link = read_link(communication)
        first = self._links.setdefault(link.name, link)
        if first != link and not isinstance(link, WebLink):
            raise NotUnderstood(f"an earlier device uses {link.name} with other settings")
        return link


def _identity(entry: dict[str, Any]) -> str | None:
    identity = entry.get("_id")
    if not isinstance(identity, str) or not identity or len(identity) > 200 or not identity.isprintable():
        return None
    return identity


def _fingerprint(link: Link | None, source: Source) -> str:
    """Tell this way of reading from any other. Stored beside baselines, so its recipe must stay as it is for ever."""
    match source:
        case RegisterSource(span, value_class, byte_order):
            registers = [span.unit, int(span.function), span.address, value_class.name, byte_order.value]
            parts = [*_way(link), *registers]
        case JsonSource(url, key):
            parts = [url, key]
        case Unusable():
            parts = []
        case _:
            assert_never(source)
    return hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()[:16]


def _way(link: Link | None) -> list[object]:
    """Return what tells the way to the registers behind a link from any other."""
    match link:
        case SerialLink():
            return [link.port, link.baudrate, link.bytesize, link.parity, link.stopbits]
        case TcpLink():
            return [link.host, link.port, link.framing.value]
        case WebLink() | None:
            return []
        case _:
            assert_never(link)
