"""A serial line that takes its time: real seconds, at 9600 baud."""

import asyncio
import fcntl
import os

import pytest

from inviseobox.configuration import ModbusSettings
from inviseobox.simulator.fault_choice import Times
from inviseobox.simulator.faults import Deformed, Late, Refuse
from inviseobox.simulator.meters import Meter, bus_meters
from inviseobox.simulator.noise import wrong_crc
from inviseobox.simulator.rtu_bus import RtuBus

from .wires import BAUDRATE, Box, Meters, wire

CHARACTER = 10 / BAUDRATE
"""Seconds for start bit, eight data bits and one stop bit, as the ports in the device list are set."""


def three() -> list[Meter]:
    cooling, water = bus_meters()
    return [cooling, water]


def test_the_line_is_silent_for_three_and_a_half_characters_before_each_request() -> None:
    """Also after answers that were wrong, late or refusals."""

    async def scenario() -> None:
        meters = Meters(three(), "serial")
        box = Box(ModbusSettings(period=0.2, timeout=0.3))
        async with wire("serial", meters.images, served=meters.served, baudrate=BAUDRATE) as link:
            async with box.polling(*meters.devices(link.communication)):
                for fault in (None, Deformed(wrong_crc), Refuse(6), Late(0.4)):
                    link.units.set_faults(1, *([Times(1, fault)] if fault else []))
                    for _ in range(3):
                        await box.next_round(5)
            assert len(link.line.frames) > 30
            assert min(heard.silence for heard in link.line.frames) >= 3.5 * CHARACTER
            assert link.line.overlaps == 0
            assert link.line.rubbish == []

    asyncio.run(scenario())


def test_two_devices_share_a_serial_port_that_is_held_exclusively() -> None:
    async def scenario() -> None:
        meters = Meters(three(), "serial")
        box = Box(ModbusSettings(period=0.5))
        async with wire("serial", meters.images, served=meters.served, baudrate=BAUDRATE) as link:
            assert isinstance(link.instrument, RtuBus)
            other = os.open(link.instrument.device, os.O_RDWR | os.O_NOCTTY)
            try:
                async with box.polling(*meters.devices(link.communication)):
                    values = await box.next_round(5)
                    assert values == {name: meters.expected(name) for name in values}
                    with pytest.raises(BlockingIOError):
                        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    assert set(link.asked()) == {1, 2}
            finally:
                os.close(other)
            assert link.line.overlaps == 0, "one request at a time"

    asyncio.run(scenario())
