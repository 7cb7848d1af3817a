"""A gateway with units made by hand, and the rounds that read it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from inviseobox.acquisition.modbus_link import ModbusLink
from inviseobox.acquisition.modbus_poller import ModbusPoller
from inviseobox.acquisition.polling import Outcome
from inviseobox.acquisition.unit_memory import UnitMemory
from inviseobox.configuration import ModbusSettings
from inviseobox.devices.link_content import by_link
from inviseobox.devices.links import Framing, TcpLink
from inviseobox.health.health import Health
from inviseobox.network.name_lookup import NameLookups
from inviseobox.records import Reading
from tests.support.entries import listed, modbus_device
from tests.support.modbus_frames import mbap

from .frames import Asked, device, right

Fault = Callable[[Asked, bytes], Awaitable[bytes | None]]
"""Stands between a unit and the wire: what was asked and the right answer → the answer that goes out, if any."""


SETTINGS = ModbusSettings(period=10, timeout=1)


@dataclass
class Bench:
    """A gateway whose registers hold their address, and the rounds that read it."""

    units: dict[int, list[int]]
    missing: set[tuple[int, int]] = field(default_factory=set)
    fault: Fault | None = None
    silent: set[int] = field(default_factory=set)
    readings: list[Reading] = field(default_factory=list)
    requests: list[Asked] = field(default_factory=list)
    health: Health = field(default_factory=Health)
    port: int = 0

    async def act(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        self.requests.append(asked)
        addresses = range(asked.address, asked.address + asked.count)
        pdu: bytes | None = right(asked)
        if addresses.stop > 200 or any((asked.unit, address) in self.missing for address in addresses):
            pdu = bytes([asked.function | 0x80, 2])
        if asked.unit in self.silent:
            pdu = None
        elif self.fault is not None and pdu is not None:
            pdu = await self.fault(asked, pdu)
        if pdu is not None:
            writer.write(mbap(asked.transaction, asked.unit, pdu))

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Run the gateway, always at the same port."""
        async with device(self.act, port=self.port) as self.port:
            yield

    @asynccontextmanager
    async def rounds(self, **parameters: Any) -> AsyncIterator[ModbusPoller]:
        """Yield the rounds that read the units; `parameters` are more of them for each measurement."""
        inventory = listed(modbus_device(self.port, self.units, **parameters))
        (content,) = by_link(inventory)
        link = ModbusLink(TcpLink("127.0.0.1", self.port, Framing.TCP), SETTINGS.timeout, NameLookups())
        rounds = ModbusPoller(link, content, SETTINGS, self.readings.extend, self.health, UnitMemory(ignored))
        try:
            yield rounds
        finally:
            await rounds.close()

    def taken(self) -> dict[str, float | None]:
        """Return the readings since the last call: one of each measurement."""
        counts = Counter(reading.series.measurement for reading in self.readings)
        assert counts == Counter(f"{unit}/{address}" for unit, places in self.units.items() for address in places)
        found = {reading.series.measurement: reading.value for reading in self.readings}
        self.readings.clear()
        for name, value in found.items():
            assert value in (None, float(name.partition("/")[2])), "a value of another register"
        return found

    def bad(self) -> set[str]:
        """Return the measurements of which the last round has no value."""
        return {name for name, value in self.taken().items() if value is None}


def ignored(text: str) -> None:
    """Ignore what was learned."""


async def one_round(rounds: ModbusPoller) -> Outcome:
    return await rounds.poll_once(asyncio.get_running_loop().time() + SETTINGS.period)
