"""The units of a Modbus link: what is wanted of each, and what is known of it. Pure."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from inviseobox.acquisition.attempt import Answer
from inviseobox.acquisition.register_plan import Request
from inviseobox.acquisition.unit_availability import UnitAvailability
from inviseobox.acquisition.unit_plan import UnitPlan
from inviseobox.configuration import ModbusSettings
from inviseobox.devices.answer_decoder import AnswerDecoder
from inviseobox.devices.inventory import Device, ListedMeasurement
from inviseobox.devices.links import Framing, TcpLink
from inviseobox.devices.registers import Span
from inviseobox.devices.sources import JsonSource, RegisterSource, Unusable
from inviseobox.errors import UnusableValue
from inviseobox.events import together
from inviseobox.records import Readings, Series, failed

_MOST_READERS = 8
"""How often a measurement may be, on average, in what is kept of how answers are taken apart.

In one request of the plan, in short ones, and in those that a noisy line has it cut into.
"""


@dataclass(slots=True, eq=False)
class Target:
    """A measurement that is read from registers, where they are, and the last round of its unit that read it."""

    listed: ListedMeasurement
    source: RegisterSource
    read_in: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """A read that gave no values: what came of it, the words for that, and the code if it was an exception."""

    request: Request
    answer: Answer
    words: str
    code: int | None = None


@dataclass(frozen=True, slots=True)
class _Reader:
    """What is read by one request, and how."""

    targets: list[Target]
    series: tuple[Series, ...]
    decoder: AnswerDecoder


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
    unusable: dict[str, tuple[ListedMeasurement, UnusableValue]] = field(default_factory=dict)
    """The measurements whose last value could not be used, by id, and why."""
    last_failure: Failure | None = None
    rounds: int = 0
    """Counts them, the present one included."""
    likely_marks: dict[str, tuple[ListedMeasurement, str]] = field(default_factory=dict)
    """The measurements that may have no value, by id, each with its raw value, since they were told of last."""
    _readers: dict[Request, _Reader] = field(default_factory=dict)
    _read_by_them: int = 0
    """The lengths of their targets together."""

    def begin_round(self) -> None:
        """Note that nothing is read yet."""
        self.rounds += 1

    def note_failure(self, failure: Failure) -> None:
        """Note that a read gave no values."""
        self.last_failure = failure
        self.failures |= dict.fromkeys(failure.request.wanted, failure)

    def readings(self, request: Request, registers: Sequence[int]) -> Readings:
        """Make the readings of what the answer to `request` holds and this round has not read yet."""
        if self.failures:
            for span in request.wanted:
                self.failures.pop(span, None)
        reader = self._reader(request)
        values, problems = reader.decoder.values(registers)
        for place, raw in reader.decoder.likely_marks(registers, values):
            listed = reader.targets[place].listed
            self.likely_marks[listed.id] = (listed, raw)
        if self.unusable or problems:
            self._note_problems(reader, problems)
        fresh = [place for place, target in enumerate(reader.targets) if target.read_in != self.rounds]
        for place in fresh:
            reader.targets[place].read_in = self.rounds
        if len(fresh) == len(reader.targets):
            return Readings(reader.series, values)
        return Readings(tuple(reader.series[place] for place in fresh), array("d", [values[place] for place in fresh]))

    def _reader(self, request: Request) -> _Reader:
        reader = self._readers.get(request)
        if reader is None:
            targets = [target for span in request.wanted for target in self.targets[span]]
            self._read_by_them += len(targets)
            if self._read_by_them > _MOST_READERS * sum(map(len, self.targets.values())):
                self._readers.clear()
                self._read_by_them = len(targets)
            decoder = AnswerDecoder(request.span.address, [target.source for target in targets])
            reader = self._readers[request] = _Reader(
                targets, tuple(target.listed.series for target in targets), decoder
            )
        return reader

    def _note_problems(self, reader: _Reader, problems: Mapping[int, UnusableValue]) -> None:
        for place, target in enumerate(reader.targets):
            problem = problems.get(place)
            if problem is None:
                self.unusable.pop(target.listed.id, None)
            else:
                self.unusable[target.listed.id] = (target.listed, problem)

    def failed(self) -> Readings:
        """Return a failed reading of everything that the round did not read."""
        missing = {
            target.listed.id: target
            for targets in self.targets.values()
            for target in targets
            if target.read_in != self.rounds
        }
        return failed(target.listed.series for target in missing.values())


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


def _has_numbers(devices: Iterable[Device]) -> bool:
    return all(isinstance(device.link, TcpLink) and device.link.framing is Framing.TCP for device in devices)


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
        plan=UnitPlan(wanted, settings.gap, settings.max_registers, least, has_numbers=_has_numbers(devices)),
    )
