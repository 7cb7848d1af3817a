"""Modbus links over TCP, in both framings, to devices made by hand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from inviseobox.acquisition.modbus_link import ModbusLink
from inviseobox.devices.links import Framing, TcpLink
from inviseobox.errors import ReadError
from inviseobox.network.name_lookup import NameLookups
from tests.support.modbus_frames import mbap, rtu

from .frames import Act, Asked, device, right

TIMEOUT = 0.3


@asynccontextmanager
async def opened(port: int, framing: Framing = Framing.TCP, timeout: float = TIMEOUT) -> AsyncIterator[ModbusLink]:
    link = ModbusLink(TcpLink("127.0.0.1", port, framing), timeout, NameLookups())
    try:
        yield link
    finally:
        await link.close()


@asynccontextmanager
async def talking_to(act: Act, framing: Framing = Framing.TCP, timeout: float = TIMEOUT) -> AsyncIterator[ModbusLink]:
    async with device(act, is_rtu=framing is Framing.RTU) as port, opened(port, framing, timeout) as link:
        yield link


def framed(framing: Framing, asked: Asked, pdu: bytes) -> bytes:
    return rtu(asked.unit, pdu) if framing is Framing.RTU else mbap(asked.transaction, asked.unit, pdu)


def honest(framing: Framing) -> Act:
    async def act(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(framed(framing, asked, right(asked)))

    return act


def assert_is_a_line(error: ReadError) -> None:
    assert str(error)
    assert str(error).isprintable()
    assert len(str(error)) < 200
    assert "Modbus Error" not in str(error), "this is pymodbus speaking, to a programmer"
