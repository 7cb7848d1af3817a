"""Reading the units of one Modbus link, round by round."""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable

from inviseobox import events
from inviseobox.acquisition.attempt import Answer, Attempt
from inviseobox.acquisition.link_troubles import covered, link_troubles
from inviseobox.acquisition.modbus_link import ModbusLink
from inviseobox.acquisition.modbus_units import Failure, Unit, units_of
from inviseobox.acquisition.polling import MARGIN, Outcome, Sink
from inviseobox.acquisition.register_plan import Request
from inviseobox.acquisition.unit_memory import UnitMemory
from inviseobox.acquisition.unit_round import Attempts, attempts
from inviseobox.configuration import ModbusSettings
from inviseobox.devices.link_content import LinkContent
from inviseobox.errors import AnswersCollided, InvalidAnswer, LinkDown, ReadError, Refused
from inviseobox.events import Trouble, together
from inviseobox.health.health import Health
from inviseobox.health.troubles import LINK

_log = logging.getLogger(__name__)

_EXCEPTIONS = {
    2: Answer.REFUSED,
    3: Answer.REFUSED,
    5: Answer.BUSY,
    6: Answer.BUSY,
    10: Answer.SILENT,
    11: Answer.SILENT,
}
"""What exceptions mean (MODBUS Application Protocol V1.1b3, section 7). With 10 and 11 a gateway says that the unit
behind it does not answer."""
_LAST_PROBES = 30
"""Probes of silent units of which the longest tells how long the next may take: some wait for a fresh connection."""


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
        self._health = health
        self._troubles = health.troubles
        self._memory = memory
        self._devices = together(listed.device.name for listed in content.measurements)
        self._units = units_of(content.name, content.measurements, settings)
        for unit in self._units:
            memory.teach(unit.key, unit.plan)
        self._vain_probes: deque[float] = deque(maxlen=_LAST_PROBES)
        """Seconds that the last probes of units took that stayed silent."""

    async def poll_once(self, next_start: float) -> Outcome:
        """Read the units that answer, take apart what gave no values, then look at the others while there is time.

        However many units stay silent, those that answer are read in each round. At least one silent unit that is due
        is looked at in a round, the one that waits longest: of n each has its turn within n rounds, where there is time
        for no more.
        """
        outcome = Outcome.IDLE
        for unit in self._units:
            unit.begin_round()
        try:
            if await self._read_in_turn(next_start):
                outcome = Outcome.READ
            self._troubles.show(self.name, link_troubles(self.name, self._units) | self._odd(), covered(self._units))
        except LinkDown as error:
            outcome = Outcome.DOWN
            self._report_down(error)
        for unit in self._units:
            self._sink(unit.failed())
        for unit in self._units:
            self._tell_likely_marks(unit)
        return outcome

    async def _read_in_turn(self, next_start: float) -> bool:
        """Read first what answers, then what may; return whether anything was asked. Raises LinkDown."""
        answering = [unit for unit in self._units if unit.availability.answers]
        others = [unit for unit in self._units if not unit.availability.answers]
        was_any_asked = await self._read(answering, next_start)
        others += [unit for unit in answering if not unit.availability.is_sure]
        others.sort(key=lambda unit: (unit.availability.is_silent, unit.availability.asked_at))
        return await self._read(others, next_start, is_ended_by_silence=True) or was_any_asked

    async def _read(self, units: Iterable[Unit], next_start: float, *, is_ended_by_silence: bool = False) -> bool:
        """Read those of the units that are due; return whether any was. Raises LinkDown.

        Once one was silent, the next ones are asked one short read first: many are silent at a time where a part of
        the line is cut off. `is_ended_by_silence`: a silent one is the last, but for what was never asked, where one
        more would make the next round late. Until then a single probe in vain is repeated, after the other units.
        """
        clock = asyncio.get_running_loop().time
        unfinished: list[tuple[Unit, Attempts]] = []
        was_any_asked = was_silent = was_any_silent = False
        turns = deque(units)
        while turns:
            unit, now = turns.popleft(), clock()
            was_asked = unit.availability.was_asked
            longest_probe = max(self._vain_probes, default=0.0)
            if is_ended_by_silence and was_silent and was_asked and now + longest_probe > next_start:
                break
            if not unit.availability.is_due(now, next_start):
                continue
            is_probe = was_any_silent or (was_asked and not unit.availability.answers)
            work = attempts(unit.plan, now, was_silent=is_probe)
            is_finished = await self._go_on(unit, work, is_probe=is_probe)
            if not is_finished:
                unfinished.append((unit, work))
            was_any_asked = True
            was_silent = is_finished and not unit.availability.answers
            was_any_silent = was_any_silent or was_silent
            if was_silent and is_probe:
                self._vain_probes.append(clock() - now)
            if was_silent and is_ended_by_silence and not unit.availability.is_sure:
                turns.append(unit)
        for unit, work in unfinished:
            await self._go_on(unit, work)
        return was_any_asked

    def _tell_likely_marks(self, unit: Unit) -> None:
        for listed, raw in unit.likely_marks.values():
            if self._health.is_news_of_mark(listed.id):
                _log.warning(
                    "%s: its raw value %s is what many meters send when they have no value; it is delivered as one, "
                    'as long as its parameters in the device list do not say "invalid": ["%s"]',
                    listed.label,
                    raw,
                    raw,
                    extra=events.LIKELY_NO_VALUE.fields(listed.about),
                )
        unit.likely_marks.clear()

    def _odd(self) -> dict[str, Trouble]:
        """Return what is odd about the link though it is read."""
        oddities = self._link.oddities(asyncio.get_running_loop().time())
        return {kind.name: kind(cause, link=self.name, device=self._devices) for kind, cause in oddities.items()}

    def _report_down(self, error: LinkDown) -> None:
        """Name the link; what was wrong on it already stays so."""
        kind = events.PORT if self._link.is_serial else events.HOST
        trouble = kind(str(error), link=self.name, device=self._devices).advising(error.advice)
        self._troubles.begin(LINK, trouble, scope=self.name)

    async def reopen(self) -> bool:
        """Try to open the port or connection; return whether it is open.

        Where it would have to wait for its turn to connect, the next round does so, which is then a failed one.
        """
        if self._link.must_wait:
            return False
        self._beat()
        try:
            await self._link.reopen(self._beat)
        except LinkDown:
            return False
        return True

    async def close(self) -> None:
        """Close the connection and forget what was wrong."""
        await self._link.close()
        self._troubles.drop(self.name)

    def _beat(self) -> None:
        self._heartbeat.expect(2 * self._link.worst_case + MARGIN)

    async def _go_on(self, unit: Unit, work: Attempts, *, is_probe: bool = False) -> bool:
        """Do what the round of a unit asks for; return whether that was all before the other units. Raises LinkDown.

        `is_probe`: it begins with one short read, and ends where that is in vain.
        """
        try:
            attempt = next(work)
            while attempt is not None:
                attempt = work.send(await self._answer(unit, attempt))
        except StopIteration as end:
            self._note_round(unit, is_answering=end.value, is_probe=is_probe)
            return True
        return False

    def _note_round(self, unit: Unit, *, is_answering: bool, is_probe: bool) -> None:
        failure = unit.last_failure
        now = asyncio.get_running_loop().time()
        if is_answering or failure is None:
            unit.availability.answered()
        elif is_probe and (unit.availability.answers or not unit.availability.was_asked):
            unit.availability.missed(now)
        else:
            unit.availability.stayed_silent(now, failure.words, is_odd=failure.answer is Answer.ODD)
        self._memory.note(unit.key, unit.plan)

    async def _answer(self, unit: Unit, attempt: Attempt) -> Answer:
        """Do one read, keep what it gives, and return what came of it. Raises LinkDown."""
        if attempt.pause:
            await asyncio.sleep(attempt.pause)
        failures: list[Failure] = []
        while len(failures) < attempt.tries and not any(failure.answer.is_valid for failure in failures):
            self._beat()
            try:
                values = await self._link.read(attempt.request.span, self._beat)
            except LinkDown:
                raise
            except ReadError as error:
                failures.append(_failure(attempt.request, error))
            else:
                self._sink(unit.readings(attempt.request, values))
                return Answer.READ
        # Of two tries the one with an answer tells more.
        failure = min(failures, key=lambda failure: failure.answer is Answer.SILENT)
        unit.note_failure(failure)
        return failure.answer


def _failure(request: Request, error: ReadError) -> Failure:
    """Return what an error of a read means."""
    if isinstance(error, AnswersCollided):
        # It says nothing about this read: as of a unit that is busy.
        return Failure(request, Answer.BUSY, str(error))
    if not isinstance(error, Refused):
        return Failure(request, Answer.ODD if isinstance(error, InvalidAnswer) else Answer.SILENT, str(error))
    code = error.exception_code
    return Failure(request, _EXCEPTIONS.get(code, Answer.FAILED), str(error), code)
