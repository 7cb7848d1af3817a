"""The units of a Modbus link: what is wanted of each, and what is known of it. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from inviseobox.acquisition.register_plan import Request
from inviseobox.acquisition.unit_availability import UnitAvailability
from inviseobox.acquisition.unit_plan import UnitPlan
from inviseobox.acquisition.unit_round import Answer
from inviseobox.configuration import ModbusSettings
from inviseobox.devices.inventory import ListedMeasurement
from inviseobox.devices.registers import Span
from inviseobox.devices.sources import JsonSource, RegisterSource, Unusable
from inviseobox.errors import UnusableValue
from inviseobox.events import together
from inviseobox.records import Reading


@dataclass(frozen=True, slots=True)
class Target:
    """A measurement that is read from registers, and where they are."""

    listed: ListedMeasurement
    source: RegisterSource


@dataclass(frozen=True, slots=True)
class Failure:
    """A read that gave no values: what came of it, the words for that, and the code if it was an exception."""

    request: Request
    answer: Answer
    words: str
    code: int | None = None


@dataclass
class Unit:
    """One unit of a link.

    `key` identifies it for ever, `number` on its link. `device` and `device_id` name the devices behind the number, in
    most cases one. `targets` are what it is asked for, and what may be asked for instead.
    """

    key: str
    number: int
    device: str
    device_id: str
    targets: dict[Span, list[Target]]
    plan: UnitPlan
    availability: UnitAvailability = field(default_factory=UnitAvailability)
    failures: dict[Span, Failure] = field(default_factory=dict)
    """What came of the last read of a span that was tried, where it gave no value."""
    unusable: dict[str, tuple[ListedMeasurement, str]] = field(default_factory=dict)
    """The measurements whose last value could not be used, by id, and why."""
    last_failure: Failure | None = None
    missing: dict[str, Target] = field(default_factory=dict)
    """What this round has not read yet, by the id of the measurement."""
    likely_marks: dict[str, tuple[ListedMeasurement, str]] = field(default_factory=dict)
    """The measurements that may have no value, by id, each with its raw value, since they were told of last."""

    def begin_round(self) -> None:
        """Note that nothing is read yet."""
        self.missing = {target.listed.id: target for targets in self.targets.values() for target in targets}

    def note_failure(self, failure: Failure) -> None:
        """Note that a read gave no values."""
        self.last_failure = failure
        self.failures |= dict.fromkeys(failure.request.wanted, failure)

    def readings(self, request: Request, values: Sequence[int]) -> list[Reading]:
        """Make the readings of what the answer to `request` holds and this round has not read yet."""
        readings = []
        for span in request.wanted:
            self.failures.pop(span, None)
            start = span.address - request.span.address
            registers = values[start : start + span.count]
            fresh = [target for target in self.targets[span] if self.missing.pop(target.listed.id, None)]
            readings += [self._reading(target, registers) for target in fresh]
        return readings

    def _reading(self, target: Target, registers: Sequence[int]) -> Reading:
        source, listed = target.source, target.listed
        try:
            value = source.value(registers)
        except UnusableValue as error:
            self.unusable[listed.id] = (listed, str(error))
            return Reading(listed.series, None)
        if (raw := source.likely_mark(registers)) is not None:
            self.likely_marks[listed.id] = (listed, raw)
        self.unusable.pop(listed.id, None)
        return Reading(listed.series, value)

    def failed(self) -> Iterator[Reading]:
        """Yield a failed reading of everything that the round did not read."""
        return (Reading(target.listed.series, None) for target in self.missing.values())


def unit_key(link: str, unit: int) -> str:
    """Name a unit so that it can be recognised after a restart."""
    return f"{link} {unit}"


def units_of(link: str, measurements: Iterable[ListedMeasurement], settings: ModbusSettings) -> list[Unit]:
    """Return the units that hold the registers of `measurements`, which are all on `link`."""
    by_number: dict[int, dict[Span, list[Target]]] = {}
    for listed in measurements:
        match listed.measurement.source:
            case RegisterSource() as source:
                targets = by_number.setdefault(source.span.unit, {}).setdefault(source.span, [])
                targets.append(Target(listed, source))
            case JsonSource() | Unusable():
                pass
            case source:
                assert_never(source)
    return [_unit(link, number, targets, settings) for number, targets in by_number.items()]


def _unit(link: str, number: int, targets: dict[Span, list[Target]], settings: ModbusSettings) -> Unit:
    devices = [target.listed.device for group in targets.values() for target in group]
    wanted = frozenset(targets)
    least: dict[Span, Span] = {}
    for span in wanted:
        # All that ask for the same span may be read in the longest of their least parts.
        part = max((target.source.least for target in targets[span]), key=lambda part: part.count)
        if part != span:
            least[span] = part
            targets[part] = [*targets.get(part, ()), *targets[span]]
    return Unit(
        key=unit_key(link, number),
        number=number,
        device=together(device.name for device in devices),
        device_id=together(device.id for device in devices),
        targets=targets,
        plan=UnitPlan(wanted, settings.gap, settings.max_registers, least),
    )
