"""A Modbus link: one connection, one request at a time, no answer that is not the one asked for."""

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, assert_never

from inviseobox.acquisition.answer_gate import LONGEST_HOLD
from inviseobox.acquisition.doubled_answers import DOUBLES_TIME, LISTENING, DoubledAnswers
from inviseobox.acquisition.fresh_connections import LONGEST_PAUSE, FreshConnections
from inviseobox.acquisition.link_habits import LinkHabits
from inviseobox.acquisition.link_opening import opened
from inviseobox.acquisition.modbus_frame import EXCEPTION_NAMES, other_function, other_unit
from inviseobox.acquisition.pymodbus_connection import Answer, Connection
from inviseobox.devices.links import Framing, SerialLink, TcpLink
from inviseobox.devices.registers import Span
from inviseobox.errors import InvalidAnswer, LinkDown, NoAnswer, Refused
from inviseobox.events import TroubleKind
from inviseobox.network.name_lookup import NameLookups
from inviseobox.network.openings import Openings

OPEN_TIMEOUT = 3.0
"""Seconds for a TCP connection or a port to open."""
GUARD_TIME = 0.5
"""Seconds of silence on an RTU line after a fault, in which a late answer goes by."""
REOPEN_PAUSE = 0.5
"""Seconds before a connection that failed just after another was dropped is tried once more."""
_QUICKEST = 0.0001
"""Seconds that pass at least until a byte on the line is heard, and until the first byte of a request is on it."""
_DELIVERY_TIME = 1.0
"""Seconds for which an answer that is there may still be held back, at most."""


class ModbusLink:
    """One serial port, or one host and port. The connection is opened when it is needed."""

    def __init__(
        self, link: SerialLink | TcpLink, timeout: float, lookups: NameLookups, openings: Openings | None = None
    ) -> None:
        """Prepare the link; `timeout` is the time in seconds that a unit has for one answer.

        A host that is a name is looked up by `lookups` whenever the connection is opened, in turn with the others of
        `openings`.
        """
        self._link = link
        self._lookups = lookups
        self._openings = openings or Openings()
        self._was_down = False
        self._timeout = timeout
        self._lock = asyncio.Lock()
        self._connection: Connection | None = None
        self._quiet_until = 0.0
        self._dropped_at = float("-inf")
        self._silence = link.frame_silence
        self._is_rtu = link.framing is Framing.RTU
        self._habits = LinkHabits(link.framing)
        self._fresh = FreshConnections()
        self._doubles = DoubledAnswers()

    def take_over(self) -> None:
        """Begin as after a drop in mid-request: of another link, in whose place this one is, or of another process."""
        self._dropped_at = self._now()
        if self._is_rtu:
            self._be_quiet_for(self._timeout + GUARD_TIME)

    @property
    def is_serial(self) -> bool:
        """Whether it is a port of this machine."""
        return isinstance(self._link, SerialLink)

    @property
    def worst_case(self) -> float:
        """The longest time in seconds that one read may take, opening and guard time included."""
        asking = LONGEST_PAUSE + 2 * self._timeout + LONGEST_HOLD + _DELIVERY_TIME
        # Where the connection ends instead of an answer it is opened once more.
        return 2 * (4 * OPEN_TIMEOUT + REOPEN_PAUSE) + self._timeout + 4 * GUARD_TIME + 3 * asking

    def oddities(self, now: float) -> dict[TroubleKind[Any], str]:
        """Return what is odd about the link: kinds of trouble, which are about a link, and the cause of each."""
        return self._habits.oddities(now)

    @property
    def must_wait(self) -> bool:
        """Whether it was down, and so many others are that it cannot be opened without waiting for its turn."""
        return not self.is_serial and self._was_down and self._openings.are_all_taken(is_suspect=True)

    async def read(self, span: Span, waiting: Callable[[], None] = lambda: None) -> list[int]:
        """Read the span's registers (or bits, as 0 and 1), lowest address first.

        `waiting` is called every few seconds while it waits for its turn to connect.

        Raises LinkDown where there is no connection to be had, NoAnswer, InvalidAnswer or Refused. After NoAnswer and
        InvalidAnswer the connection is closed, so that a late answer cannot meet the next request. It is kept where a
        fresh one would need time before it answers: transaction numbers tell a late answer, or it goes by in the guard
        time.
        """
        async with self._lock:
            try:
                values = _checked(span, await self._asked(span, waiting))
            except Refused:
                self._note_answer(span, was_refused=True)
                raise
            except (NoAnswer, InvalidAnswer):
                self._doubles.failed()
                self._give_up()
                raise
            except BaseException:
                self._doubles.failed()
                self._drop()
                raise
            else:
                self._note_answer(span, was_refused=False)
                return values

    async def _asked(self, span: Span, waiting: Callable[[], None]) -> Answer:
        """Ask, once more on a fresh connection where this one, which had answered, ends without another byte.

        Some gateways close after each answer, which may show only when the next request is on its way: it was never
        heard. A serial port that ends is gone. Raises LinkDown, NoAnswer or InvalidAnswer.
        """
        while True:
            connection = await self._opened(waiting)
            if silence := self._silence_before(span):
                self._be_quiet_for(silence, since=connection.heard_at)
            asked_at = self._now()
            try:
                return await self._believed(connection, span)
            except NoAnswer:
                is_closed = connection.is_lost and connection.heard_at < asked_at
                if self.is_serial or not is_closed or not self._fresh.has_answered:
                    raise

    def _silence_before(self, span: Span) -> float:
        """Return the seconds of silence that this request needs after what was heard last."""
        if not self._is_rtu:
            return DOUBLES_TIME if self._habits.leaves_numbers_out else self._silence
        return max(self._doubles.silence_before(span, self._habits.doubled_within), self._silence)

    async def _believed(self, connection: Connection, span: Span) -> Answer:
        """Ask, once more where the answer may be an earlier one come again. Raises NoAnswer or InvalidAnswer."""
        answer = await self._answer(connection, span)
        if self._is_rtu and connection.came_before and self._doubles.is_suspect(span):
            self._be_quiet_for(LISTENING)
            answer = await self._answer(connection, span)
        return answer

    async def reopen(self, waiting: Callable[[], None] = lambda: None) -> None:
        """Open the connection without reading. `waiting` as for a read. Raises LinkDown."""
        async with self._lock:
            await self._opened(waiting)

    async def close(self) -> None:
        """Close the connection, if there is one. The next read opens it again."""
        async with self._lock:
            self._drop()

    def _note_answer(self, span: Span, *, was_refused: bool) -> None:
        """Keep the answers that a request may have which was sent more than once from the next request."""
        self._doubles.answered(span, was_refused=was_refused)
        if not self._fresh.answered():
            return
        if self._habits.leaves_numbers_out:
            self._drop()
        elif self._is_rtu:
            self._be_quiet_for(GUARD_TIME)

    def _give_up(self) -> None:
        """Close the connection after a fault, or let late answers go by on it."""
        is_lost = self._connection is None or self._connection.is_lost
        if not self._fresh.stays_open() or is_lost or self._habits.leaves_numbers_out:
            self._drop()
        elif self._is_rtu:
            self._be_quiet_for(GUARD_TIME)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._fresh.dropped()
            self._dropped_at = self._now()
            if self._is_rtu:
                self._be_quiet_for(GUARD_TIME)

    def _be_quiet_for(self, seconds: float, since: float | None = None) -> None:
        self._quiet_until = max(self._quiet_until, (self._now() if since is None else since) + seconds)

    async def _be_quiet(self) -> None:
        if self._quiet_until:
            # What came meanwhile is read, and dropped, before the request goes out: also where the silence is over.
            await asyncio.sleep(max(0.0, self._quiet_until - _QUICKEST - self._now()))

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    async def _opened(self, waiting: Callable[[], None]) -> Connection:
        if self._connection is not None and self._connection.is_lost:
            self._drop()
        if self._connection is None:
            await self._be_quiet()
            try:
                self._connection = await self._open_now_or_soon(waiting)
            except LinkDown:
                self._was_down = True
                raise
            self._was_down = False
            self._fresh.opened(self._now())
        return self._connection

    async def _open_now_or_soon(self, waiting: Callable[[], None]) -> Connection:
        """Open a connection, at the second try if need be. Raises LinkDown."""
        try:
            return await self._open(waiting)
        except LinkDown:
            # A gateway that takes one connection only may still be busy with the end of the one just dropped.
            if self._now() - self._dropped_at > REOPEN_PAUSE:
                raise
        await asyncio.sleep(REOPEN_PAUSE)
        return await self._open(waiting)

    async def _open(self, waiting: Callable[[], None]) -> Connection:
        """Open a connection to the first address that takes one. Raises LinkDown."""
        places = await self._places()
        async with nullcontext() if self.is_serial else self._openings.turn(self._was_down, waiting):
            deadline = self._now() + OPEN_TIMEOUT
            while True:
                place = places.pop(0)
                try:
                    within = (deadline - self._now()) / (len(places) + 1)
                    return await opened(place, self._habits, within, OPEN_TIMEOUT)
                except LinkDown:
                    if not places:
                        raise

    async def _places(self) -> list[SerialLink | TcpLink]:
        """Return the link once for each address of its host. Raises LinkDown."""
        match self._link:
            case SerialLink():
                return [self._link]
            case TcpLink(host=host, port=port):
                try:
                    async with asyncio.timeout(OPEN_TIMEOUT):
                        addresses = await self._lookups.addresses(host, port)
                except TimeoutError:
                    raise LinkDown(f"its name is not resolved (DNS) within {OPEN_TIMEOUT:g} s") from None
                return [replace(self._link, host=str(address.place[0])) for address in addresses]
            case _:
                assert_never(self._link)

    async def _answer(self, connection: Connection, span: Span) -> Answer:
        """Ask, on a fresh connection again and again for a while. Raises NoAnswer or InvalidAnswer."""
        if pause := self._fresh.pause(self._now()):
            await asyncio.sleep(pause)
        # Before the silence, for what this takes would be added to it.
        request = connection.request(span)
        await self._be_quiet()
        connection.ask(request)
        try:
            while not await self._is_answered(connection, span):
                # A late answer to the same request will do; one to another went by before.
                if self._is_rtu and await connection.ended(GUARD_TIME):
                    break
                connection.repeat()
            return connection.answer()
        finally:
            connection.end()

    async def _is_answered(self, connection: Connection, span: Span) -> bool:
        """Wait for an answer; return False if the request is to be sent again. Raises NoAnswer."""
        self._fresh.asked(span.unit, self._now())
        if await connection.ended(self._timeout):
            return True
        asks_again = self._fresh.asks_again()
        if connection.last_look(is_last=not asks_again) and await connection.ended(_DELIVERY_TIME):
            return True
        if asks_again:
            return False
        raise NoAnswer(f"no answer within {self._timeout:g} s (modbus.timeout)")


def _checked(span: Span, answer: Answer) -> list[int]:
    """Return the values of an answer to this very request; pymodbus does not check that it is one."""
    if answer.unit != span.unit:
        raise InvalidAnswer(other_unit(answer.unit, span.unit))
    if answer.function != span.function:
        raise InvalidAnswer(other_function(answer.function, span.function))
    if answer.exception_code is not None:
        code = answer.exception_code
        raise Refused(f"exception {code} ({EXCEPTION_NAMES.get(code, 'unknown')})", code)
    expected = (span.count + 7) // 8 * 8 if span.function.reads_bits else span.count
    if len(answer.values) != expected:
        raise InvalidAnswer(f"{len(answer.values)} values instead of {expected}")
    return answer.values[: span.count]
