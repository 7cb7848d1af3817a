"""The loop that keeps the device list current: the cached one at start, then the server's, once a window."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from inviseobox import events
from inviseobox.buffer import Buffer
from inviseobox.devices import inventory
from inviseobox.devices.inventory import Inventory
from inviseobox.errors import BufferFault, InventoryError
from inviseobox.health.health import Health
from inviseobox.server.api import TIMEOUT
from inviseobox.server.retry import retrying
from inviseobox.server.server import Server

_log = logging.getLogger(__name__)

_SETTING = "device list"
_LONGEST_PAUSE = 60.0
_BEAT = "device list"
_STEP = 4 * TIMEOUT

Adopt = Callable[[Inventory], Awaitable[None]]
"""Makes a device list the one in force."""


class DeviceList:
    """Fetches, keeps and hands on the device list."""

    def __init__(self, buffer: Buffer, server: Server, health: Health, adopt: Adopt) -> None:
        """Fetch from `server`, keep in `buffer`, hand on to `adopt`."""
        self._buffer = buffer
        self._server = server
        self._health = health
        self._adopt = adopt
        self._in_force = ""

    async def run(self, interval: Callable[[], int]) -> None:
        """Adopt the cached list, then the server's now and every `interval()` seconds."""
        await self._adopt_kept()
        while True:
            await retrying(_LONGEST_PAUSE, self._pause, self._report)(self._refresh)
            await self._pause(interval())

    async def _adopt_kept(self) -> None:
        try:
            kept = await self._buffer.setting(_SETTING)
            if kept is not None:
                await self._adopt(inventory.parse(kept))
                self._in_force = kept
        except (BufferFault, InventoryError) as error:
            marks = events.KEPT_LIST_UNUSABLE()
            _log.warning("the device list kept from before cannot be used: %s", error, extra=marks)

    async def _refresh(self) -> None:
        self._health.heartbeats.expect(_BEAT, _STEP)
        listed, text = await self._server.device_list()
        self._health.note_answer(_BEAT)
        if text != self._in_force:
            _log.info(
                "device list: %d devices, %d measurements",
                len(listed.devices),
                len(list(listed.measurements)),
                extra=events.DEVICE_LIST_ADOPTED(),
            )
            for remark in listed.remarks:
                _log.warning("device list: %s", remark, extra=events.DEVICE_LIST_REMARK())
            await self._adopt(listed)
            self._in_force = text
            # With the next commit, for a full disk is no reason to read the wrong devices.
            self._buffer.record_setting(_SETTING, text)

    def _report(self, error: BaseException) -> None:
        advice = "the device list kept from before stays in force" if self._in_force else "there is no device list yet"
        self._health.note_failure(_BEAT, error, advice)

    async def _pause(self, seconds: float) -> None:
        self._health.heartbeats.expect(_BEAT, seconds + _STEP)
        await asyncio.sleep(seconds)
