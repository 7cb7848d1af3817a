"""A Modbus/TCP gateway, by "MODBUS Messaging on TCP/IP Implementation Guide V1.0b"."""

import asyncio
import contextlib
import struct
from asyncio import IncompleteReadError, StreamReader, StreamWriter, Task

from inviseobox.simulator.listener import Listener
from inviseobox.simulator.modbus_pdu import GATEWAY_TARGET_FAILED_TO_RESPOND, exception
from inviseobox.simulator.modbus_reply import Reply, put_on_wire
from inviseobox.simulator.modbus_units import ModbusUnits

MODBUS_PROTOCOL = 0
MAX_PDU = 253
_MBAP = struct.Struct(">HHHB")


class ModbusGateway:
    """Answers for `units`, one request of a connection after the other, on any number of connections.

    For a unit that is silent, or that nobody has, it answers after `silence_time` seconds with the exception
    `for_silence`: 0x0B or 0x0A, or None to be silent too, as a meter that is no gateway. Both may be changed.
    """

    def __init__(
        self,
        units: ModbusUnits,
        *,
        for_silence: int | None = GATEWAY_TARGET_FAILED_TO_RESPOND,
        silence_time: float = 0.0,
    ) -> None:
        self.units = units
        self.for_silence = for_silence
        self.silence_time = silence_time
        self.listener = Listener(self._serve)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        overdue: set[Task[None]] = set()
        try:
            await self._serve_requests(reader, writer, overdue)
        finally:
            for task in overdue:
                task.cancel()

    async def _serve_requests(self, reader: StreamReader, writer: StreamWriter, overdue: set[Task[None]]) -> None:
        while True:
            try:
                header = await reader.readexactly(_MBAP.size)
            except IncompleteReadError:
                return
            _, protocol, length, unit = _MBAP.unpack(header)
            # The length counts the unit identifier (section 3.1.3). After a wrong one all is lost.
            if not 2 <= length <= MAX_PDU + 1:
                return
            request = header + await reader.readexactly(length - 1)
            if protocol != MODBUS_PROTOCOL:
                continue
            for reply in self._replies(unit, request[_MBAP.size :]):
                if reply.holds:
                    await self._send(writer, reply, request)
                else:
                    task = asyncio.create_task(self._send_later(writer, reply, request))
                    overdue.add(task)
                    task.add_done_callback(overdue.discard)

    def _replies(self, unit: int, pdu: bytes) -> tuple[Reply, ...]:
        replies = self.units.replies(unit, pdu)
        if replies or self.for_silence is None:
            return replies
        return (Reply(unit, exception(pdu[0], self.for_silence), delay=self.silence_time),)

    async def _send_later(self, writer: StreamWriter, reply: Reply, request: bytes) -> None:
        with contextlib.suppress(ConnectionError):
            try:
                await self._send(writer, reply, request)
            except ConnectionResetError:
                writer.close()

    async def _send(self, writer: StreamWriter, reply: Reply, request: bytes) -> None:
        await asyncio.sleep(reply.delay)

        async def write(data: bytes) -> None:
            writer.write(data)
            await writer.drain()

        self.units.going_out(reply, request[_MBAP.size :])
        frame = request[:4] + struct.pack(">HB", len(reply.pdu) + 1, reply.unit) + reply.pdu
        await put_on_wire(reply, frame, request, write)
