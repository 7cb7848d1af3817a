"""What the boxes of the benchmark read: device lists, and the configuration of a daemon."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FLOATS = 20
"""Measurements of a unit, each a FLOAT32."""
TOKEN = "b" * 64


@dataclass(frozen=True, slots=True)
class Workload:
    """So many units behind each of so many gateways."""

    name: str
    gateways: int
    units: int

    @property
    def measurements(self) -> int:
        """Count the measurements of the whole site."""
        return self.gateways * self.units * FLOATS


S = Workload("S", 1, 10)
L = Workload("L", 10, 24)
SMALL_L = Workload("L", 3, 4)
"""In place of L where the benchmark is only seen to run."""


def over_tcp(workload: Workload, ports: Sequence[int]) -> list[dict[str, Any]]:
    """Return the device list of a workload whose gateways are these ports of loopback."""
    return [
        _unit(f"{gateway:02d}{unit:03d}", unit, _tcp(port), scattered=False)
        for gateway, port in enumerate(ports)
        for unit in range(1, workload.units + 1)
    ]


def over_serial(workload: Workload, port: str, *, scattered: bool) -> list[dict[str, Any]]:
    """Return the device list of a workload on a serial line of 9600 8N1, its values where `line.c` has them."""
    settings = {"port": port, "baudrate": 9600, "bytesize": 8, "parity": "N", "stopbits": 1}
    communication = {"protocol": "Modbus", "mode": "RTU", "configuration": settings}
    return [_unit(f"00{unit:03d}", unit, communication, scattered=scattered) for unit in range(1, workload.units + 1)]


def configuration(folder: Path, url: str, *, interval: int, period: float) -> str:
    """Return the text of a configuration whose buffer lies in `folder`."""
    return (
        f'token = "{TOKEN}"\nurl = "{url}"\ninterval = {interval}\n'
        f'[modbus]\nperiod = {period:g}\n[buffer]\npath = "{folder}/data.db"\n'
    )


def _tcp(port: int) -> dict[str, Any]:
    return {"protocol": "Modbus", "mode": "TCP", "configuration": {"host": "127.0.0.1", "port": port}}


def _unit(number: str, unit: int, communication: Mapping[str, Any], *, scattered: bool) -> dict[str, Any]:
    return {
        "_id": f"65a00000000000000{number}00",
        "name": f"Meter {number}",
        "communication": communication,
        "measurements": [_measurement(number, unit, index, scattered=scattered) for index in range(FLOATS)],
    }


def _measurement(number: str, unit: int, index: int, *, scattered: bool) -> dict[str, Any]:
    parameters = {
        "register": "0x03",
        # As modbus_answer.h lays them out.
        "address": 20 * index if scattered else 2 * index + (4 if index >= FLOATS // 2 else 0),
        "slave": unit,
        "count": 2,
        "byte_order": "3-2-1-0",
        "value_class": "FLOAT32",
    }
    formats = ["min", "max", "avg", "diff"]
    return {
        "_id": f"65a00000000000000{number}{index + 1:02d}",
        "name": f"Value {index + 1}",
        "configuration": {"parameters": parameters, "response_format": formats},
    }
