"""A bare client with the pymodbus of this machine: the requests that the daemon makes, each value decoded and added up.

`python3 -m tests.bench.pymodbus_loop SECONDS UNITS tcp PORT…`, or `… rtu PATH merged|scattered`. One connection a
gateway, each with a task of its own, as fast as they go; nothing is kept, and no silence is kept but pymodbus's own. It
says "readings N" and "cpu SECONDS" in the end.
"""

import asyncio
import inspect
import struct
import sys
import time
from collections.abc import Iterator
from typing import Any

from pymodbus.client import AsyncModbusTcpClient, ModbusSerialClient

from .workloads import FLOATS

_HALF = FLOATS // 2
_SPANS = {
    "merged": [(0, 44, f">{_HALF}f8x{_HALF}f")],
    "scattered": [(20 * number, 2, ">f") for number in range(FLOATS)],
}
"""Address, count, and what its answer holds; as modbus_answer.h lays it out."""


class _Sum:
    def __init__(self) -> None:
        self.readings = 0
        self.total = 0.0

    def add(self, answer: Any, form: str) -> None:
        if answer.isError():
            raise SystemExit(f"pymodbus: {answer}")
        values = struct.unpack(form, struct.pack(f">{len(answer.registers)}H", *answer.registers))
        self.readings += len(values)
        self.total += sum(values)


def _requests(units: int, layout: str, deadline: float) -> Iterator[tuple[int, int, int, str]]:
    while True:
        for unit in range(1, units + 1):
            for span in _SPANS[layout]:
                if time.monotonic() >= deadline:
                    return
                yield unit, *span


def _unit_argument(client: Any) -> str:
    """Return what this pymodbus calls the number of a unit: slave before 3.10, device_id since."""
    known = inspect.signature(client.read_holding_registers).parameters
    return "device_id" if "device_id" in known else "slave"


async def _over_tcp(port: int, units: int, deadline: float, found: _Sum) -> None:
    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    argument = _unit_argument(client)
    for unit, address, count, form in _requests(units, "merged", deadline):
        found.add(await client.read_holding_registers(address, count=count, **{argument: unit}), form)
    closing = client.close()
    if inspect.isawaitable(closing):
        await closing


async def _all_over_tcp(ports: list[int], units: int, deadline: float, found: _Sum) -> None:
    await asyncio.gather(*(_over_tcp(port, units, deadline, found) for port in ports))


def _over_serial(path: str, layout: str, units: int, deadline: float, found: _Sum) -> None:
    client = ModbusSerialClient(port=path, baudrate=9600, bytesize=8, parity="N", stopbits=1, timeout=1)
    client.connect()
    argument = _unit_argument(client)
    for unit, address, count, form in _requests(units, layout, deadline):
        found.add(client.read_holding_registers(address, count=count, **{argument: unit}), form)
    client.close()


def main(seconds: float, units: int, kind: str, *place: str) -> None:
    """Ask for so many seconds."""
    found = _Sum()
    began = time.process_time()
    deadline = time.monotonic() + seconds
    if kind == "tcp":
        asyncio.run(_all_over_tcp([int(port) for port in place], units, deadline, found))
    else:
        _over_serial(place[0], place[1], units, deadline, found)
    print("readings", found.readings)
    print("cpu", time.process_time() - began)


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
