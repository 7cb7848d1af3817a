"""Ten thousand devices, half of them on a link of their own that is dead, keep within the memory of the service."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from inviseobox.simulator.background import RunningSite
from inviseobox.simulator.device_list import tcp_communication
from inviseobox.simulator.modbus_gateway import ModbusGateway
from inviseobox.simulator.modbus_units import ModbusUnits
from tests.support.root_shell import UNIT

from .figures import measured
from .image import Image
from .service import set_up
from .sites import MachineSite, machine_site
from .whole_machine import HOST, WholeMachine

_LIVING = 5000
_DEAD = 5000
_UNITS_OF_A_GATEWAY = 200
_INTERVAL = 300
_PERIOD = 60.0
_COME_WITHIN = 2400.0
_GROUP = f"/sys/fs/cgroup/system.slice/{UNIT}"
# What is sent there comes back on the loopback, is for nobody, and goes without a word: RFC 2544 keeps these addresses
# for such uses.
_NOWHERE = "198.18.0.0/15"


def test_ten_thousand_devices_and_five_thousand_dead_links_keep_within_the_memory(image: Image) -> None:
    # A machine of its own: with so much to read, it would be slow for whatever came after.
    with machine_site([]) as site, _gateways(site.site) as ports, WholeMachine(image) as box:
        box.run("ip", "route", "replace", _NOWHERE, "dev", "lo")
        site.hand_out([*_living(ports), *_dead()])
        began = time.time()
        set_up(box, site, _INTERVAL, _PERIOD)
        site.site.wait_until(lambda: len(_values(site)) == _LIVING, _COME_WITHIN)
        took = time.time() - began
        assert _values(site) == {f"living {number}": float(number) for number in range(_LIVING)}
        events = dict(line.split() for line in box.read(f"{_GROUP}/memory.events").splitlines())
        anonymous = dict(line.split() for line in box.read(f"{_GROUP}/memory.stat").splitlines())["anon"]
        peak, most = (int(box.read(f"{_GROUP}/memory.{name}")) for name in ("peak", "max"))
        measured(
            f"10,000 devices, 5,000 dead links: all values after {took:.0f} s, memory {int(anonymous) >> 20} MB, "
            f"at most {peak >> 20} MB with the files it had read and written, of {most >> 20} MB"
        )
        assert box.show(UNIT, "ActiveState", "NRestarts") == {"ActiveState": "active", "NRestarts": "0"}
        assert (events["max"], events["oom"], events["oom_kill"]) == ("0", "0", "0")
        assert peak < most


@contextmanager
def _gateways(site: RunningSite) -> Iterator[list[int]]:
    """Yield the ports of gateways for all the living devices, each of which holds its own number."""

    async def start() -> list[ModbusGateway]:
        gateways = []
        for first in range(0, _LIVING, _UNITS_OF_A_GATEWAY):
            images = {1 + at: _holding(first + at) for at in range(_UNITS_OF_A_GATEWAY)}
            gateway = ModbusGateway(ModbusUnits(images))
            await gateway.listener.start()
            gateways.append(gateway)
        return gateways

    gateways = site.run(start())
    try:
        yield [gateway.listener.port for gateway in gateways]
    finally:
        for gateway in gateways:
            site.run(gateway.listener.stop())


def _holding(number: int) -> Any:
    return lambda: {3: {0: number}}


def _living(ports: list[int]) -> list[dict[str, Any]]:
    devices = []
    for number in range(_LIVING):
        gateway, unit = divmod(number, _UNITS_OF_A_GATEWAY)
        devices.append(_device(f"living {number}", HOST, ports[gateway], 1 + unit))
    return devices


def _dead() -> list[dict[str, Any]]:
    return [_device(f"dead {number}", f"198.18.{number // 250}.{1 + number % 250}", 502, 1) for number in range(_DEAD)]


def _device(name: str, host: str, port: int, unit: int) -> dict[str, Any]:
    parameters = {"register": "0x03", "address": 0, "slave": unit, "count": 1, "value_class": "UINT16"}
    measurement = {"_id": name, "configuration": {"parameters": parameters, "response_format": ["avg"]}}
    communication = tcp_communication("TCP", host, port)
    return {"_id": f"device {name}", "name": name, "communication": communication, "measurements": [measurement]}


def _values(site: MachineSite) -> dict[str, float]:
    """Return what has come of each measurement, at last."""
    return {field.measurement: float(field.value["avg"]) for field in tuple(site.site.central.received)}
