"""From the server's device list to links, devices and measurements. Pure.

The list is untrusted input: what cannot be understood becomes a dead measurement with its reason, and never touches the
rest. Only what is not a list at all is refused as a whole, and one that is too long to be true.
"""

from dataclasses import dataclass, field
from typing import Any

from inviseobox.configuration import MAX_INTERVAL
from inviseobox.devices.links import Link, WebLink, read_link
from inviseobox.devices.list_text import ListText
from inviseobox.devices.sources import Source, Unusable, fingerprint, read_source, synonyms
from inviseobox.errors import InventoryError, NotUnderstood
from inviseobox.events import AboutMeasurement
from inviseobox.records import Aggregate, Series
from inviseobox.untrusted import MAX_TEXT, clean_text, shown, whole_number

MAX_DEVICES = 20_000
MAX_MEASUREMENTS = 100_000
MAX_REMARKS = 10
"""How many remarks are kept; the others are counted."""
_MOST_UNKNOWN = 3
_NO_IDENTITY = f"it has no _id, a text of 1 to {MAX_TEXT} printable characters"
_KNOWN_AGGREGATES = ", ".join(Aggregate)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One quantity of one device. `name` and `value_unit`, as in kWh, are for people, `series` for everything else."""

    series: Series
    name: str
    source: Source
    value_unit: str = ""

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


@dataclass(frozen=True, slots=True, eq=False)
class ListedMeasurement:
    """A measurement together with its device, as the device list has it."""

    device: Device
    measurement: Measurement

    def __eq__(self, other: object) -> bool:
        """Whether it is the same measurement of a device that is called and reached alike.

        The other measurements of the device do not count: they would be compared once for each of them.
        """
        if not isinstance(other, ListedMeasurement):
            return NotImplemented
        mine, its = self.device, other.device
        is_same_device = (mine.id, mine.name, mine.link) == (its.id, its.name, its.link)
        return is_same_device and self.measurement == other.measurement

    def __hash__(self) -> int:
        """Return what is equal for equal ones."""
        return hash(self.id)

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
class Remarks:
    """What a person should know of a device list: the first texts, and how many more there are."""

    texts: tuple[str, ...] = ()
    more: int = 0

    def followed_by(self, text: str) -> "Remarks":
        """Return these and one more; beyond MAX_REMARKS it is only counted."""
        if len(self.texts) < MAX_REMARKS:
            return Remarks((*self.texts, text), self.more)
        return Remarks(self.texts, self.more + 1)

    def led_by(self, text: str) -> "Remarks":
        """Return these behind a first one."""
        texts = (text, *self.texts)
        return Remarks(texts[:MAX_REMARKS], self.more + len(texts[MAX_REMARKS:]))

    def news(self, known: "Remarks") -> list[str]:
        """Return the lines that tell what is not in `known`."""
        lines = [text for text in self.texts if text not in known.texts]
        if self.more and (lines or self.more != known.more):
            lines.append(f"… and {self.more} more")
        return lines


@dataclass(frozen=True, slots=True)
class Inventory:
    """All that the box is to read. `interval` in seconds, `name` of the box, where the server says so.

    Two are equal where the same is read in the same way, whatever the remarks and the name.
    """

    devices: tuple[Device, ...] = ()
    interval: int | None = None
    remarks: Remarks = field(default=Remarks(), compare=False)
    name: str = field(default="", compare=False)

    measurements: tuple[ListedMeasurement, ...] = field(init=False, repr=False, compare=False)
    """Every measurement with its device."""

    def __post_init__(self) -> None:
        """Pair each measurement with its device, once for all who ask."""
        listed = tuple(ListedMeasurement(device, one) for device in self.devices for one in device.measurements)
        object.__setattr__(self, "measurements", listed)


def parse(text: str) -> Inventory:
    """Read a device list in either form of the API: a bare list of devices, or a worker object that holds one.

    May run in a thread. Raises InventoryError where the text is neither, or too long.
    """
    place = ListText(text)
    told: object = None
    name = ""
    reader: _Reader | None = None
    if place.is_at("["):
        reader = _devices(place)
    elif place.is_at("{"):
        for key in place.members():
            if key == "devices":
                reader = _devices(place)
            elif key == "interval":
                told = place.value()
            elif key == "name":
                name = clean_text(place.value())
            else:
                place.value()
    if reader is None:
        raise InventoryError("the server's device list is neither a list of devices nor a worker with devices")
    place.end()
    return Inventory(tuple(reader.devices), *_interval(told, reader.remarks), name)


def _devices(place: ListText) -> "_Reader | None":
    """Read the list of devices that comes next; return None where it is something else."""
    if not place.is_at("["):
        place.value()
        return None
    reader = _Reader()
    for number, entry in enumerate(place.elements(), 1):
        reader.device(number, entry)
    return reader


def _interval(told: object, remarks: Remarks) -> tuple[int | None, Remarks]:
    """Return the interval, None where there is none, and the remarks, with one in front where it is ignored."""
    interval = whole_number(told)
    if told is None or (interval is not None and 1 <= interval <= MAX_INTERVAL):
        return interval, remarks
    right = f"whole seconds from 1 to {MAX_INTERVAL}"
    return None, remarks.led_by(f"the server's interval of {shown(told)} is ignored: not {right}")


class _Reader:
    """Reads entries one after the other and knows what the earlier ones took: ids, and the settings of links."""

    def __init__(self) -> None:
        self.devices: list[Device] = []
        self.remarks = Remarks()
        self._measurements = 0
        self._device_ids: set[str] = set()
        self._measurement_ids: set[str] = set()
        self._links: dict[str, Link] = {}

    def device(self, number: int, entry: object) -> None:
        """Read the entry of a device, which is the list's `number`-th."""
        if number > MAX_DEVICES:
            raise InventoryError(f"the server's device list holds more than {MAX_DEVICES:,} devices")
        if not isinstance(entry, dict) or (identity := _identity(entry)) is None:
            self._remark(f"device {_place(number, entry)} is left out: {_NO_IDENTITY}")
            return
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
            self._remark(f"device {name} cannot be read: {reason}")
        listed = entry.get("measurements")
        if not isinstance(listed, list):
            self._remark(f"device {name} has no list of measurements")
            listed = []
        self._measurements += len(listed)
        if self._measurements > MAX_MEASUREMENTS:
            raise InventoryError(f"the server's device list holds more than {MAX_MEASUREMENTS:,} measurements")
        read = (self._measurement(place, item, identity, name, link, reason) for place, item in enumerate(listed, 1))
        self.devices.append(Device(identity, name, link, tuple(measurement for measurement in read if measurement)))

    def _measurement(
        self, number: int, entry: object, device: str, device_name: str, link: Link | None, reason: str
    ) -> Measurement | None:
        if not isinstance(entry, dict) or (identity := _identity(entry)) is None:
            place = _place(number, entry)
            self._remark(f"device {device_name}: measurement {place} is left out: {_NO_IDENTITY}")
            return None
        name = clean_text(entry.get("name")) or identity
        if identity in self._measurement_ids:
            self._remark(f"device {device_name}: the _id of {name}, {identity}, is listed twice; the first is used")
            return None
        self._measurement_ids.add(identity)
        settings = entry.get("configuration")
        settings = settings if isinstance(settings, dict) else {}
        source: Source
        try:
            source = read_source(settings.get("parameters"), link) if link else Unusable(reason)
        except NotUnderstood as error:
            source = Unusable(str(error))
            self._remark(f"device {device_name}, measurement {name} cannot be read: {error}")
        aggregates = self._aggregates(settings.get("response_format"), f"device {device_name}, measurement {name}")
        way, others = fingerprint(link, source), synonyms(link, source)
        series = Series(identity, device, way, aggregates, others)
        return Measurement(series, name, source, clean_text(entry.get("unit")))

    def _aggregates(self, listed: object, where: str) -> tuple[Aggregate, ...]:
        entries = listed if isinstance(listed, list) else []
        known = [name for name in Aggregate if name.value in entries]
        unknown = [entry for entry in entries if entry not in list(Aggregate)]
        if unknown:
            names = ", ".join(map(shown, unknown[:_MOST_UNKNOWN]))
            more = f" (+{len(unknown) - _MOST_UNKNOWN})" if len(unknown) > _MOST_UNKNOWN else ""
            self._remark(f"{where}: unknown in response_format, ignored: {names}{more}; known are {_KNOWN_AGGREGATES}")
        if not known:
            self._remark(f"{where}: response_format asks for nothing; only its status is sent")
        return tuple(known)

    def _link(self, communication: object) -> Link:
        link = read_link(communication)
        first = self._links.setdefault(link.name, link)
        if first != link and not isinstance(link, WebLink):
            raise NotUnderstood(f"an earlier device uses {link.name} with other settings")
        return link

    def _remark(self, text: str) -> None:
        self.remarks = self.remarks.followed_by(text)


def _place(number: int, entry: object) -> str:
    """Name an entry that has no valid _id: by its number in the list, and its name. Nothing else of it is told."""
    name = clean_text(entry.get("name")) if isinstance(entry, dict) else ""
    return f"{number} ({name})" if name else str(number)


def _identity(entry: dict[str, Any]) -> str | None:
    identity = entry.get("_id")
    if not isinstance(identity, str) or not 1 <= len(identity) <= MAX_TEXT or not identity.isprintable():
        return None
    return identity
