"""The loop that brings sealed windows to the server: the newest first, then the backlog, oldest first."""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any, assert_never

from inviseobox import events
from inviseobox.buffer import Buffer
from inviseobox.clock import WallClock, utc_text
from inviseobox.delivery.refusals import STEP, Refusals
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.errors import DeliveryError, DeliveryRefused
from inviseobox.health.health import Health
from inviseobox.records import Batch
from inviseobox.reports.device_status import halved
from inviseobox.server.answers import Verdict
from inviseobox.server.api import TIMEOUT
from inviseobox.server.retry import retrying
from inviseobox.server.server import Receiver

_log = logging.getLogger(__name__)

STATUS_TIMEOUT = 5.0
"""Seconds that values wait for a status which goes before them."""
LONGEST_RETRY_PAUSE = 300.0
"""Seconds between two tries, unless the server asks for more."""
_BEAT = "upload"


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
        self._tried_status: tuple[int, int] | None = None
        self._refusals = Refusals(buffer, server, devices, self._heartbeat)
        self._asked_to_wait = False

    async def run(self) -> None:
        """Send whenever there is something."""
        while True:
            self._buffer.work.clear()
            await self._drain()
            while not self._buffer.work.is_set():
                self._heartbeat.expect(STEP)
                await _wait(self._buffer.work, STEP / 2)
            await self._sleep(self._offset())

    async def _drain(self) -> None:
        """Send until nothing waits, trying again for as long as it takes."""
        while True:
            until_taken = retrying(LONGEST_RETRY_PAUSE, self._pause_after_failure, self._report)
            self._heartbeat.expect(STEP)
            if not await until_taken(self._deliver_one):
                return

    async def _deliver_one(self) -> bool:
        """Send a status that is new, else a batch, else a status that did not arrive before. False: nothing waits."""
        self._heartbeat.expect(STEP)
        status = await self._buffer.next_status()
        if status is not None and status[:2] != self._tried_status:
            # Before the values, but without making them wait: what fails now is tried again after them.
            self._tried_status = status[:2]
            try:
                await self._deliver_status(status[0], status[2], timeout=STATUS_TIMEOUT)
            except DeliveryError as error:
                if error.retry_after is not None:
                    raise
            return True
        batch = await self._buffer.next_batch()
        self._health.backlog = await self._buffer.backlog()
        self._health.rejected = await self._buffer.rejected()
        if batch is not None:
            await self._deliver(batch)
            return True
        self._health.troubles.end("deliveries")
        if status is not None:
            await self._until_work(self._deliver_status(status[0], status[2], timeout=TIMEOUT))
            return True
        return False

    async def _deliver_status(self, identity: int, devices: str, *, timeout: float) -> None:
        answer = await self._server.send_status(devices, timeout=timeout)
        parts: list[str] = []
        match answer.verdict:
            case Verdict.LATER | Verdict.TOKEN_REFUSED:
                raise answer.keeping()
            case Verdict.ACCEPTED:
                self._health.troubles.end("status")
            case Verdict.TOO_LARGE | Verdict.ITEM_REFUSED | Verdict.WRONG_FORM as verdict:
                parts = halved(devices) if verdict is Verdict.TOO_LARGE else []
                if not parts:
                    self._health.troubles.begin("status", events.STATUS(f"the server refuses it: {answer.words}"))
            case verdict:
                assert_never(verdict)
        await self._buffer.status_sent(identity, parts)
        self._tried_status = None

    async def _deliver(self, batch: Batch) -> None:
        self._heartbeat.expect(STEP)
        answer = await self._server.send_values(batch)
        match answer.verdict:
            case Verdict.ACCEPTED:
                await self._note_accepted(batch)
            case Verdict.TOO_LARGE if batch.count > 1:
                await self._buffer.split(batch)
            case Verdict.ITEM_REFUSED | Verdict.TOO_LARGE:
                await self._refusals.settle(batch, answer)
            case Verdict.WRONG_FORM:
                await self._server.forget_form()
                raise DeliveryError(f"it does not know the path for values ({answer.words})")
            case Verdict.LATER | Verdict.TOKEN_REFUSED:
                raise answer.keeping()
            case verdict:
                assert_never(verdict)

    async def _note_accepted(self, batch: Batch) -> None:
        await self._buffer.accept(batch)
        self._refusals.note_accepted(batch)
        self._health.last_delivered = batch.window_end
        self._health.progress.delivery = self._clock()
        self._health.backlog = await self._buffer.backlog()
        self._health.note_answer(_BEAT)
        _log.debug("delivered %d fields of the window %s", batch.count, utc_text(batch.window_end))

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
        self._heartbeat.expect(seconds + STEP)
        await _wait(self._buffer.work, seconds)
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
        self._heartbeat.expect(seconds + STEP)
        await asyncio.sleep(seconds)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
