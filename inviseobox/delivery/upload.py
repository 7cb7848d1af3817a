"""The loop that brings sealed windows to the server: the newest first, then the backlog, oldest first."""

import asyncio
import hashlib
import logging
import random
from collections.abc import Callable, Coroutine
from typing import Any, assert_never

from inviseobox import events
from inviseobox.buffer import Buffer
from inviseobox.clock import WallClock, utc_text
from inviseobox.delivery.refusals import Refusals
from inviseobox.delivery.setting_aside import SettingAside
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.errors import BufferFault, DeliveryError, DeliveryRefused, ServerNotReached, ServerStalled
from inviseobox.health.health import Health
from inviseobox.records import Batch, DeviceStates
from inviseobox.reports.device_status import halved
from inviseobox.server.answers import Verdict
from inviseobox.server.api import TOTAL_TIMEOUT
from inviseobox.server.retry import retrying
from inviseobox.server.server import Receiver

_log = logging.getLogger(__name__)

STATUS_TIMEOUT = 5.0
"""Seconds that values wait for a status which goes before them."""
LONGEST_RETRY_PAUSE = 300.0
"""Seconds between two tries, unless the server asks for more."""
_BEAT = "upload"
_STEP = 3 * TOTAL_TIMEOUT
"""Seconds in which the loop makes progress: requests for the form of the API and for the values, and the buffer."""


def start_offset(token: str, interval: int) -> float:
    """Return the seconds that this box waits after a window's end, so that all boxes do not knock at once.

    Fixed for a token, spread evenly over min(60 s, interval / 10).
    """
    fraction = int.from_bytes(hashlib.sha256(token.encode()).digest()[:8], "big") / 2**64
    return fraction * min(60.0, interval / 10)


class Upload:
    """Sends what waits in the buffer, for as long as it runs."""

    def __init__(
        self,
        buffer: Buffer,
        server: Receiver,
        devices: DevicesInForce,
        health: Health,
        clock: WallClock,
        offset: Callable[[], float],
    ) -> None:
        """Take from `buffer`, send to `server`. Sending starts `offset()` seconds after a window was sealed."""
        self._clock = clock
        self._offset = offset
        self._buffer = buffer
        self._server = server
        self._health = health
        self._heartbeat = health.heartbeats.of(_BEAT)
        self._tried_status: DeviceStates | None = None
        self._refusals = Refusals()
        self._setting_aside = SettingAside(buffer, server, devices, clock, health.now)
        self._asked_to_wait = False

    async def run(self) -> None:
        """Send whenever there is something."""
        while True:
            await self._drain()
            while not self._buffer.work.is_set():
                await self._wait_or_offer(_STEP)
            await self._sleep(self._offset())

    async def _drain(self) -> None:
        """Send until nothing waits, trying again for as long as it takes."""
        while True:
            until_taken = retrying(LONGEST_RETRY_PAUSE, self._pause_after_failure, self._report)
            self._heartbeat.expect(_STEP)
            if not await until_taken(self._deliver_one):
                return

    async def _deliver_one(self) -> bool:
        """Send a status that is new, else a batch, else a status that did not arrive before. False: nothing waits.

        Return only when the server took something or nothing waits, for that ends the back-off.
        """
        while True:
            self._heartbeat.expect(_STEP)
            # What was sealed by now is found below; what is sealed from now on is worth looking again.
            self._buffer.work.clear()
            status = await self._buffer.next_status()
            if status is not None and status != self._tried_status:
                if await self._try_status(status):
                    return True
                continue
            now = self._health.now()
            batch = await self._buffer.next_batch(self._refusals.waiting(now))
            self._health.backlog = await self._buffer.backlog()
            self._health.backlog_bytes = await self._buffer.backlog_bytes()
            self._health.rejected = await self._buffer.rejected()
            if batch is not None:
                await self._deliver(batch)
                return True
            if status is not None:
                await self._until_work(self._deliver_status(status, timeout=TOTAL_TIMEOUT))
                return True
            if not self._health.backlog or (due := self._refusals.next_due(now)) is None:
                self._health.troubles.end("deliveries")
                return False
            await self._until_new(due - now)

    async def _try_status(self, status: DeviceStates) -> bool:
        """Send a status before the values, but without making them wait; return whether it is done with.

        What fails now is tried again after them. Raises DeliveryError where the server asks for a pause.
        """
        self._tried_status = status
        try:
            await self._deliver_status(status, timeout=STATUS_TIMEOUT)
        except DeliveryError as error:
            if error.retry_after is not None:
                raise
            return False
        return True

    async def _deliver_status(self, states: DeviceStates, *, timeout: float) -> None:
        answer = await self._server.send_status(states.devices, timeout=timeout)
        parts: list[str] = []
        match answer.verdict:
            case Verdict.LATER | Verdict.TOKEN_REFUSED:
                raise answer.keeping()
            case Verdict.REFUSED if answer.status >= 500:
                # It holds nothing up, so it may wait until the server is well.
                raise answer.keeping()
            case Verdict.ACCEPTED:
                self._health.troubles.end("status")
                self._health.note_answer(_BEAT)
            case Verdict.TOO_LARGE | Verdict.REFUSED | Verdict.WRONG_FORM as verdict:
                parts = halved(states.devices) if verdict is Verdict.TOO_LARGE else []
                if not parts:
                    self._health.troubles.begin("status", events.STATUS(f"the server refuses it: {answer.words}"))
            case verdict:
                assert_never(verdict)
        await self._buffer.status_sent(states, parts)
        self._tried_status = None

    async def _deliver(self, batch: Batch) -> None:
        """Send a batch, or a part in its place. Raises DeliveryError where the server does not take it."""
        part = self._refusals.part_of(batch)
        self._heartbeat.expect(_STEP)
        try:
            answer = await self._server.send_values(part)
        except ServerNotReached:
            # Whatever waits would have met it.
            raise
        except DeliveryError as error:
            await self._note_trouble(batch, str(error), error)
            return
        match answer.verdict:
            case Verdict.ACCEPTED:
                await self._note_accepted(batch, part)
            case Verdict.TOO_LARGE if part.count > 1:
                await self._halve(batch, part)
            case Verdict.REFUSED | Verdict.TOO_LARGE:
                await self._note_refused(batch, answer.words)
            case Verdict.LATER | Verdict.TOKEN_REFUSED | Verdict.WRONG_FORM:
                await self._note_trouble(batch, answer.words, answer.keeping())
            case verdict:
                assert_never(verdict)

    async def _note_trouble(self, batch: Batch, words: str, error: DeliveryError) -> None:
        """Note trouble that says nothing of a batch by itself. Raises DeliveryError unless the batch is set aside."""
        if self._refusals.failed(batch, self._health.now(), self._health.answers):
            await self._note_refused(batch, words)
            if error.retry_after is None:
                return
        elif isinstance(error, ServerStalled) and (
            error.took_some or self._refusals.took_less_meanwhile(batch, self._health.answers)
        ):
            # The way or the server may be too slow for as much: send less the next time.
            self._refusals.shortened(batch)
        raise error

    async def _note_accepted(self, batch: Batch, part: Batch) -> None:
        remaining = self._refusals.accepted(batch)
        if part.digest == batch.digest:
            await self._buffer.accept(batch)
        else:
            await self._buffer.replace(batch, remaining)
        self._setting_aside.note_accepted(part)
        self._health.last_delivered = batch.window_end
        self._health.progress.delivery = self._clock()
        self._health.backlog = await self._buffer.backlog()
        self._health.backlog_bytes = await self._buffer.backlog_bytes()
        self._health.note_answer(_BEAT)
        _log.debug("delivered %d fields of the window %s", part.count, utc_text(batch.window_end))

    async def _halve(self, batch: Batch, part: Batch) -> None:
        """Send less at once from now on: the server said that it wants less, which is not a refusal."""
        if part.digest == batch.digest:
            self._refusals.forget(batch)
            await self._buffer.split(batch)
        else:
            self._refusals.shortened(batch)

    async def _note_refused(self, batch: Batch, words: str) -> None:
        """Let others pass before a batch that is refused, or set it aside. Raises DeliveryError where it is not."""
        jitter = random.random()  # noqa: S311 (it need not be unforeseeable, only different each time)
        if self._refusals.refused(batch, self._health.now(), jitter):
            self._refusals.forget(batch)
            await self._setting_aside.reject(batch, words)
            return
        await self._buffer.postpone(batch)
        if self._refusals.refuses_everything:
            raise DeliveryError(f"it takes no delivery; {words}")
        window = utc_text(batch.window_end)
        raise DeliveryRefused(f"the server does not take one of the window {window}; {words}")

    async def _wait_or_offer(self, seconds: float) -> None:
        """Wait for something new to send, or offer a rejected value: the server may have learned to take it."""
        self._heartbeat.expect(seconds + _STEP)
        pause = self._setting_aside.pause()
        if pause > 0:
            await _wait(self._buffer.work, min(seconds, pause))
            return
        try:
            await self._setting_aside.offer_one()
        except DeliveryError as error:
            # It waits for its day; what the server has to be told is told by other deliveries.
            _log.debug("a rejected value could not be offered again: %s", error)
        except BufferFault as error:
            self._report(error)

    def _report(self, error: BaseException) -> None:
        if isinstance(error, DeliveryRefused):
            advice = "it is kept and tried again; everything else arrives"
            self._health.troubles.begin("deliveries", events.DELIVERY(str(error)).advising(advice))
        else:
            self._health.note_failure(_BEAT, error, "everything is kept and will be sent")
        self._asked_to_wait = isinstance(error, DeliveryError) and error.retry_after is not None

    async def _pause_after_failure(self, seconds: float) -> None:
        """Wait before the next try; a window that is sealed meanwhile is worth one, unless the server asked to wait."""
        if self._asked_to_wait:
            await self._sleep(seconds)
            return
        self._heartbeat.expect(seconds + _STEP)
        await _wait(self._buffer.work, seconds)
        await self._begin_new()

    async def _until_new(self, seconds: float) -> None:
        """Wait at most so long for a window that is sealed."""
        await self._wait_or_offer(seconds)
        await self._begin_new()

    async def _begin_new(self) -> None:
        """Where a window was sealed, wait for this box's own moment to send it."""
        if self._buffer.work.is_set():
            self._buffer.work.clear()
            await self._sleep(self._offset())

    async def _until_work(self, delivery: Coroutine[Any, Any, None]) -> None:
        """Let a delivery that can wait go on only until there is something new to send. Raises DeliveryError."""
        going_on = asyncio.ensure_future(delivery)
        work = asyncio.ensure_future(self._buffer.work.wait())
        try:
            await asyncio.wait({going_on, work}, return_when=asyncio.FIRST_COMPLETED)
            if going_on.done():
                return going_on.result()
        finally:
            work.cancel()
            going_on.cancel()
        raise DeliveryError("it did not answer before the next window")

    async def _sleep(self, seconds: float) -> None:
        self._heartbeat.expect(seconds + _STEP)
        await asyncio.sleep(seconds)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
