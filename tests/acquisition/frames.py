"""Modbus frames made by hand, from the specifications alone.

MODBUS Application Protocol V1.1b3, MODBUS Messaging on TCP/IP Implementation Guide V1.0b, MODBUS over Serial Line
V1.02.
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from inviseobox.devices.registers import FunctionCode, Span


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came; `transaction` is that of Modbus/TCP, `number` counts the requests from 1."""

    transaction: int
    unit: int
    function: int
    address: int
    count: int
    number: int


def registers(*values: int, function: int = 3) -> bytes:
    """The PDU that answers a read of registers."""
    return struct.pack(f">BB{len(values)}H", function, 2 * len(values), *values)


def bits(*values: int, function: int = 1) -> bytes:
    """The PDU that answers a read of bits: the first is the lowest of the first byte."""
    packed = sum(bit << position for position, bit in enumerate(values))
    data = packed.to_bytes((len(values) + 7) // 8, "little")
    return bytes([function, len(data)]) + data


def right(asked: Asked, offset: int = 0) -> bytes:
    """The right answer of a unit whose registers hold their address plus `offset`, and its bits every third a one."""
    addresses = range(asked.address, asked.address + asked.count)
    if asked.function <= 2:
        return bits(*(int((address + offset) % 3 == 0) for address in addresses), function=asked.function)
    return registers(*((address + offset) & 0xFFFF for address in addresses), function=asked.function)


def values(span: Span, offset: int = 0) -> list[int]:
    """What `right` says, as it is to be read."""
    if span.function.reads_bits:
        return [int((address + offset) % 3 == 0) for address in range(span.address, span.end)]
    return [(address + offset) & 0xFFFF for address in range(span.address, span.end)]


def mbap(transaction: int, unit: int, pdu: bytes, *, protocol: int = 0, length: int | None = None) -> bytes:
    """A Modbus/TCP frame."""
    return struct.pack(">HHHB", transaction, protocol, len(pdu) + 1 if length is None else length, unit) + pdu


def crc(data: bytes) -> bytes:
    """The CRC of a serial frame, low byte first (section 6.2.2 of the serial line's specification)."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return value.to_bytes(2, "little")


def rtu(unit: int, pdu: bytes) -> bytes:
    """A serial frame."""
    frame = bytes([unit]) + pdu
    return frame + crc(frame)


def holding(address: int, count: int, unit: int = 1) -> Span:
    """A read of holding registers."""
    return Span(unit, FunctionCode.HOLDING_REGISTERS, address, count)


Act = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]
"""What a device does about a request."""


@asynccontextmanager
async def device(act: Act, *, is_rtu: bool = False, port: int = 0) -> AsyncIterator[int]:
    """Run a TCP server whose requests `act` answers one after the other; give its port."""
    number = 0
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal number
        writers.append(writer)
        try:
            while True:
                transaction = 0
                if is_rtu:
                    frame = await reader.readexactly(8)
                    assert frame[6:] == crc(frame[:6])
                    unit, function, address, count = struct.unpack(">BBHH", frame[:6])
                else:
                    frame = await reader.readexactly(12)
                    transaction, protocol, length, unit, function, address, count = struct.unpack(">HHHBBHH", frame)
                    assert (protocol, length) == (0, 6)
                number += 1
                await act(Asked(transaction, unit, function, address, count, number), writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        # The ends of the connections are handled in the loop's next turns.
        await asyncio.sleep(0.01)
