"""A simulated site whose server and gateway a machine reaches on the host's loopback, and whose line is on its UART."""

import asyncio
import copy
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from inviseobox.simulator.background import RunningSite, running_site
from inviseobox.simulator.device_list import EVERYTHING, listed_meter, serial_communication
from inviseobox.simulator.meters import Meter, by_unit
from inviseobox.simulator.modbus_units import ModbusUnits
from inviseobox.simulator.rtu_line import DEFAULT_BAUDRATE, RtuLine
from inviseobox.simulator.verdict import Loss
from tests.support import judging

from .whole_machine import HOST, PORT

LOOPBACK = "127.0.0.1"
UART = "uart"
"""The line, by the name that the log of what was served knows it by."""
_IDENTITY = "65b0000000000000000{:03x}00"
_CONNECT_WITHIN = 10.0
_CLOCKS_DIFFER_BY = 3.0
"""Seconds: a machine reads its hardware clock to the second, and takes its time with an answer."""


class UartLine:
    """Meters on an RS-485 line, whose cable is plugged into a machine's serial port or pulled out."""

    def __init__(self, units: ModbusUnits, baudrate: int = DEFAULT_BAUDRATE) -> None:
        self.line = RtuLine(units, self._deliver, baudrate=baudrate)
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def plug(self, socket: Path) -> None:
        """Put the cable into the port whose other end is `socket`. Raises OSError while the machine is off."""
        await self.pull()
        reader, self._writer = await asyncio.open_unix_connection(socket)
        self._reading = asyncio.get_running_loop().create_task(self._read(reader))

    async def pull(self) -> None:
        """Pull the cable; a pulled one may be pulled again."""
        if self._writer is not None and self._reading is not None:
            self._writer.close()
            self._reading.cancel()
            with suppress(asyncio.CancelledError):
                await self._reading
        self._writer = self._reading = None
        await self.line.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(4096):
                self.line.heard(data)

    def _deliver(self, data: bytes) -> None:
        if self._writer is not None:
            self._writer.write(data)


class MachineSite:
    """A running site with `meters` on a line beside it, and what a machine is to be told of them."""

    def __init__(self, site: RunningSite, meters: Sequence[Meter], parity: str, baudrate: int) -> None:
        self.site = site
        began = time.time()
        images = {unit: _image(meter, began) for unit, meter in by_unit(meters).items()}
        served = site.served
        units = ModbusUnits(images, served=served.on_link(UART), changes=site.site.changes)
        self.uart = UartLine(units, baudrate)
        communication = serial_communication(Path(PORT), baudrate)
        communication["configuration"]["parity"] = parity
        self.line_devices = [
            _with_differences(
                listed_meter(_IDENTITY.format(number), f"RTU {meter.unit}", meter, communication, served, UART)
            )
            for number, meter in enumerate(meters, 1)
        ]

    @property
    def url(self) -> str:
        """The base of the API, for a machine."""
        return self.site.url.replace(LOOPBACK, HOST)

    def measurements(self) -> list[str]:
        """Return the `_id` of each measurement on the line."""
        return [one["_id"] for device in self.line_devices for one in device["measurements"]]

    def hand_out(self, devices: list[dict[str, Any]]) -> None:
        """Let the server answer with this device list from now on."""

        def assign() -> None:
            self.site.central.devices = devices

        self.site.call(assign)

    def plug(self, socket: Path) -> None:
        """Put the line's cable into the port of a machine that is on."""
        self.site.run(self.uart.plug(socket), _CONNECT_WITHIN)

    def pull(self) -> None:
        """Pull the line's cable."""
        self.site.run(self.uart.pull(), _CONNECT_WITHIN)

    def go(self) -> None:
        """Take the server away: who asks it is refused the connection."""
        self.site.run(self.site.central.http.listener.stop())

    def come(self) -> None:
        """Bring the server back, at the same address."""
        self.site.run(self.site.central.http.listener.resume())

    def wait_for_windows(self, count: int, within: float, after: float = 0.0) -> None:
        """Wait until `count` windows with every measurement of the line, which ended after that time, have come.

        Raises:
            TimeoutError: they did not come within so many seconds; its text says what came.
        """
        wanted = self.measurements()

        def come() -> bool:
            return sum(end > after for end in self.site.central.window_ends(wanted)) >= count

        try:
            self.site.wait_until(come, within)
        except TimeoutError as error:
            raise TimeoutError(f"{count} windows {error}: {self.site.central.summary()}") from None

    def faults(self, interval: int, losses: tuple[Loss, ...] = ()) -> list[str]:
        """List all that is wrong with what the server has of the line, in windows of `interval` seconds."""
        wanted = self.measurements()
        return judging.faults(self.site, interval, losses, tolerance=_CLOCKS_DIFFER_BY, measurements=wanted)

    def wait_until_all_is_right(self, interval: int, losses: tuple[Loss, ...] = (), within: float = 300.0) -> None:
        """Wait until what waited for the server has come, and nothing is wrong. Raises AssertionError with what is."""
        with suppress(TimeoutError):
            self.site.wait_until(lambda: not self.faults(interval, losses), within)
        wrong = self.faults(interval, losses)
        assert not wrong, "\n".join(wrong)

    def configuration(self, interval: int, period: float) -> str:
        """Return the text of a config.toml for this site: seconds of a window, seconds between rounds."""
        keys = {"token": f'"{self.site.token}"', "url": f'"{self.url}"', "interval": str(interval)}
        lines = [f"{key} = {value}" for key, value in keys.items()]
        return "\n".join([*lines, "[modbus]", f"period = {period}", "[http]", "period = 10", ""])


@contextmanager
def machine_site(
    meters: Sequence[Meter], *, parity: Literal["N", "E"] = "N", baudrate: int = DEFAULT_BAUDRATE, gateway: bool = False
) -> Iterator[MachineSite]:
    """Run a site with `meters` on its line; with `gateway` the meters and the page of the usual site are there too."""
    with running_site() as site:
        usual = seen_from_a_machine(site.devices)
        whole = MachineSite(site, meters, parity, baudrate)
        whole.hand_out([*whole.line_devices, *(usual if gateway else [])])
        try:
            yield whole
        finally:
            whole.pull()


def seen_from_a_machine(devices: list[Any]) -> list[Any]:
    """Return a device list in which the host's loopback has the name that it has in a machine."""
    changed: list[Any] = json.loads(json.dumps(devices).replace(LOOPBACK, HOST))
    return changed


def _with_differences(device: dict[str, Any]) -> dict[str, Any]:
    changed = copy.deepcopy(device)
    for measurement in changed["measurements"]:
        measurement["configuration"]["response_format"] = EVERYTHING
    return changed


def _image(meter: Meter, began: float) -> Any:
    return lambda: meter.image(time.time() - began)
