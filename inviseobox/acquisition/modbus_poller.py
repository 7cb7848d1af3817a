"""Reading the units of one Modbus link, round by round."""

import asyncio

from inviseobox import events
from inviseobox.acquisition.link_troubles import BUSY_CODES, covered, link_troubles
from inviseobox.acquisition.modbus_link import ModbusLink
from inviseobox.acquisition.modbus_units import Refusal, Unit, units_of
from inviseobox.acquisition.polling import MARGIN, Outcome, Sink
from inviseobox.acquisition.register_plan import Request
from inviseobox.acquisition.unit_memory import UnitMemory
from inviseobox.acquisition.unit_plan import Attempt, Learning
from inviseobox.configuration import ModbusSettings
from inviseobox.devices.link_content import LinkContent
from inviseobox.devices.registers import Span
from inviseobox.errors import InvalidAnswer, LinkDown, NoAnswer, ReadError, Refused
from inviseobox.events import together
from inviseobox.health.health import Health
from inviseobox.health.troubles import LINK

_TEACHING_CODES = (2, 3)
"""Exceptions that teach something about how the unit likes to be read."""
_UNREACHABLE_CODES = (10, 11)
"""Exceptions with which a gateway says that the unit behind it does not answer."""
_BUSY_PAUSE = 0.2
"""Seconds before a busy unit is asked again."""


class ModbusPoller:
    """Everything that is read over one serial port, or one host and port."""

    def __init__(
        self,
        link: ModbusLink,
        content: LinkContent,
        settings: ModbusSettings,
        sink: Sink,
        health: Health,
        memory: UnitMemory,
    ) -> None:
        """Read the measurements of `content`, which all have a RegisterSource, over `link`."""
        self.name = content.name
        self._link = link
        self._sink = sink
        self._heartbeat = health.heartbeats.of(content.name)
        self._troubles = health.troubles
        self._memory = memory
        self._devices = together(listed.device.name for listed in content.measurements)
        self._units = units_of(content.name, content.measurements, settings)
        for unit in self._units:
            memory.teach(unit.key, unit.plan)

    async def poll_once(self, next_start: float) -> Outcome:
        """Read every unit that is due. A unit that stays silent costs the others nothing but its time-outs."""
        outcome = Outcome.IDLE
        for unit in self._units:
            unit.begin_round()
        try:
            for unit in self._units:
                if unit.availability.is_due(asyncio.get_running_loop().time(), next_start):
                    outcome = Outcome.READ
                    await self._read_unit(unit)
            self._troubles.show(self.name, link_troubles(self.name, self._units), covered(self._units))
        except LinkDown as error:
            outcome = Outcome.DOWN
            self._report_down(error)
        self._sink([reading for unit in self._units for reading in unit.failed()])
        return outcome

    def _report_down(self, error: LinkDown) -> None:
        """Name the link; what was wrong on it already stays so."""
        kind = events.PORT if self._link.is_serial else events.HOST
        trouble = kind(str(error), link=self.name, device=self._devices).advising(error.advice)
        self._troubles.begin(LINK, trouble, scope=self.name)

    async def reopen(self) -> bool:
        """Try to open the port or connection; return whether it is open."""
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

    def _beat(self) -> None:
        self._heartbeat.expect(2 * self._link.worst_case + MARGIN)

    async def _read_unit(self, unit: Unit) -> None:
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
            if unit.availability.stayed_silent(loop.time(), asked.span, str(error)):
                unit.plan.shorten(asked.span, loop.time())
        self._memory.note(unit.key, unit.plan)

    async def _probe(self, unit: Unit, request: Request) -> None:
        """Ask a silent unit once. Raises NoAnswer and the like where it stays silent; any other answer will do."""
        self._beat()
        try:
            await self._link.read(request.span)
        except Refused as error:
            if error.exception_code in _UNREACHABLE_CODES:
                raise
        unit.availability.answered(request.span)

    async def _attempt(self, unit: Unit, attempt: Attempt) -> bool | None:
        """Do one read and say what it teaches. Raises what the unit's silence or the link's end means."""
        request = attempt.request
        try:
            values = await self._read_twice(request.span)
        except Refused as error:
            code = error.exception_code
            if code in _UNREACHABLE_CODES:
                raise
            unit.availability.answered(request.span)
            teaches = code in _TEACHING_CODES
            if len(request.wanted) == 1 or not teaches:
                unit.note_refusal(Refusal(request, code, str(error)))
            return False if teaches else None
        unit.availability.answered(request.span)
        unit.note_accepted(request)
        if attempt.counts:
            self._sink(unit.readings(request, values))
        return True

    async def _read_twice(self, span: Span) -> list[int]:
        """Read, and once more at once where there was no valid answer or the unit was busy."""
        self._beat()
        try:
            return await self._link.read(span)
        except (NoAnswer, InvalidAnswer):
            pass
        except Refused as error:
            if error.exception_code not in BUSY_CODES:
                raise
            await asyncio.sleep(_BUSY_PAUSE)
        return await self._link.read(span)


def _following(learning: Learning, outcome: bool | None) -> Attempt | None:
    try:
        return learning.send(outcome)
    except StopIteration:
        return None
