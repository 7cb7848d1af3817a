"""What becomes of a batch of which the server refuses something: search, proof, and setting aside."""

import asyncio
import json
import logging
from typing import assert_never

from inviseobox import events
from inviseobox.buffer import Buffer
from inviseobox.clock import utc_text
from inviseobox.delivery.refusal_search import Searches, search
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.errors import DeliveryError, DeliveryRefused
from inviseobox.events import AboutMeasurement
from inviseobox.health.heartbeats import Heartbeat
from inviseobox.records import Batch
from inviseobox.server.answers import Answer, Verdict
from inviseobox.server.api import TIMEOUT
from inviseobox.server.server import Receiver

_log = logging.getLogger(__name__)

STEP = 4 * TIMEOUT
"""Seconds within which a delivery makes progress: a request, a look for the form of the API, a busy buffer."""


class Refusals:
    """Tells an item that is refused for its own sake from a server that refuses everything.

    Only the former is set aside. The proof is that the server takes something else right after the refusal, and
    refuses the item once more right after that.
    """

    def __init__(self, buffer: Buffer, server: Receiver, devices: DevicesInForce, heartbeat: Heartbeat) -> None:
        """Send to `server`, of which each request is promised to `heartbeat`; set aside in `buffer`."""
        self._buffer = buffer
        self._server = server
        self._devices = devices
        self._heartbeat = heartbeat
        self._searches = Searches()
        self._accepted: Batch | None = None
        self._told: set[str] = set()

    def note_accepted(self, batch: Batch) -> None:
        """Note that the server took a batch."""
        self._accepted = batch
        self._searches.forget(batch)
        if self._told:
            self._told -= {field["measurement"] for field in json.loads(batch.fields)}

    async def settle(self, batch: Batch, answer: Answer) -> None:
        """Take one step towards the item that is refused, after the server gave this answer to the batch.

        Raises DeliveryError where the batch stays as it is.
        """
        if self._accepted is not None and (batch.proven or batch.count == 1):
            if await self._takes_another():
                await self._settle_alone(batch)
                return
        elif batch.count > 1 and await self._found(batch):
            return
        elif await self._takes_another():
            await self._buffer.postpone(batch)
            raise DeliveryRefused(
                f"the server takes nothing of the window {utc_text(batch.window_end)}; {answer.words}"
            )
        await self._buffer.postpone(batch)
        raise DeliveryError(f"it refuses everything in a delivery; {answer.words}")

    async def _settle_alone(self, batch: Batch) -> None:
        """Go on with a batch that is refused though the server takes another."""
        if batch.count > 1:
            await self._buffer.split(batch)
            return
        answer = await self._send(batch)
        match answer.verdict:
            case Verdict.ITEM_REFUSED | Verdict.TOO_LARGE:
                await self._reject(batch, answer.words)
            case Verdict.ACCEPTED:
                pass
            case Verdict.LATER | Verdict.WRONG_FORM | Verdict.TOKEN_REFUSED:
                raise answer.keeping()
            case verdict:
                assert_never(verdict)
        # What was accepted after all stays in the outbox for one more time, to be accepted in the usual way.

    async def _found(self, batch: Batch) -> bool:
        """Search for a part that the server takes; where there is one, put the others in the place of the batch."""
        loop = asyncio.get_running_loop()
        if not self._searches.is_due(batch, loop.time()):
            return False
        remaining = await search(batch, self._accepts)
        if remaining is None:
            self._searches.note_failed(batch, loop.time())
            return False
        await self._buffer.replace(batch, remaining)
        self._searches.forget(batch)
        return True

    async def _takes_another(self) -> bool:
        """Send again what the server took last, under its own key, which changes nothing there."""
        return self._accepted is not None and await self._accepts(self._accepted)

    async def _accepts(self, part: Batch) -> bool:
        answer = await self._send(part)
        match answer.verdict:
            case Verdict.ACCEPTED:
                self._accepted = part
                return True
            case Verdict.ITEM_REFUSED | Verdict.TOO_LARGE:
                return False
            case Verdict.LATER | Verdict.WRONG_FORM | Verdict.TOKEN_REFUSED:
                raise answer.keeping()
            case verdict:
                assert_never(verdict)

    async def _send(self, batch: Batch) -> Answer:
        self._heartbeat.expect(STEP)
        return await self._server.send_values(batch)

    async def _reject(self, batch: Batch, words: str) -> None:
        """Set an item aside. A measurement is named once, until a value of it is taken again."""
        await self._buffer.reject(batch, words)
        (field,) = json.loads(batch.fields)
        identity = field["measurement"]
        if identity in self._told:
            return
        self._told.add(identity)
        listed = self._devices.find(identity)
        about = listed.about if listed else _unlisted(identity)
        window = utc_text(batch.window_end)
        _log.error(
            "the server refused a value of %s, %s (window %s), set aside: %s",
            about.device,
            about.measurement,
            window,
            words,
            extra=events.VALUE_REJECTED.fields(about.in_window(window)),
        )


def _unlisted(identity: str) -> AboutMeasurement:
    gone = "a device that is no longer listed"
    return AboutMeasurement(device=gone, device_id="", measurement=identity, measurement_id=identity)
