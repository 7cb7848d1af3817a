"""What becomes of a batch of which the server refuses something: search, proof, and setting aside."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable

from inviseobox import events
from inviseobox.buffer import Buffer
from inviseobox.clock import utc_text
from inviseobox.delivery.refusal_search import Searches, search
from inviseobox.errors import DeliveryError, DeliveryRefused, TokenRefused
from inviseobox.health.health import Health
from inviseobox.records import Batch
from inviseobox.server.answers import Verdict, described
from inviseobox.server.api import ServerAnswer

_log = logging.getLogger(__name__)

Send = Callable[[Batch], Awaitable[tuple[ServerAnswer, Verdict]]]
"""Sends a batch. Raises DeliveryError where no answer came."""


class Refusals:
    """Tells an item that is refused for its own sake from a server that refuses everything.

    Only the former is set aside. The proof is that the server takes something else right after the refusal, and
    refuses the item once more right after that.
    """

    def __init__(self, buffer: Buffer, health: Health, send: Send) -> None:
        """Send through `send`; set aside in `buffer`."""
        self._buffer = buffer
        self._health = health
        self._send = send
        self._searches = Searches()
        self._accepted: Batch | None = None
        self._told: set[str] = set()

    def note_accepted(self, batch: Batch) -> None:
        """Note that the server took a batch."""
        self._accepted = batch
        self._searches.forget(batch)
        if self._told:
            self._told -= {field["measurement"] for field in json.loads(batch.fields)}

    async def settle(self, batch: Batch, answer: ServerAnswer) -> None:
        """Take one step towards the item that is refused, after the server gave this answer to the batch.

        Raises DeliveryError where the batch stays as it is.
        """
        words = described(answer.status, answer.body)
        if self._accepted is not None and (batch.proven or batch.count == 1):
            if await self._takes_another():
                await self._settle_alone(batch)
                return
        elif batch.count > 1 and await self._found(batch):
            return
        elif await self._takes_another():
            await self._buffer.postpone(batch)
            raise DeliveryRefused(f"the server takes nothing of the window {utc_text(batch.window_end)}; {words}")
        await self._buffer.postpone(batch)
        raise DeliveryError(f"it refuses everything in a delivery; {words}")

    async def _settle_alone(self, batch: Batch) -> None:
        """Go on with a batch that is refused though the server takes another."""
        if batch.count > 1:
            await self._buffer.split(batch)
            return
        answer, verdict = await self._send(batch)
        if verdict in (Verdict.ITEM_REFUSED, Verdict.TOO_LARGE):
            await self._reject(batch, described(answer.status, answer.body))
        elif verdict is not Verdict.ACCEPTED:
            raise postponed(verdict, answer)
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
        answer, verdict = await self._send(part)
        if verdict is Verdict.ACCEPTED:
            self._accepted = part
            return True
        if verdict in (Verdict.ITEM_REFUSED, Verdict.TOO_LARGE):
            return False
        raise postponed(verdict, answer)

    async def _reject(self, batch: Batch, words: str) -> None:
        """Set an item aside. A measurement is named once, until a value of it is taken again."""
        await self._buffer.reject(batch, words)
        (field,) = json.loads(batch.fields)
        identity = field["measurement"]
        if identity in self._told:
            return
        self._told.add(identity)
        device_id, device, name = self._names(identity)
        _log.error(
            "the server refused a value of %s, %s (window %s), set aside: %s",
            device,
            name,
            utc_text(batch.window_end),
            words,
            extra=events.VALUE_REJECTED(
                device=device,
                device_id=device_id,
                measurement=name,
                measurement_id=identity,
                window=utc_text(batch.window_end),
            ),
        )

    def _names(self, identity: str) -> tuple[str, str, str]:
        """Give id and name of the device of a measurement, and its own name."""
        for device, measurement in self._health.inventory.measurements:
            if measurement.series.measurement == identity:
                return device.id, device.name, measurement.name
        return "", "a device that is no longer listed", identity


def postponed(verdict: Verdict, answer: ServerAnswer) -> DeliveryError:
    """Give the error that keeps what was sent, after an answer that says nothing about it."""
    words = described(answer.status, answer.body)
    if verdict is Verdict.TOKEN_REFUSED:
        return TokenRefused(f"the server refuses it ({words}); check token and url in the configuration")
    return DeliveryError(words, answer.retry_after)
