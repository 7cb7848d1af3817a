"""The whole simulated site: server, links with their units, sensor page, and the log of what they served."""

import hashlib
import secrets
import ssl
import time
from collections.abc import Callable, Collection
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self, TypedDict

from inviseobox.simulator.all_values import ALL_VALUES_UNIT, all_samples, device_of, unit_image
from inviseobox.simulator.central_server import EXPRESS_BODY_LIMIT, CentralServer, Form
from inviseobox.simulator.changes import Changes
from inviseobox.simulator.device_list import (
    BUS,
    GATEWAY,
    SERIAL_SERVER,
    build_device_list,
    listed_meter,
    serial_communication,
    tcp_communication,
)
from inviseobox.simulator.listener import Listener
from inviseobox.simulator.meters import Meter, bus_meters, by_unit, metering_site, server_meters
from inviseobox.simulator.modbus_gateway import ModbusGateway
from inviseobox.simulator.modbus_pdu import UnitImage
from inviseobox.simulator.modbus_units import ModbusUnits
from inviseobox.simulator.rtu_bus import RtuBus
from inviseobox.simulator.rtu_line import DEFAULT_BAUDRATE
from inviseobox.simulator.sensor_page import SensorPage, cold_room_document
from inviseobox.simulator.serial_server import SerialServer
from inviseobox.simulator.served_log import ServedLog

DEFAULT_TOKEN = hashlib.sha256(b"simulated site").hexdigest()

_PORT_NAME = "usb-Simulated_RS485-if00-port0"
_COOLING, _WATER, _SOLAR = (f"65a0000000000000000{number}00" for number in ("005", "006", "007"))
_ALL_VALUES = {link: f"65a00000000000000{at:03x}0000" for at, link in enumerate((GATEWAY, BUS, SERIAL_SERVER), 0xA00)}


class _Shared(TypedDict):
    """What the parts of a site have in common."""

    clock: Callable[[], float]
    changes: Changes


class Site:
    """A site on loopback for as long as it is entered: `async with Site() as site: ...`.

    `interval` (seconds) is what the deployed form of the API tells the box. A port of 0 is a free one.
    `clock` returns seconds since the epoch; the instruments move with it, starting from `epoch` (default:
    now), so that a site that is set up again with the same `epoch` goes on where the earlier one was.

    With `rtu` there are two more links: an RS-485 line `bus` whose serial port is in `serial_directory` (one of
    its own under /dev/shm if that is None: boxes open nothing outside /dev), and another behind a TCP server,
    `serial_server`; both run at `baudrate`, None being infinitely fast. With `all_values` each link has a unit
    with every class of value; `expected` has the double by measurement, None where a read must fail.
    """

    def __init__(
        self,
        *,
        form: Form = "documented",
        interval: int = 1800,
        token: str = DEFAULT_TOKEN,
        host: str = "127.0.0.1",
        port: int = 0,
        gateway_port: int = 0,
        sensor_port: int = 0,
        clock: Callable[[], float] = time.time,
        epoch: float | None = None,
        max_body: int = EXPRESS_BODY_LIMIT,
        ssl_context: ssl.SSLContext | None = None,
        rtu: bool = False,
        serial_directory: Path | None = None,
        baudrate: int | None = DEFAULT_BAUDRATE,
        all_values: bool = False,
    ) -> None:
        self.token = token
        self.meters = by_unit(metering_site())
        self.changes = Changes()
        self.served = ServedLog(clock, self.changes)
        shared: _Shared = {"clock": clock, "changes": self.changes}
        self.central = CentralServer(
            [], token=token, form=form, interval=interval, max_body=max_body, ssl_context=ssl_context, **shared
        )
        self.expected: dict[str, float | None] = {}
        self._samples = all_samples() if all_values else ()
        self._clock = clock
        self._started = clock() if epoch is None else epoch
        self.gateway = ModbusGateway(self._units(GATEWAY, self.meters))
        directory = serial_directory or Path("/dev/shm", f"inviseobox-simulator-{secrets.token_hex(4)}")  # noqa: S108
        self.bus = RtuBus(self._units(BUS, by_unit(bus_meters())), directory / _PORT_NAME, baudrate=baudrate)
        self.serial_server = SerialServer(self._units(SERIAL_SERVER, by_unit(server_meters())), baudrate=baudrate)
        self.sensor = SensorPage(lambda: cold_room_document(self._elapsed()), served=self.served.page_sent, **shared)
        self._rtu = rtu
        self._own_directory = directory if serial_directory is None else None
        self._host = host
        self._ports = (port, gateway_port, sensor_port)

    @property
    def url(self) -> str:
        """The base of the API, `http://127.0.0.1:…/api`."""
        return self.central.url

    @property
    def devices(self) -> list[Any]:
        """The device list that the server hands out."""
        return self.central.devices

    def _elapsed(self) -> float:
        return self._clock() - self._started

    def _units(self, link: str, meters: dict[int, Meter]) -> ModbusUnits:
        images = {unit: _image(meter, self._elapsed) for unit, meter in meters.items()}
        if self._samples:
            image = unit_image(self._samples)
            images[ALL_VALUES_UNIT] = lambda: image
        return ModbusUnits(images, served=self.served.on_link(link), clock=self._clock, changes=self.changes)

    async def __aenter__(self) -> Self:
        port, gateway_port, sensor_port = self._ports
        async with AsyncExitStack() as running:
            gateway = await self._listen(running, self.gateway.listener, gateway_port)
            await self._listen(running, self.sensor.http.listener, sensor_port)
            devices = build_device_list(self.meters, gateway, self.sensor.url, self.served)
            devices += self._all_values(GATEWAY, tcp_communication("TCP", *gateway))
            if self._rtu:
                devices += await self._start_rtu(running)
            self.central.devices = devices
            await self._listen(running, self.central.http.listener, port)
            self._running = running.pop_all()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._running.aclose()

    async def _start_rtu(self, running: AsyncExitStack) -> list[dict[str, Any]]:
        if self._own_directory is not None:
            self._own_directory.mkdir()
            running.callback(self._own_directory.rmdir)
        await self.bus.start()
        running.push_async_callback(self.bus.stop)
        await self.serial_server.listener.start(self._host)
        running.push_async_callback(self.serial_server.stop)
        listener = self.serial_server.listener
        serial = serial_communication(self.bus.path, self.bus.line.baudrate or DEFAULT_BAUDRATE)
        over_tcp = tcp_communication("RTUoverTCP", listener.host, listener.port)
        cooling, water = bus_meters()
        (solar,) = server_meters()
        return [
            listed_meter(_COOLING, "Groupe froid", cooling, serial, self.served, BUS),
            listed_meter(_WATER, "Compteur d'eau", water, serial, self.served, BUS),
            listed_meter(_SOLAR, "Onduleur solaire", solar, over_tcp, self.served, SERIAL_SERVER),
            *self._all_values(BUS, serial),
            *self._all_values(SERIAL_SERVER, over_tcp),
        ]

    def _all_values(self, link: str, communication: dict[str, Any]) -> list[dict[str, Any]]:
        if not self._samples:
            return []
        device, expected = device_of(self._samples, _ALL_VALUES[link], communication)
        self.expected |= expected
        return [device]

    async def _listen(self, running: AsyncExitStack, listener: Listener, port: int) -> tuple[str, int]:
        await listener.start(self._host, port)
        running.push_async_callback(listener.stop)
        return listener.host, listener.port

    async def wait_until(self, predicate: Callable[[], bool], within: float) -> None:
        """Wait until `predicate()` holds; see `Changes.until`."""
        await self.changes.until(predicate, within)

    async def wait_for_windows(self, count: int, within: float, measurements: Collection[str] = ()) -> None:
        """Wait until `count` windows have come; see `CentralServer.wait_for_windows`."""
        await self.central.wait_for_windows(count, within, measurements)


def _image(meter: Meter, seconds: Callable[[], float]) -> Callable[[], UnitImage]:
    return lambda: meter.image(seconds())
