"""The whole simulated site: server, gateway with its units, sensor page, and the log of what they served."""

import hashlib
import ssl
import time
from collections.abc import Callable, Collection
from contextlib import AsyncExitStack
from typing import Any, Self

from inviseobox.simulator.central_server import EXPRESS_BODY_LIMIT, CentralServer, Form
from inviseobox.simulator.changes import Changes
from inviseobox.simulator.device_list import build_device_list
from inviseobox.simulator.listener import Listener
from inviseobox.simulator.meters import Meter, by_unit, metering_site
from inviseobox.simulator.modbus_gateway import ModbusGateway
from inviseobox.simulator.modbus_pdu import UnitImage
from inviseobox.simulator.modbus_units import Images, ModbusUnits
from inviseobox.simulator.sensor_page import SensorPage, cold_room_document
from inviseobox.simulator.served_log import ServedLog

DEFAULT_TOKEN = hashlib.sha256(b"simulated site").hexdigest()


class Site:
    """A site on loopback for as long as it is entered: `async with Site() as site: ...`.

    `interval` (seconds) is what the deployed form of the API tells the box. A port of 0 is a free one.
    `clock` gives seconds since the epoch; the instruments move with it, starting from `epoch` (default:
    now), so that a site that is set up again with the same `epoch` goes on where the earlier one was.
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
    ) -> None:
        self.token = token
        self.meters = by_unit(metering_site())
        self.changes = Changes()
        self.served = ServedLog(clock, self.changes)
        self.central = CentralServer(
            [],
            token=token,
            form=form,
            interval=interval,
            max_body=max_body,
            clock=clock,
            changes=self.changes,
            ssl_context=ssl_context,
        )
        started = clock() if epoch is None else epoch
        images: Images = {unit: _image(meter, lambda: clock() - started) for unit, meter in self.meters.items()}
        self.gateway = ModbusGateway(ModbusUnits(images, served=self.served.answered))
        self.sensor = SensorPage(
            lambda: cold_room_document(clock() - started), served=self.served.page_sent, clock=clock
        )
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

    async def __aenter__(self) -> Self:
        port, gateway_port, sensor_port = self._ports
        async with AsyncExitStack() as listening:
            gateway = await self._listen(listening, self.gateway.listener, gateway_port)
            await self._listen(listening, self.sensor.http.listener, sensor_port)
            self.central.devices = build_device_list(self.meters, gateway, self.sensor.url, self.served)
            await self._listen(listening, self.central.http.listener, port)
            self._listening = listening.pop_all()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._listening.aclose()

    async def _listen(self, listening: AsyncExitStack, listener: Listener, port: int) -> tuple[str, int]:
        await listener.start(self._host, port)
        listening.push_async_callback(listener.stop)
        return listener.host, listener.port

    async def wait_until(self, predicate: Callable[[], bool], within: float) -> None:
        """Wait until `predicate()` holds; see `Changes.until`."""
        await self.changes.until(predicate, within)

    async def wait_for_windows(self, count: int, within: float, measurements: Collection[str] = ()) -> None:
        """Wait until `count` windows have come; see `CentralServer.wait_for_windows`."""
        await self.central.wait_for_windows(count, within, measurements)


def _image(meter: Meter, seconds: Callable[[], float]) -> Callable[[], UnitImage]:
    return lambda: meter.image(seconds())
