"""Answers and requests of Modbus devices made by hand, from the MODBUS Application Protocol V1.1b3 alone."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from inviseobox.devices.registers import FunctionCode, Span
from tests.support.modbus_frames import crc
from tests.support.tcp import serving


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
    """Return the PDU that answers a read of registers."""
    return struct.pack(f">BB{len(values)}H", function, 2 * len(values), *values)


def bits(*values: int, function: int = 1) -> bytes:
    """Return the PDU that answers a read of bits: the first is the lowest of the first byte."""
    packed = sum(bit << position for position, bit in enumerate(values))
    data = packed.to_bytes((len(values) + 7) // 8, "little")
    return bytes([function, len(data)]) + data


def right(asked: Asked, offset: int = 0) -> bytes:
    """Return a unit's right answer: registers hold their address plus `offset`, every third bit is a one."""
    addresses = range(asked.address, asked.address + asked.count)
    if asked.function <= 2:
        return bits(*(int((address + offset) % 3 == 0) for address in addresses), function=asked.function)
    return registers(*((address + offset) & 0xFFFF for address in addresses), function=asked.function)


def values(span: Span, offset: int = 0) -> list[int]:
    """Return what `right` says, as it is to be read."""
    if span.function.reads_bits:
        return [int((address + offset) % 3 == 0) for address in range(span.address, span.end)]
    return [(address + offset) & 0xFFFF for address in range(span.address, span.end)]


def holding(address: int, count: int, unit: int = 1) -> Span:
    """Return a read of holding registers."""
    return Span(unit, FunctionCode.HOLDING_REGISTERS, address, count)


Act = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]
"""What a device does about a request."""


@asynccontextmanager
async def device(act: Act, *, is_rtu: bool = False, port: int = 0) -> AsyncIterator[int]:
    """Run a TCP server whose requests `act` answers one after the other; yield its port."""
    number = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal number
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

    async with serving(serve, port=port) as bound:
        yield bound
