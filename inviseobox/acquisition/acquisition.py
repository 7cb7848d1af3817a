"""Which links there are to read, and the change from one device list to the next."""

import asyncio
from collections.abc import Iterable
from typing import assert_never

from inviseobox.acquisition.modbus_link import ModbusLink
from inviseobox.acquisition.modbus_poller import ModbusPoller
from inviseobox.acquisition.modbus_units import unit_key
from inviseobox.acquisition.polling import Poller, Sink, Skips, UnusablePoller, never, poll
from inviseobox.acquisition.schedule import effective_period
from inviseobox.acquisition.unit_memory import UnitMemory
from inviseobox.acquisition.web_poller import WebPoller
from inviseobox.configuration import Configuration
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.devices.inventory import Inventory
from inviseobox.devices.link_content import LinkContent, by_link
from inviseobox.devices.links import Link, SerialLink, TcpLink, WebLink
from inviseobox.devices.sources import RegisterSource
from inviseobox.health.health import Health
from inviseobox.network.http_client import HttpClient
from inviseobox.network.name_lookup import NameLookups
from inviseobox.network.openings import Openings
from inviseobox.supervisor import Supervisor

_AT_ONCE = 50
"""Links that begin to be read before anything else has its turn."""


class Acquisition:
    """The tasks that read, one for each link. A link whose measurements stay as they are is left alone."""

    def __init__(
        self,
        configuration: Configuration,
        client: HttpClient,
        lookups: NameLookups,
        supervisor: Supervisor,
        devices: DevicesInForce,
        sink: Sink,
        health: Health,
        memory: UnitMemory,
        skips: Skips = never,
    ) -> None:
        """Read `devices` and hand readings to `sink`; `memory` outlives this object.

        Pages are read through `client`; `lookups` finds the hosts of Modbus. Starts of rounds are skipped as `skips`
        says, but two rounds a window are always begun.
        """
        self._configuration = configuration
        self._client = client
        self._lookups = lookups
        self._supervisor = supervisor
        self._devices = devices
        self._sink = sink
        self._health = health
        self._memory = memory
        self._skips = skips
        self._openings = Openings()
        self._running: dict[str, tuple[LinkContent, int]] = {}

    async def adopt(self, inventory: Inventory) -> None:
        """Make `inventory` the devices in force: read what it lists, at least twice a window, and nothing else."""
        self._devices.adopt(inventory)
        interval = self._devices.interval()
        wanted = {_task(content): (content, interval) for content in by_link(inventory)}
        ended = [task for task in self._running if self._running[task] != wanted.get(task)]
        await self._supervisor.stop(ended)
        self._health.keep_only(self._devices.ids)
        self._memory.keep_only(_unit_keys(inventory))
        self._running = {task: self._running[task] for task in self._running if task not in ended}
        for number, task in enumerate([task for task in wanted if task not in self._running], 1):
            self._start(task, wanted[task][0], interval)
            self._running[task] = wanted[task]
            # Each goes as far as its connection at once: of thousands, that would hold up all else for seconds.
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)

    def _start(self, task: str, content: LinkContent, interval: int) -> None:
        period = effective_period(self._period(content.link), interval)

        async def read() -> None:
            poller = self._poller(content, interval)
            await poll(poller, period, self._health, skips=self._skips, longest=interval / 2)

        self._supervisor.start(task, read)

    def _period(self, link: Link | None) -> float:
        match link:
            case SerialLink() | TcpLink():
                return self._configuration.modbus.period
            case WebLink() | None:
                return self._configuration.http.period
            case _:
                assert_never(link)

    def _poller(self, content: LinkContent, interval: int) -> Poller:
        settings = self._configuration
        match content.link:
            case SerialLink() | TcpLink() as link:
                port = ModbusLink(link, settings.modbus.timeout, self._lookups, self._openings)
                port.take_over()
                return ModbusPoller(port, content, settings.modbus, self._sink, self._health, self._memory)
            case WebLink():
                return WebPoller(self._client, content, settings.http, self._sink, self._health, interval)
            case None:
                return UnusablePoller([listed.series for listed in content.measurements], self._sink)
            case link:
                assert_never(link)


def _task(content: LinkContent) -> str:
    return f"link {content.name}" if content.link else "unusable measurements"


def _unit_keys(inventory: Inventory) -> Iterable[str]:
    return {
        unit_key(listed.device.link.name, listed.measurement.source.span.unit)
        for listed in inventory.measurements
        if listed.device.link and isinstance(listed.measurement.source, RegisterSource)
    }
