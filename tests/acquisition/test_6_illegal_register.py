"""A register that the device does not have, in the middle of a merged block."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import pytest

from inviseobox.simulator.faults import Holes
from inviseobox.simulator.meters import HOLDING_REGISTERS, two_blocks
from tests.support import virtual_time
from tests.support.entries import listed

from .wires import TRANSPORTS, Box, Meters, wire

ILLEGAL = 8
"""The address of the fifth value of a unit."""
UNITS = (1, 2)


def identity(unit: int, address: int, devices: list[dict[str, Any]]) -> str:
    return next(
        str(one["_id"])
        for device in devices
        for one in device["measurements"]
        if (one["configuration"]["parameters"]["slave"], one["configuration"]["parameters"]["address"])
        == (unit, address)
    )


def bad(values: Mapping[str, float | None]) -> set[str]:
    return {name for name, value in values.items() if value is None}


@pytest.mark.parametrize("code", [2, 3], ids=["illegal address", "illegal value"])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_illegal_register_costs_only_its_own_measurement(
    transport: str, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    """From the first round on; from the second on, nothing is asked that the device is known to refuse."""
    caplog.set_level(logging.INFO)

    async def scenario() -> None:
        meters = Meters([two_blocks(unit) for unit in UNITS], transport)
        box = Box()
        async with wire(transport, meters.images, served=meters.served) as link:
            devices = meters.devices(link.communication)
            illegal = identity(1, ILLEGAL, devices)
            link.units.set_faults(1, Holes({ILLEGAL, ILLEGAL + 1}, code=code))
            async with box.polling(*devices):
                for number in range(4):
                    values = await box.next_round(40)
                    assert len(values) == 40
                    assert bad(values) == {illegal}
                    for name in values.keys() - {illegal}:
                        assert values[name] == meters.expected(name)
                    asked = link.asked()
                    assert asked[2] == 1, "another unit must not notice"
                    if number:
                        assert asked[1] == 2
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert "value 5" in caplog.messages[0]

    virtual_time.run(scenario())


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_known_illegal_register_is_remembered_over_a_restart(transport: str) -> None:
    async def scenario() -> None:
        meters = Meters([two_blocks(unit) for unit in UNITS], transport)
        box = Box()
        async with wire(transport, meters.images, served=meters.served) as link:
            devices = meters.devices(link.communication)
            illegal = identity(1, ILLEGAL, devices)
            link.units.set_faults(1, Holes({ILLEGAL, ILLEGAL + 1}))
            async with box.polling(*devices):
                await box.next_round(40)
                assert link.asked()[1] > 3
            async with box.polling(*devices):
                assert bad(await box.next_round(40)) == {illegal}
            asked = [(one.unit, one.addresses) for one in link.units.asked if one.unit == 1]
            assert len(asked) == 3, "the two parts, and the register alone, which is tried again"
            assert [addresses for _, addresses in asked if ILLEGAL in addresses] == [range(ILLEGAL, ILLEGAL + 2)]

    virtual_time.run(scenario())


def test_illegal_registers_of_a_unit_are_forgotten_when_the_device_list_changes_it() -> None:
    async def scenario() -> None:
        meters = Meters([two_blocks(unit) for unit in UNITS], "tcp")
        box = Box()
        async with wire("tcp", meters.images, served=meters.served) as link:
            devices = meters.devices(link.communication)
            for unit in UNITS:
                link.units.set_faults(unit, Holes({ILLEGAL, ILLEGAL + 1}))
            async with box.polling(*devices) as acquisition:
                assert len(bad(await box.next_round(40))) == 2
                # The device is another one now, which has the register; the server took one measurement off its list.
                link.units.clear_faults()
                changed = [{**devices[0], "measurements": devices[0]["measurements"][:-1]}, devices[1]]
                link.units.asked.clear()
                await acquisition.adopt(listed(*changed))
                values = await box.next_round(39)
                assert bad(values) == set()
                asked = {unit: [one.addresses for one in link.units.asked if one.unit == unit] for unit in UNITS}
                assert asked[1] == [range(42)], "as if nothing had ever been refused"
                assert len(asked[2]) >= 2, "what is known of another unit stays"

    virtual_time.run(scenario())


@pytest.mark.parametrize("transport", ["tcp", "rtu over tcp"])
def test_an_illegal_register_is_tried_again_after_ten_minutes_and_no_sooner(transport: str) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        meters = Meters([two_blocks(1)], transport)
        box = Box()
        async with wire(transport, meters.images, served=meters.served) as link:
            devices = meters.devices(link.communication)
            illegal = identity(1, ILLEGAL, devices)
            link.units.set_faults(1, Holes({ILLEGAL, ILLEGAL + 1}, HOLDING_REGISTERS))
            async with box.polling(*devices):
                began = loop.time()
                await box.next_round(20)
                link.units.asked.clear()
                await asyncio.sleep(began + 595 - loop.time())
                assert not any(ILLEGAL in one.addresses for one in link.units.asked)
                await asyncio.sleep(20)
                assert sum(ILLEGAL in one.addresses for one in link.units.asked) == 1
                link.units.clear_faults()
                fixed = loop.time()
                await asyncio.sleep(620)
                back = min(at for at, value in box.of(illegal) if value is not None)
                assert back - fixed <= 615
                link.units.asked.clear()
                assert bad(await box.next_round(20)) == set()
                assert link.asked()[1] == 1, "one read again, as if nothing had been"

    virtual_time.run(scenario())
