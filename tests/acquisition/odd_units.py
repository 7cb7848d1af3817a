"""A unit with a register for each address, which holds its address; some reads of it suffer a fault."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from inviseobox.configuration import ModbusSettings
from inviseobox.simulator.modbus_pdu import UnitImage
from inviseobox.simulator.modbus_reply import Asked

from .wires import Box, Wire, wire

UNIT = 1
PERIOD = 4.0
END = 400


def image() -> UnitImage:
    """Return what the unit holds."""
    return {3: {address: address for address in range(END)}}


class Rounds:
    """The unit on its wire, the box that reads some addresses of it, and what came of that."""

    def __init__(self, link: Wire, box: Box, wanted: Iterable[int]) -> None:
        self.link = link
        self.box = box
        self.wanted = list(wanted)

    async def next(self) -> dict[int, float | None]:
        """Wait for a round; return the value of each address, None where the read failed."""
        found = await self.box.next_round(len(self.wanted), 4 * 60)
        values = {int(name): value for name, value in found.items()}
        assert all(value in (None, address) for address, value in values.items()), "the value of another register"
        return values

    async def bad(self) -> set[int]:
        """Wait for a round; return the addresses without a value."""
        return {address for address, value in (await self.next()).items() if value is None}

    def asked(self) -> list[range]:
        """Return the addresses of the requests since the last call."""
        asked: list[Asked] = list(self.link.units.asked)
        self.link.units.asked.clear()
        return [one.addresses for one in asked]

    async def go_on(self, seconds: float) -> None:
        """Let rounds go on; forget what was read before and what was asked."""
        self.box.readings.clear()
        self.link.units.asked.clear()
        await asyncio.sleep(seconds)

    def share(self, address: int) -> float:
        """Return the good readings of an address among all since the last `go_on`."""
        readings = [value for _, value in self.box.of(str(address))]
        return sum(value is not None for value in readings) / len(readings)


@asynccontextmanager
async def reading(
    transport: str, wanted: Iterable[int], *faults: Any, period: float = PERIOD, **parameters: Any
) -> AsyncIterator[Rounds]:
    """Read `wanted` of a unit with these faults; `parameters` are more of them for each measurement."""
    logging.getLogger("inviseobox").setLevel(logging.INFO)
    wanted = list(wanted)
    async with wire(transport, {UNIT: image}) as link:
        link.units.set_faults(UNIT, *faults)
        box = Box(modbus=ModbusSettings(period=period))
        async with box.polling(described(link, wanted, **parameters)):
            yield Rounds(link, box, wanted)


def described(link: Wire, wanted: Iterable[int], **parameters: Any) -> dict[str, Any]:
    """Describe the unit as a device list does; a measurement's _id is its address."""
    return {
        "_id": "meter",
        "name": "meter",
        "communication": link.communication,
        "measurements": [
            {
                "_id": str(address),
                "name": f"r{address}",
                "configuration": {
                    "parameters": {
                        "register": "0x03",
                        "address": address,
                        "slave": UNIT,
                        "value_class": "UINT16",
                        **parameters,
                    },
                    "response_format": ["avg"],
                },
            }
            for address in wanted
        ],
    }
