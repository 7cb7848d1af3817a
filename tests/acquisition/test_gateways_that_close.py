"""Gateways that close the connection after each answer: what was asked on its last moment is asked again."""

import asyncio
import logging

import pytest

from inviseobox import events
from inviseobox.configuration import ModbusSettings
from inviseobox.devices.links import Framing
from inviseobox.errors import NoAnswer, Refused
from tests.support import virtual_time
from tests.support.entries import modbus_device

from .frames import Asked, device, holding, right
from .modbus_tcp_links import framed, talking_to
from .wires import Box

MODES = {Framing.TCP: "TCP", Framing.RTU: "RTUoverTCP"}
REFUSED = 5


class Gateway:
    """Closes after each answer, `pause` seconds later; one register is refused, another one hangs up instead."""

    def __init__(self, framing: Framing, pause: float = 0.0, hangs_up_at: int | None = None) -> None:
        self._framing = framing
        self._pause = pause
        self._hangs_up_at = hangs_up_at
        self.asked: list[Asked] = []

    async def act(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        self.asked.append(asked)
        addresses = range(asked.address, asked.address + asked.count)
        if self._hangs_up_at not in addresses:
            refusal = bytes([asked.function | 0x80, 2])
            writer.write(framed(self._framing, asked, refusal if REFUSED in addresses else right(asked)))
            await writer.drain()
            await asyncio.sleep(self._pause)
        writer.close()
        raise ConnectionAbortedError


@pytest.mark.parametrize("pause", [0.0, 0.001, 0.01])
def test_each_read_has_its_answer(framing: Framing, pause: float) -> None:
    async def scenario() -> None:
        gateway = Gateway(framing, pause)
        async with talking_to(gateway.act, framing) as link:
            for address in range(10, 30):
                assert await link.read(holding(address, 2)) == [address, address + 1]
                with pytest.raises(Refused):
                    await link.read(holding(REFUSED, 1))

    virtual_time.run(scenario())


def test_what_makes_a_fresh_connection_end_is_told_after_one_more_try(framing: Framing) -> None:
    async def scenario() -> None:
        gateway = Gateway(framing, hangs_up_at=7)
        async with talking_to(gateway.act, framing) as link:
            assert await link.read(holding(10, 2)) == [10, 11]
            for _ in range(3):
                before = len(gateway.asked)
                with pytest.raises(NoAnswer, match="closed instead"):
                    await link.read(holding(7, 1))
                assert len(gateway.asked) - before <= 2

    virtual_time.run(scenario())


@pytest.mark.parametrize("pause", [0.0, 0.001, 0.01])
def test_a_register_that_is_refused_is_told_with_its_cause_and_no_other_one_is(
    framing: Framing, pause: float, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "inviseobox")
    gateway = Gateway(framing, pause)

    async def scenario() -> None:
        box = Box(ModbusSettings(period=10))
        async with device(gateway.act, is_rtu=framing is Framing.RTU) as port:
            meter = modbus_device(port, {1: [0, REFUSED, 8, 100, 200], 2: [0, 1]})
            meter["communication"]["mode"] = MODES[framing]
            async with box.polling(meter):
                await asyncio.sleep(895)
        assert set(box.failed()) == {f"1/{REFUSED}"}
        assert set(box.good().values()) == {90}

    virtual_time.run(scenario())
    assert [vars(record).get("MESSAGE_ID") for record in caplog.records] == [events.REGISTERS.begins.id]
    assert "the device answers exception 2" in caplog.messages[0]
