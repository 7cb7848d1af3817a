"""Values that the server refuses for their own sake: set aside, and offered to it again by themselves."""

import json
import logging

from inviseobox import events
from inviseobox.buffer import Buffer
from inviseobox.clock import MonotonicClock, WallClock, utc_text
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.errors import DeliveryError
from inviseobox.events import AboutMeasurement
from inviseobox.records import Batch
from inviseobox.server.answers import Verdict
from inviseobox.server.server import Receiver

_log = logging.getLogger(__name__)

_OFFER_PAUSE = 60.0
"""Seconds between two offers, so that many of them do not come at once."""
_LOOK_PAUSE = 3600.0
"""Seconds between two looks for something to offer, where there was nothing."""


class SettingAside:
    """What becomes of a value that is proven to be refused."""

    def __init__(
        self, buffer: Buffer, server: Receiver, devices: DevicesInForce, clock: WallClock, now: MonotonicClock
    ) -> None:
        """Set aside in `buffer`, offer again to `server`; `devices` have the names of what is refused."""
        self._buffer = buffer
        self._server = server
        self._devices = devices
        self._clock = clock
        self._now = now
        self._next_offer = 0.0
        self._told: set[str] = set()

    def note_accepted(self, batch: Batch) -> None:
        """Note that the server took these values: the next refusal of such a measurement is news."""
        if self._told:
            self._told -= {field["measurement"] for field in json.loads(batch.fields)}

    async def reject(self, batch: Batch, words: str) -> None:
        """Set an item aside. A measurement is named once, until a value of it is taken again. Raises BufferFault."""
        await self._buffer.reject(batch, words, self._clock())
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

    def pause(self) -> float:
        """Return the seconds until something may be offered again."""
        return max(0.0, self._next_offer - self._now())

    async def offer_one(self) -> None:
        """Offer one value that is due, if there is one. Raises DeliveryError, BufferFault."""
        self._next_offer = self._now() + _OFFER_PAUSE
        batch = await self._buffer.offer(self._clock())
        if batch is None:
            self._next_offer = self._now() + _LOOK_PAUSE
            return
        try:
            answer = await self._server.send_values(batch)
        except DeliveryError as error:
            self._wait_as_asked(error.retry_after)
            raise
        self._wait_as_asked(answer.retry_after)
        if answer.verdict in (Verdict.ACCEPTED, Verdict.REFUSED, Verdict.TOO_LARGE):
            accepted = answer.verdict is Verdict.ACCEPTED
            await self._buffer.offered(batch, accepted=accepted)
            if accepted:
                self.note_accepted(batch)

    def _wait_as_asked(self, pause: float | None) -> None:
        self._next_offer = max(self._next_offer, self._now() + (pause or 0.0))


def _unlisted(identity: str) -> AboutMeasurement:
    gone = "a device that is no longer listed"
    return AboutMeasurement(device=gone, device_id="", measurement=identity, measurement_id=identity)
