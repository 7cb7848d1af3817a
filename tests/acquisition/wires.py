"""A link of the simulated site, over any transport, and a box that reads it."""

import asyncio
import functools
import os
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from inviseobox.acquisition.acquisition import Acquisition
from inviseobox.acquisition.unit_memory import UnitMemory
from inviseobox.configuration import Configuration, HttpSettings, ModbusSettings
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.devices.links import Framing, SerialLink, TcpLink
from inviseobox.health.health import Health
from inviseobox.network.http_client import HttpClient, tls_context
from inviseobox.network.http_connections import HttpConnections
from inviseobox.network.name_lookup import NameLookups
from inviseobox.records import Reading
from inviseobox.simulator.changes import Changes
from inviseobox.simulator.device_list import listed_meter, serial_communication, tcp_communication
from inviseobox.simulator.meters import Meter
from inviseobox.simulator.modbus_gateway import ModbusGateway
from inviseobox.simulator.modbus_pdu import UnitImage
from inviseobox.simulator.modbus_units import ModbusUnits
from inviseobox.simulator.rtu_bus import RtuBus
from inviseobox.simulator.rtu_line import RtuLine
from inviseobox.simulator.serial_server import SerialServer
from inviseobox.simulator.served_log import ServedLog
from inviseobox.supervisor import Supervisor
from tests.support.entries import listed

T = TypeVar("T")

TRANSPORTS = ("tcp", "rtu over tcp", "serial")
BAUDRATE = 9600
LONG_INTERVAL = 86_400
"""Seconds of a window that is longer than any test, so that it shortens no period."""


@dataclass
class Wire:
    """Units behind one link. `communication` is how a device list describes it, `link` how the box knows it."""

    units: ModbusUnits
    instrument: ModbusGateway | SerialServer | RtuBus
    communication: Mapping[str, Any]
    link: SerialLink | TcpLink

    @property
    def line(self) -> RtuLine:
        """The line with the units on it."""
        assert not isinstance(self.instrument, ModbusGateway)
        return self.instrument.line

    def asked(self) -> Counter[int]:
        """Count the requests for each unit since the last call."""
        counts = Counter(asked.unit for asked in self.units.asked)
        self.units.asked.clear()
        return counts


@asynccontextmanager
async def wire(
    transport: str,
    images: Mapping[int, Callable[[], UnitImage]],
    *,
    served: ServedLog | None = None,
    baudrate: int | None = None,
    for_silence: int | None = None,
) -> AsyncIterator[Wire]:
    """Run units with these images; a gateway answers for a silent one with the exception `for_silence`, if any."""
    units = ModbusUnits(images, served=served.on_link(transport) if served else None)
    if transport == "serial":
        directory = Path("/dev/shm", f"inviseobox-test-{secrets.token_hex(4)}")  # noqa: S108
        bus = RtuBus(units, directory / "port0", baudrate=baudrate)
        await bus.start()
        speed = baudrate or BAUDRATE
        try:
            yield Wire(units, bus, serial_communication(bus.path, speed), SerialLink(str(bus.path), speed))
        finally:
            await bus.stop()
            os.rmdir(directory)  # noqa: PTH106
        return
    gateway = ModbusGateway(units, for_silence=for_silence)
    server = SerialServer(units, baudrate=baudrate)
    instrument = gateway if transport == "tcp" else server
    listener = instrument.listener
    await listener.start()
    is_tcp = transport == "tcp"
    communication = tcp_communication("TCP" if is_tcp else "RTUoverTCP", listener.host, listener.port)
    framing = Framing.TCP if is_tcp else Framing.RTU
    try:
        yield Wire(units, instrument, communication, TcpLink(listener.host, listener.port, framing))
    finally:
        await listener.stop()
        await server.line.close()


@dataclass
class Box:
    """Acquisition at work, and what came of it: each reading with its time on the loop's clock."""

    modbus: ModbusSettings = field(default_factory=ModbusSettings)
    http: HttpSettings = field(default_factory=HttpSettings)
    saved: str = ""
    """What devices taught, as it was saved last."""
    readings: list[tuple[float, Reading]] = field(default_factory=list)
    health: Health = field(default_factory=Health)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def polling(self, *devices: Mapping[str, Any]) -> AsyncIterator[Acquisition]:
        """Read these devices."""
        configuration = Configuration(token="0" * 64, url="http://127.0.0.1/api", modbus=self.modbus, http=self.http)
        memory = UnitMemory(self._save)
        memory.load(self.saved)
        supervisor = Supervisor()
        lookups = NameLookups()
        client = HttpClient(HttpConnections(tls_context(None), lookups), headers={})
        devices_in_force = DevicesInForce(LONG_INTERVAL)
        acquisition = Acquisition(
            configuration, client, lookups, supervisor, devices_in_force, self._sink, self.health, memory
        )
        try:
            await acquisition.adopt(listed(*devices))
            yield acquisition
        finally:
            await supervisor.stop_all()
            await client.close()

    def _save(self, text: str) -> None:
        self.saved = text

    def _sink(self, readings: Any) -> None:
        now = asyncio.get_running_loop().time()
        self.readings += [(now, reading) for reading in readings]
        self._more.set()

    def of(self, measurement: str) -> list[tuple[float, float | None]]:
        """Return the readings of one measurement so far: time and value."""
        return [(at, one.value) for at, one in self.readings if one.series.measurement == measurement]

    def good(self, *, since: float = 0.0) -> Counter[str]:
        """Count the good readings of each measurement since then."""
        return Counter(one.series.measurement for at, one in self.readings if one.value is not None and at >= since)

    def failed(self, *, since: float = 0.0) -> Counter[str]:
        """Count the failed readings of each measurement since then."""
        return Counter(one.series.measurement for at, one in self.readings if one.value is None and at >= since)

    async def next_round(self, measurements: int, within: float = 60.0) -> dict[str, float | None]:
        """Wait for the next reading of so many measurements; return their values, None where the read failed."""
        start = len(self.readings)
        values: dict[str, float | None] = {}
        async with asyncio.timeout(within):
            while len(values) < measurements:
                self._more.clear()
                await self._more.wait()
                values = {one.series.measurement: one.value for _, one in self.readings[start:]}
        return values


class Meters:
    """Meters on one wire, that stand still, and the log of what they served."""

    def __init__(self, meters: list[Meter], transport: str) -> None:
        self.meters = meters
        self.served = ServedLog(time.time, Changes())
        self._transport = transport

    @property
    def images(self) -> dict[int, Callable[[], UnitImage]]:
        """What the units hold."""
        return {meter.unit: functools.partial(meter.image, 0.0) for meter in self.meters}

    def devices(self, communication: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the device list: a device for each meter."""
        return [
            listed_meter(
                f"65a00000000000000000{meter.unit:02d}00",
                f"meter {meter.unit}",
                meter,
                communication,
                self.served,
                self._transport,
            )
            for meter in self.meters
        ]

    def expected(self, measurement: str) -> float:
        """Return the value that must be read."""
        return self.served.of(measurement)[-1].value
