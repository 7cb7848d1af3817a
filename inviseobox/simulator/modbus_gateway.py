"""A Modbus/TCP gateway, by "MODBUS Messaging on TCP/IP Implementation Guide V1.0b"."""

import struct
from asyncio import IncompleteReadError, StreamReader, StreamWriter

from inviseobox.simulator.listener import Listener
from inviseobox.simulator.modbus_pdu import GATEWAY_TARGET_FAILED_TO_RESPOND, exception
from inviseobox.simulator.modbus_units import ModbusUnits

MODBUS_PROTOCOL = 0
MAX_PDU = 253
_MBAP = struct.Struct(">HHHB")


class ModbusGateway:
    """Answers for `units` on any number of connections; for a unit it does not have, with exception 0x0B."""

    def __init__(self, units: ModbusUnits) -> None:
        self.units = units
        self.listener = Listener(self._serve)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        while True:
            try:
                header = await reader.readexactly(_MBAP.size)
            except IncompleteReadError:
                return
            transaction, protocol, length, unit = _MBAP.unpack(header)
            # The length counts the unit identifier (section 3.1.3). After a wrong one all is lost.
            if not 2 <= length <= MAX_PDU + 1:
                return
            request = await reader.readexactly(length - 1)
            if protocol != MODBUS_PROTOCOL:
                continue
            if unit in self.units.images:
                response = await self.units.respond(unit, request)
            else:
                response = exception(request[0], GATEWAY_TARGET_FAILED_TO_RESPOND)
            if response is not None:
                writer.write(_MBAP.pack(transaction, protocol, len(response) + 1, unit) + response)
                await writer.drain()
