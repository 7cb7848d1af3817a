"""The units of one link, whatever carries their answers: image, fault, log."""

from collections.abc import Awaitable, Callable, Mapping

from inviseobox.simulator import modbus_pdu
from inviseobox.simulator.modbus_pdu import UnitImage

Images = Mapping[int, Callable[[], UnitImage]]
"""Unit → what it holds now."""

Fault = Callable[[int, bytes, bytes], Awaitable[bytes | None]]
"""Stands between a unit and the wire: (unit, request PDU, right answer PDU) → the answer PDU to send.

None is silence. It may wait, and raise ConnectionError to hang up.
"""

Served = Callable[[int, bytes, bytes], None]
"""Told of each answer just before it is sent: unit, request PDU, answer PDU."""


async def honest(unit: int, request: bytes, response: bytes) -> bytes | None:
    """The fault of units that have none."""
    return response


class ModbusUnits:
    """Answers requests for the units in `images`; `fault` may be changed at any time."""

    def __init__(self, images: Images, *, served: Served | None = None, fault: Fault = honest) -> None:
        self.images = images
        self.fault = fault
        self._served = served

    async def respond(self, unit: int, request: bytes) -> bytes | None:
        """The PDU that goes out in answer to `request`, None for silence, which an unknown unit keeps."""
        if unit not in self.images:
            return None
        response = await self.fault(unit, request, modbus_pdu.answer(self.images[unit](), request))
        if response is not None and self._served is not None:
            self._served(unit, request, response)
        return response
