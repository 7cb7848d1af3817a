"""Scripted misfortune: at some second of a site's life something breaks, later it is well again."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from inviseobox.simulator import page_faults
from inviseobox.simulator.fault_choice import Sometimes
from inviseobox.simulator.faults import Deformed, HangUp, Holes, Refuse, Silent
from inviseobox.simulator.modbus_pdu import SERVER_DEVICE_BUSY
from inviseobox.simulator.modbus_reply import Fault
from inviseobox.simulator.modbus_units import ModbusUnits
from inviseobox.simulator.noise import wrong_crc
from inviseobox.simulator.sensor_page import PageFault
from inviseobox.simulator.site import Site

Act = Callable[[Site], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Step:
    """`at` seconds after the beginning `act` happens to the site; `text` says it in one line."""

    at: float
    text: str
    act: Act


class Scenario:
    """Steps in the order of their times, however they are given."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self.steps = tuple(sorted(steps, key=lambda step: step.at))

    @property
    def duration(self) -> float:
        """Seconds until the last step."""
        return self.steps[-1].at if self.steps else 0.0

    def stretched(self, seconds: float) -> "Scenario":
        """Return the same steps, stretched so that the last comes after `seconds`."""
        factor = seconds / self.duration
        return Scenario(Step(step.at * factor, step.text, step.act) for step in self.steps)

    async def play(self, site: Site, tell: Callable[[Step], None]) -> None:
        """Do each step when its time has come and tell it; return after the last. In the site's event loop."""
        loop = asyncio.get_running_loop()
        begin = loop.time()
        for step in self.steps:
            await asyncio.sleep(begin + step.at - loop.time())
            await step.act(site)
            tell(step)


def a_bad_day() -> Scenario:
    """Return 30 seconds in which each link of a site with `rtu=True`, and the sensor page, fail and recover."""
    return Scenario(
        [
            Step(2, "gateway: unit 2, the cold room's meter, falls silent", _unit(_gateway, 2, Silent())),
            Step(4, "sensor page: answers 500", _page(page_faults.status(500))),
            Step(6, "serial port: somebody knocks out the USB adapter", _vanish),
            Step(7, "gateway: unit 3 no longer has its register 204", _unit(_gateway, 3, Holes(range(204, 206), 3))),
            Step(8, "sensor page: answers with HTML", _page(page_faults.not_json)),
            Step(11, "serial port: the adapter is plugged in again", _return),
            Step(12, "serial server: every second answer is spoilt by noise", _unit(_server, None, _noise())),
            Step(13, "sensor page: well again", _page()),
            Step(14, "gateway: unit 2 answers again", _unit(_gateway, 2)),
            Step(16, "serial port: unit 1 is busy (exception 6)", _unit(_bus, 1, Refuse(SERVER_DEVICE_BUSY))),
            Step(17, "gateway: hangs up instead of answering", _unit(_gateway, None, HangUp())),
            Step(19, "serial server: the line is quiet again", _unit(_server, None)),
            Step(20, "gateway: is gone", _gateway_stops),
            Step(22, "serial port: unit 1 answers again", _unit(_bus, 1)),
            Step(24, "gateway: is back and answers", _gateway_returns),
            Step(28, "gateway: unit 3 has its register 204 again", _unit(_gateway, 3)),
            Step(30, "all is well", _all_well),
        ]
    )


def _gateway(site: Site) -> ModbusUnits:
    return site.gateway.units


def _bus(site: Site) -> ModbusUnits:
    return site.bus.units


def _server(site: Site) -> ModbusUnits:
    return site.serial_server.units


def _noise() -> Fault:
    return Sometimes(0.5, Deformed(wrong_crc))


def _unit(link: Callable[[Site], ModbusUnits], unit: int | None, *faults: Fault) -> Act:
    async def act(site: Site) -> None:
        link(site).set_faults(unit, *faults)

    return act


def _page(*faults: PageFault) -> Act:
    async def act(site: Site) -> None:
        site.sensor.set_faults(*faults)

    return act


async def _vanish(site: Site) -> None:
    await site.bus.vanish()


async def _return(site: Site) -> None:
    await site.bus.return_()


async def _gateway_stops(site: Site) -> None:
    await site.gateway.listener.stop()


async def _gateway_returns(site: Site) -> None:
    site.gateway.units.set_faults(None)
    await site.gateway.listener.resume()


async def _all_well(site: Site) -> None:
    for units in (site.gateway.units, site.bus.units, site.serial_server.units):
        units.clear_faults()
    site.sensor.set_faults()
