"""What the journal is told of units, for `journalctl -x`: which kind of trouble, and whose it is."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from inviseobox import events
from inviseobox.acquisition.modbus_link import ModbusLink
from inviseobox.acquisition.modbus_poller import ModbusPoller
from inviseobox.acquisition.unit_memory import UnitMemory
from inviseobox.devices.link_content import by_link
from inviseobox.devices.links import Framing, TcpLink
from inviseobox.events import Trouble, TroubleKind
from inviseobox.health.health import Health
from inviseobox.network.name_lookup import NameLookups
from tests.support import virtual_time
from tests.support.entries import listed, modbus_device

from .benches import SETTINGS, Bench, ignored, one_round
from .frames import Asked


@asynccontextmanager
async def reading(bench: Bench, *devices: dict[str, Any]) -> AsyncIterator[ModbusPoller]:
    """Yield the rounds that read `devices`, which are all on the bench."""
    (content,) = by_link(listed(*devices))
    link = ModbusLink(TcpLink("127.0.0.1", bench.port, Framing.TCP), SETTINGS.timeout, NameLookups())
    rounds = ModbusPoller(link, content, SETTINGS, bench.readings.extend, Health(), UnitMemory(ignored))
    try:
        yield rounds
    finally:
        await rounds.close()


def marked(record: logging.LogRecord) -> dict[str, str]:
    """Return the fields of a line for the journal."""
    return {name: value for name, value in vars(record).items() if name.isupper()}


def assert_told(caplog: pytest.LogCaptureFixture, trouble: Trouble) -> None:
    """Assert that the trouble began and ended, with a line each and no other."""
    assert [marked(record) for record in caplog.records] == [trouble.begins, trouble.ends]


def test_a_unit_behind_which_there_are_two_devices_is_told_by_both_names(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "inviseobox")

    async def scenario() -> None:
        bench = Bench({1: [0, 1], 2: [0]})
        async with bench.listening():
            shared = (
                modbus_device(bench.port, {1: [0]}, name="Chaud"),
                modbus_device(bench.port, {1: [1]}, name="Froid"),
            )
            async with reading(bench, *shared, modbus_device(bench.port, {2: [0]})) as rounds:
                bench.silent = {1}
                await one_round(rounds)
                bench.silent = set()
                await asyncio.sleep(60)
                await one_round(rounds)
                names = "Chaud, Froid"
                assert_told(caplog, events.DEVICE("", link=rounds.name, unit="1", device=names, device_id=names))

    virtual_time.run(scenario())


def test_a_link_on_which_nobody_answers_is_told_with_all_of_its_devices(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "inviseobox")

    async def scenario() -> None:
        bench = Bench({1: [0], 2: [0]})
        async with bench.listening():
            devices = (modbus_device(bench.port, {unit: [0]}, name=f"meter {unit}") for unit in bench.units)
            async with reading(bench, *devices) as rounds:
                bench.silent = {1, 2}
                await one_round(rounds)
                bench.silent = set()
                await asyncio.sleep(60)
                await one_round(rounds)
                assert_told(caplog, events.LINK("", link=rounds.name, device="meter 1, meter 2"))

    virtual_time.run(scenario())


@pytest.mark.parametrize(("code", "kind"), [(2, events.REGISTERS), (3, events.REGISTERS), (6, events.BUSY)])
def test_refused_registers_and_a_busy_unit_are_told_apart(
    code: int, kind: "TroubleKind[Any]", caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "inviseobox")

    async def scenario() -> None:
        bench = Bench({1: [0]})

        async def refusing(asked: Asked, _: bytes) -> bytes | None:
            return bytes([asked.function | 0x80, code])

        async with bench.listening(), bench.rounds() as rounds:
            bench.fault = refusing
            await one_round(rounds)
            bench.fault = None
            await asyncio.sleep(3600)
            await one_round(rounds)
            about = {"link": rounds.name, "unit": "1", "device": "meter", "device_id": "meter"}
            about |= {"addresses": "0", "measurement": "1/0"}
            assert_told(caplog, kind("", **about))

    virtual_time.run(scenario())
