"""Reading the units of one Modbus link, round by round."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from inviseobox import events
from inviseobox.acquisition.modbus_link import ModbusLink
from inviseobox.acquisition.polling import MARGIN, Outcome, Sink
from inviseobox.acquisition.register_plan import Request
from inviseobox.acquisition.unit_availability import UnitAvailability
from inviseobox.acquisition.unit_memory import UnitMemory
from inviseobox.acquisition.unit_plan import Attempt, Learning, UnitPlan
from inviseobox.configuration import ModbusSettings
from inviseobox.devices.inventory import Device, Measurement
from inviseobox.devices.register_codec import decode_registers
from inviseobox.devices.registers import Span
from inviseobox.devices.sources import RegisterSource
from inviseobox.errors import InvalidAnswer, LinkDown, NoAnswer, ReadError, Refused, UnusableValue
from inviseobox.events import Marks, together
from inviseobox.health.health import Health
from inviseobox.records import Reading

_REFUSALS = (2, 3)
"""Exceptions that teach something about how the unit likes to be read."""
_BUSY = (5, 6)
_UNREACHABLE = (10, 11)
"""Exceptions with which a gateway says that the unit behind it does not answer."""
_BUSY_PAUSE = 0.2
"""Seconds before a busy unit is asked again."""


@dataclass(frozen=True, slots=True)
class _Target:
    device: Device
    measurement: Measurement
    source: RegisterSource

    @property
    def name(self) -> str:
        return f"{self.device.name}, {self.measurement.name}"

    @property
    def marks(self) -> Marks:
        return events.VALUE(
            device=self.device.name,
            device_id=self.device.id,
            measurement=self.measurement.name,
            measurement_id=self.measurement.series.measurement,
        )


@dataclass
class _Unit:
    key: str
    """What identifies the unit for ever: its link and number."""
    number: int
    device: str
    """The names of the devices behind this number, in most cases one."""
    device_id: str
    name: str
    targets: dict[Span, list[_Target]]
    plan: UnitPlan
    availability: UnitAvailability = field(default_factory=UnitAvailability)
    silence: str = ""
    """Why it does not answer, where it does not."""
    refused: set[str] = field(default_factory=set)
    """What troubles it refused to read, by their subjects."""
    missing: set[Span] = field(default_factory=set)
    """What this round has not read yet."""


class ModbusPoller:
    """Everything that is read over one serial port, or one host and port."""

    def __init__(
        self,
        link: ModbusLink,
        name: str,
        measurements: Sequence[tuple[Device, Measurement]],
        settings: ModbusSettings,
        sink: Sink,
        health: Health,
        memory: UnitMemory,
    ) -> None:
        """Read `measurements`, which all have a RegisterSource, over `link`, which people know by `name`."""
        self.name = name
        self._link = link
        self._sink = sink
        self._health = health
        self._troubles = health.troubles
        self._memory = memory
        self._devices = together(device.name for device, _ in measurements)
        self._units = _units(name, measurements, settings)
        for unit in self._units:
            memory.teach(unit.key, unit.plan)

    async def poll_once(self, next_start: float) -> Outcome:
        """Read every unit that is due. A unit that stays silent costs the others nothing but its time-outs."""
        outcome = Outcome.IDLE
        for unit in self._units:
            unit.missing = set(unit.targets)
        try:
            for unit in self._units:
                if unit.availability.is_due(asyncio.get_running_loop().time(), next_start):
                    outcome = Outcome.READ
                    await self._read_unit(unit)
            self._report_silence()
        except LinkDown as error:
            outcome = Outcome.DOWN
            kind = events.PORT if self._link.is_serial else events.HOST
            self._troubles.begin(kind(link=self.name, device=self._devices), self.name, str(error), error.advice)
        self._sink([Reading(target.measurement.series, None) for unit in self._units for target in _missing(unit)])
        return outcome

    def _report_silence(self) -> None:
        """Name the units that are silent; where all of several are, that is one cause, and the link is named."""
        silent = [unit for unit in self._units if unit.availability.is_silent]
        if len(silent) == len(self._units) > 1:
            cause = f"none of its {len(silent)} units answers: {silent[0].silence}"
            marks = events.LINK(link=self.name, device=self._devices)
            self._troubles.begin(marks, self.name, cause, "check its cabling and settings")
            return
        for unit in silent:
            advice = "check its power, its address and the bus"
            marks = events.DEVICE(link=self.name, unit=str(unit.number), device=unit.device, device_id=unit.device_id)
            self._troubles.begin(marks, unit.name, unit.silence, advice)

    async def reopen(self) -> bool:
        """Try to open the port or connection."""
        self._beat()
        try:
            await self._link.reopen()
        except LinkDown:
            return False
        return True

    async def close(self) -> None:
        """Close the connection and forget what was wrong."""
        await self._link.close()
        self._troubles.drop(self.name)
        for unit in self._units:
            self._troubles.drop(unit.name)
            for subject in unit.refused:
                self._troubles.drop(subject)
            for targets in unit.targets.values():
                for target in targets:
                    self._troubles.drop(target.name)

    def _beat(self) -> None:
        self._health.heartbeats.expect(self.name, 2 * self._link.worst_case + MARGIN)

    async def _read_unit(self, unit: _Unit) -> None:
        """Read one unit, as far as it answers. Raises LinkDown."""
        loop = asyncio.get_running_loop()
        asked = unit.plan.shortest()
        try:
            if unit.availability.is_silent:
                await self._probe(unit, asked)
            learning = unit.plan.attempts(loop.time())
            attempt = next(learning, None)
            while attempt is not None:
                asked = attempt.request
                attempt = _following(learning, await self._attempt(unit, attempt))
        except LinkDown:
            raise
        except ReadError as error:
            unit.silence = str(error)
            if unit.availability.stayed_silent(loop.time(), asked.span):
                unit.plan.shorten(asked.span, loop.time())
        self._memory.note(unit.key, unit.plan)

    async def _probe(self, unit: _Unit, request: Request) -> None:
        """Ask a silent unit once. Raises NoAnswer and the like where it stays silent; any other answer will do."""
        self._beat()
        try:
            await self._link.read(request.span)
        except Refused as error:
            if error.exception_code in _UNREACHABLE:
                raise
        self._answered(unit, request)

    async def _attempt(self, unit: _Unit, attempt: Attempt) -> bool | None:
        """Do one read and say what it teaches. Raises what the unit's silence or the link's end means."""
        request = attempt.request
        try:
            values = await self._read_twice(request.span)
        except Refused as error:
            if error.exception_code in _UNREACHABLE:
                raise
            self._answered(unit, request)
            teaches = error.exception_code in _REFUSALS
            if len(request.wanted) == 1 or not teaches:
                self._refused(unit, request, error)
            return False if teaches else None
        self._answered(unit, request)
        self._troubles.end(_subject(unit, request), "is read again")
        if attempt.counts:
            self._record(unit, request, values)
        return True

    async def _read_twice(self, span: Span) -> list[int]:
        """Read, and once more at once where there was no valid answer or the unit was busy."""
        self._beat()
        try:
            return await self._link.read(span)
        except (NoAnswer, InvalidAnswer):
            pass
        except Refused as error:
            if error.exception_code not in _BUSY:
                raise
            await asyncio.sleep(_BUSY_PAUSE)
        return await self._link.read(span)

    def _answered(self, unit: _Unit, request: Request) -> None:
        unit.availability.answered(request.span)
        self._troubles.end(self.name, "reachable again")
        self._troubles.end(unit.name, "answers again")

    def _refused(self, unit: _Unit, request: Request, error: Refused) -> None:
        """Name what the unit refuses: one measurement, or where they are read together the registers of all."""
        subject = _subject(unit, request)
        kind, advice = events.REGISTERS, "check the register and address of its measurements"
        if error.exception_code in _BUSY:
            kind, advice = events.BUSY, "it is asked again in each round"
        unit.refused.add(subject)
        marks = kind(link=self.name, unit=str(unit.number), device=unit.device, device_id=unit.device_id)
        self._troubles.begin(marks, subject, f"the device answers {error}", advice)

    def _record(self, unit: _Unit, request: Request, values: Sequence[int]) -> None:
        readings = []
        for span in request.wanted:
            start = span.address - request.span.address
            registers = values[start : start + span.count]
            readings += [self._reading(target, registers) for target in unit.targets[span]]
            unit.missing.discard(span)
        self._sink(readings)

    def _reading(self, target: _Target, registers: Sequence[int]) -> Reading:
        source = target.source
        try:
            value = decode_registers(registers, source.value_class, source.byte_order)
        except UnusableValue as error:
            advice = "check its value_class and byte_order"
            self._troubles.begin(target.marks, target.name, str(error), advice)
            return Reading(target.measurement.series, None)
        self._troubles.end(target.name, "gives values again")
        return Reading(target.measurement.series, value)


def unit_key(link: str, unit: int) -> str:
    """Name a unit so that it can be recognised after a restart."""
    return f"{link} {unit}"


def _subject(unit: _Unit, request: Request) -> str:
    targets = [target for span in request.wanted for target in unit.targets[span]]
    if len(targets) == 1:
        return targets[0].name
    return f"{unit.name}, addresses {request.span.address} to {request.span.end - 1}"


def _following(learning: Learning, outcome: bool | None) -> Attempt | None:
    try:
        return learning.send(outcome)
    except StopIteration:
        return None


def _missing(unit: _Unit) -> Iterator[_Target]:
    return (target for span in unit.missing for target in unit.targets[span])


def _units(link: str, measurements: Iterable[tuple[Device, Measurement]], settings: ModbusSettings) -> list[_Unit]:
    by_number: dict[int, dict[Span, list[_Target]]] = {}
    for device, measurement in measurements:
        if isinstance(measurement.source, RegisterSource):
            span = measurement.source.span
            targets = by_number.setdefault(span.unit, {}).setdefault(span, [])
            targets.append(_Target(device, measurement, measurement.source))
    return [_unit(link, number, targets, settings) for number, targets in by_number.items()]


def _unit(link: str, number: int, targets: dict[Span, list[_Target]], settings: ModbusSettings) -> _Unit:
    devices = [target.device for group in targets.values() for target in group]
    names = together(device.name for device in devices)
    return _Unit(
        key=unit_key(link, number),
        number=number,
        device=names,
        device_id=together(device.id for device in devices),
        name=f"{names} (unit {number} on {link})",
        targets=targets,
        plan=UnitPlan(frozenset(targets), settings.gap, settings.max_registers),
    )
