"""Rounds over one link: every measurement gets one reading a round."""

import asyncio
import logging
import struct

import pytest

from inviseobox import events
from inviseobox.acquisition.modbus_link import ModbusLink
from inviseobox.acquisition.modbus_poller import ModbusPoller
from inviseobox.acquisition.polling import Outcome, poll
from inviseobox.acquisition.unit_memory import UnitMemory
from inviseobox.devices.link_content import by_link
from inviseobox.devices.links import Framing, TcpLink
from inviseobox.health.health import Health
from inviseobox.network.name_lookup import NameLookups
from inviseobox.records import Reading
from tests.support import virtual_time
from tests.support.entries import listed, modbus_device
from tests.support.modbus_frames import mbap

from .benches import SETTINGS, Bench, ignored, one_round
from .frames import Asked, device


def test_a_hole_in_a_merged_block_costs_nothing_but_its_own_measurement() -> None:
    async def scenario() -> None:
        bench = Bench({1: [*range(10), 12, 14, 30], 2: [0, 5]}, missing={(1, 4), (1, 13), (2, 3)})
        async with bench.listening(), bench.rounds() as rounds:
            for _ in range(3):
                bench.requests.clear()
                assert await one_round(rounds) is Outcome.READ
                assert bench.bad() == {"1/4"}
            assert len(bench.requests) <= 7, "what was learned is used"
            assert all(
                4 not in range(asked.address, asked.address + asked.count)
                for asked in bench.requests
                if asked.unit == 1
            )
            bench.missing.discard((1, 4))
            await asyncio.sleep(601)
            assert await one_round(rounds) is Outcome.READ
            assert bench.bad() == set()

    virtual_time.run(scenario())


def test_a_round_takes_one_request_a_unit_where_nothing_is_in_the_way() -> None:
    async def scenario() -> None:
        bench = Bench({unit: [0, 1, 2, 8, 9, 15] for unit in range(1, 11)})
        async with bench.listening(), bench.rounds() as rounds:
            await one_round(rounds)
            assert bench.bad() == set()
            assert len(bench.requests) == 10

    virtual_time.run(scenario())


def test_a_link_that_is_down_costs_one_reading_a_round_and_a_line_at_each_change(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "inviseobox")

    async def scenario() -> None:
        bench = Bench({1: [0, 1, 100], 2: [5]})
        async with bench.listening():
            pass
        async with bench.rounds() as rounds:
            async with bench.listening():
                await one_round(rounds)
                assert bench.bad() == set()
            assert await one_round(rounds) is Outcome.DOWN
            assert bench.bad() == {"1/0", "1/1", "1/100", "2/5"}
            for _ in range(3):
                assert not await rounds.reopen()
                assert await one_round(rounds) is Outcome.DOWN
                assert bench.bad() == {"1/0", "1/1", "1/100", "2/5"}
            assert [record.levelname for record in caplog.records] == ["WARNING"]
            assert "refused" in caplog.messages[0]
            assert rounds.name in caplog.messages[0]
            told = events.HOST("refused", link=rounds.name, device="meter")
            assert vars(caplog.records[0]).items() >= told.begins.items()
            async with bench.listening():
                assert await rounds.reopen()
                assert await one_round(rounds) is Outcome.READ
                assert bench.bad() == set()
                assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
                assert vars(caplog.records[1]).items() >= told.ends.items()

    virtual_time.run(scenario())


def test_a_link_that_returns_is_polled_again_within_five_seconds() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        bench = Bench({1: [0]})
        async with bench.listening():
            pass
        async with bench.rounds() as rounds:
            task = asyncio.ensure_future(poll(rounds, 600, bench.health))
            await virtual_time.until(lambda: len(bench.readings) == 1, within=5)
            await asyncio.sleep(60)
            async with bench.listening():
                began = loop.time()
                await virtual_time.until(lambda: any(one.value is not None for one in bench.readings), within=600)
                assert loop.time() - began <= 5
                task.cancel()
                await asyncio.wait([task])

    virtual_time.run(scenario())


def test_a_value_that_cannot_be_used_fails_alone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "inviseobox")

    async def scenario() -> None:
        words = struct.pack(">6H", 0x7FC0, 0, 0x41B8, 0, 0x0A5B, 0)

        async def act(asked: Asked, writer: asyncio.StreamWriter) -> None:
            data = words[2 * asked.address : 2 * (asked.address + asked.count)]
            writer.write(mbap(asked.transaction, asked.unit, bytes([3, len(data)]) + data))

        readings: list[Reading] = []
        async with device(act) as port:
            meter = modbus_device(port, {1: [0, 2]}, count=2, value_class="FLOAT32")
            meter["measurements"] += modbus_device(port, {1: [4]}, value_class="BCD16")["measurements"]
            (content,) = by_link(listed(meter))
            link = ModbusLink(TcpLink("127.0.0.1", port, Framing.TCP), 1, NameLookups())
            rounds = ModbusPoller(link, content, SETTINGS, readings.extend, Health(), UnitMemory(ignored))
            for _ in range(3):
                await one_round(rounds)
            await rounds.close()
        assert [(reading.series.measurement, reading.value) for reading in readings] == [
            ("1/0", None),
            ("1/2", 23.0),
            ("1/4", None),
        ] * 3
        assert len(caplog.records) == 2, "one line for each, once"
        told = events.VALUE("nan", device="meter", device_id="meter", measurement="1/0", measurement_id="1/0")
        assert vars(caplog.records[0]).items() >= told.begins.items()

    virtual_time.run(scenario())
