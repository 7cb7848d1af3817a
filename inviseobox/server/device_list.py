"""The loop that keeps the device list current: the cached one at start, then the server's, once a window."""

import asyncio
import logging
from typing import Protocol

from inviseobox import events
from inviseobox.buffer import Buffer
from inviseobox.devices import inventory
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.devices.inventory import Inventory
from inviseobox.errors import BufferFault, InventoryError
from inviseobox.health.health import Health
from inviseobox.server.api import TOTAL_TIMEOUT
from inviseobox.server.retry import retrying
from inviseobox.server.server import Server

_log = logging.getLogger(__name__)

_SETTING = "device list"
_LONGEST_RETRY_PAUSE = 60.0
_BEAT = "device list"
_STEP = 3 * TOTAL_TIMEOUT


class Adopter(Protocol):
    """What reads the devices: acquisition."""

    async def adopt(self, inventory: Inventory) -> None:
        """Make `inventory` the devices in force."""


class DeviceList:
    """Fetches, keeps and hands on the device list."""

    def __init__(
        self, buffer: Buffer, server: Server, health: Health, devices: DevicesInForce, acquisition: Adopter
    ) -> None:
        """Fetch from `server` as often as a window of `devices` ends, keep in `buffer`, hand on to `acquisition`."""
        self._buffer = buffer
        self._server = server
        self._health = health
        self._heartbeat = health.heartbeats.of(_BEAT)
        self._devices = devices
        self._acquisition = acquisition
        self._in_force: Inventory | None = None
        self._is_told = False
        """Whether the journal has the list in force since the start of this run."""

    async def run(self) -> None:
        """Adopt the cached list, then the server's, now and once a window."""
        await self._adopt_kept()
        while True:
            await retrying(_LONGEST_RETRY_PAUSE, self._pause, self._report)(self._refresh)
            await self._pause(self._devices.interval())

    async def _adopt_kept(self) -> None:
        try:
            kept = await self._buffer.setting(_SETTING)
            if kept is not None:
                # In a thread, for a long list takes a second and more.
                listed = await asyncio.to_thread(inventory.parse, kept)
                await self._acquisition.adopt(listed)
                self._in_force = listed
        except (BufferFault, InventoryError) as error:
            fields = events.KEPT_LIST_UNUSABLE()
            _log.warning("the device list kept from before cannot be used: %s", error, extra=fields)

    async def _refresh(self) -> None:
        self._heartbeat.expect(_STEP)
        listed, text = await self._server.device_list()
        self._health.note_answer(_BEAT)
        before = self._in_force
        self._tell(listed, before if self._is_told else None)
        self._is_told = True
        # What is understood counts: a server may write the same list in another way each time.
        is_same = listed == before
        if not is_same:
            await self._acquisition.adopt(listed)
        if not is_same or before is None or listed.remarks != before.remarks:
            self._in_force = listed
            # With the next commit, for a full disk is no reason to read the wrong devices.
            self._buffer.record_setting(_SETTING, text)

    @staticmethod
    def _tell(listed: Inventory, told: Inventory | None) -> None:
        """Log what the journal, which has `told`, does not have yet."""
        if told is None or listed != told:
            told = Inventory()
            _log.info(
                "device list: %d devices, %d measurements",
                len(listed.devices),
                len(listed.measurements),
                extra=events.DEVICE_LIST_ADOPTED(),
            )
        for line in listed.remarks.news(told.remarks):
            _log.warning("device list: %s", line, extra=events.DEVICE_LIST_REMARK())

    def _report(self, error: BaseException) -> None:
        is_known = self._in_force is not None
        advice = "the device list kept from before stays in force" if is_known else "there is no device list yet"
        self._health.note_failure(_BEAT, error, advice)

    async def _pause(self, seconds: float) -> None:
        self._heartbeat.expect(seconds + _STEP)
        await asyncio.sleep(seconds)
