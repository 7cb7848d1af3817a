"""Most units of a link are silent: what answers is read in each round all the same, and what returns is found."""

import asyncio
import functools
from collections.abc import Collection
from itertools import pairwise

import pytest

from inviseobox import events
from inviseobox.configuration import ModbusSettings
from inviseobox.simulator.fault_choice import Times
from inviseobox.simulator.faults import Silent
from inviseobox.simulator.modbus_pdu import UnitImage
from tests.support import virtual_time
from tests.support.entries import modbus_device

from .wires import TRANSPORTS, Box, Wire, wire

UNITS = range(1, 32)
PERIOD = 10.0
PLACES = [1, 16, 31]
"""Where the unit stands that answers: first, in the middle, last."""


def image() -> UnitImage:
    return {3: {0: 7}}


def silence(link: Wire, units: Collection[int]) -> None:
    for unit in units:
        link.units.set_faults(unit, Silent())


def listed_on(link: Wire, units: Collection[int] = UNITS) -> dict[str, object]:
    return {**modbus_device(0, {unit: [0] for unit in units}), "communication": link.communication}


def good_times(box: Box, unit: int) -> list[float]:
    return [at for at, value in box.of(f"{unit}/0") if value is not None]


def is_read(box: Box, unit: int) -> bool:
    return bool(good_times(box, unit))


def all_but(unit: int) -> list[int]:
    return [other for other in UNITS if other != unit]


@pytest.mark.parametrize("alive", PLACES)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_one_unit_that_answers_among_thirty_silent_ones_is_read_in_every_round(transport: str, alive: int) -> None:
    async def scenario() -> None:
        box = Box(ModbusSettings(period=PERIOD))
        async with wire(transport, dict.fromkeys(UNITS, image)) as link:
            silence(link, all_but(alive))
            began = asyncio.get_running_loop().time()
            async with box.polling(listed_on(link)):
                await asyncio.sleep(1800)
                read = good_times(box, alive)
                assert read[0] - began <= 60
                # Once all have had their first turn no round is late.
                later = [at for at in read if at - began > 60]
                assert len(later) >= 173
                assert max(second - first for first, second in pairwise(later)) <= PERIOD + 1
                assert set(box.failed()) >= {f"{unit}/0" for unit in all_but(alive)}

    virtual_time.run(scenario())


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_each_silent_unit_is_found_within_two_minutes_of_its_return(transport: str) -> None:
    async def scenario() -> None:
        box = Box(ModbusSettings(period=PERIOD))
        async with wire(transport, dict.fromkeys(UNITS, image)) as link:
            silence(link, all_but(31))
            async with box.polling(listed_on(link)):
                await asyncio.sleep(600)
                for unit in (1, 15, 30):
                    link.units.set_faults(unit)
                    await virtual_time.until(functools.partial(is_read, box, unit), within=120)

    virtual_time.run(scenario())


def test_where_rounds_leave_no_time_one_silent_unit_has_its_turn_in_each() -> None:
    """The period is shorter than a time-out: of five silent units one that returns is found within five rounds."""

    async def scenario() -> None:
        box = Box(ModbusSettings(period=0.5))
        async with wire("tcp", dict.fromkeys(range(1, 7), image)) as link:
            silence(link, range(1, 6))
            async with box.polling(listed_on(link, range(1, 7))):
                await asyncio.sleep(300)
                read = good_times(box, 6)
                gaps = [second - first for first, second in pairwise(read[10:])]
                assert max(gaps) <= 2
                link.units.set_faults(3)
                await virtual_time.until(functools.partial(is_read, box, 3), within=32)

    virtual_time.run(scenario())


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_part_of_the_line_that_is_cut_off_keeps_the_rest_from_being_read_for_less_than_a_minute(
    transport: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "inviseobox")

    async def scenario() -> None:
        box = Box(ModbusSettings(period=PERIOD))
        async with wire(transport, dict.fromkeys(UNITS, image)) as link, box.polling(listed_on(link)):
            await asyncio.sleep(95)
            silence(link, all_but(31))
            cut = asyncio.get_running_loop().time()
            await asyncio.sleep(600)
            read = [at for at in good_times(box, 31) if at > cut - PERIOD]
            assert max(second - first for first, second in pairwise(read)) <= 70
            assert len([at for at in read if at > cut + 120]) >= 47

    virtual_time.run(scenario())
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 30


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_first_probe_whose_answer_is_lost_is_repeated_before_the_unit_counts_as_silent(
    transport: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A probe is one short read: what comes behind a silent unit is asked that first where nothing is known of it."""
    caplog.set_level("INFO", "inviseobox")

    async def scenario() -> None:
        box = Box(ModbusSettings(period=PERIOD))
        async with wire(transport, dict.fromkeys((1, 2, 3), image)) as link:
            silence(link, [1])
            link.units.set_faults(2, Times(1, Silent()))
            async with box.polling(listed_on(link, (1, 2, 3))):
                await asyncio.sleep(60)
        assert set(box.failed()) == {"1/0"}

    virtual_time.run(scenario())
    assert [vars(record).get("MESSAGE_ID") for record in caplog.records] == [events.DEVICE.begins.id]
