"""Links that are dead, beside links that live: however many there are, the living ones do not notice."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import pairwise

import pytest

from inviseobox.acquisition.modbus_link import ModbusLink
from inviseobox.acquisition.modbus_poller import ModbusPoller
from inviseobox.acquisition.polling import Outcome
from inviseobox.acquisition.unit_memory import UnitMemory
from inviseobox.devices.link_content import by_link
from inviseobox.devices.links import Framing, TcpLink
from inviseobox.health.health import Health
from inviseobox.network import openings
from inviseobox.network.name_lookup import NameLookups
from inviseobox.network.openings import Openings
from inviseobox.records import Reading
from tests.support import virtual_time
from tests.support.entries import listed, modbus_device
from tests.support.leftovers import black_hole, held

from .benches import SETTINGS, Bench, ignored
from .wires import Box

_DEAD = 40


def _poller(host: str, port: int, turns: Openings, health: Health, taken: "Counter[tuple[str, bool]]") -> ModbusPoller:
    (content,) = by_link(listed(modbus_device(port, {1: [0]})))
    link = ModbusLink(TcpLink(host, port, Framing.TCP), SETTINGS.timeout, NameLookups(), turns)

    def sink(readings: Sequence[Reading]) -> None:
        taken.update((host, one.value is not None) for one in readings)

    return ModbusPoller(link, content, SETTINGS, sink, health, UnitMemory(ignored))


def test_few_dead_links_are_opened_at_the_same_time_and_living_ones_are_read_in_every_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(openings, "_SIGN_PERIOD", 1.0)
    turns, health, taken = Openings(60, 4), Health(), Counter[tuple[str, bool]]()
    most = 0
    overdue: list[str] = []

    async def watch(before: int) -> None:
        nonlocal most
        while True:
            most = max(most, held()[0] - before)
            overdue.extend(health.heartbeats.overdue())
            await asyncio.sleep(0.1)

    async def scenario() -> None:
        bench = Bench({1: [0]})
        with black_hole() as full:
            async with bench.listening(), AsyncExitStack() as stack:
                dead = [_poller(f"127.1.0.{n}", full, turns, health, taken) for n in range(1, _DEAD + 1)]
                living = _poller("127.0.0.1", bench.port, turns, health, taken)
                for poller in (*dead, living):
                    stack.push_async_callback(poller.close)
                loop = asyncio.get_running_loop()

                async def one_round() -> list[Outcome]:
                    return await asyncio.gather(*(poller.poll_once(loop.time() + 10) for poller in dead))

                # What was never down is met without waiting.
                assert set(await one_round()) == {Outcome.DOWN}
                watching = asyncio.ensure_future(watch(held()[0]))
                began = loop.time()
                rounds = asyncio.ensure_future(one_round())
                for _ in range(3):
                    await living.poll_once(loop.time() + 10)
                assert loop.time() - began < 1.0
                assert taken["127.0.0.1", True] == 3
                # Meanwhile nothing else of them goes before the round that waits.
                assert not await dead[-1].reopen()
                assert set(await rounds) == {Outcome.DOWN}
                watching.cancel()
                # Four at a time, each with its three seconds.
                assert loop.time() - began == pytest.approx(_DEAD / 4 * 3, abs=3)
                assert [taken[f"127.1.0.{n}", False] for n in range(1, _DEAD + 1)] == [2] * _DEAD

    virtual_time.run(scenario())
    assert most <= 4 + 3
    assert overdue == []


def test_a_link_that_was_dead_and_one_that_was_not_come_back() -> None:
    async def scenario() -> None:
        bench, turns, taken = Bench({1: [0]}), Openings(1, 1), Counter[tuple[str, bool]]()
        async with bench.listening():
            pass
        poller = _poller("127.0.0.1", bench.port, turns, Health(), taken)
        loop = asyncio.get_running_loop()
        assert await poller.poll_once(loop.time() + 10) is Outcome.DOWN
        async with bench.listening():
            assert await poller.reopen()
            assert await poller.poll_once(loop.time() + 10) is Outcome.READ
            await poller.close()
        assert taken == {("127.0.0.1", False): 1, ("127.0.0.1", True): 1}

    virtual_time.run(scenario())


def test_of_thousands_of_links_a_few_begin_at_once_and_all_do() -> None:
    """What else runs has its turn between them: without one for half a minute, the watchdog would end the process."""
    count = 1000
    devices = [modbus_device(port, {1: [0]}, name=str(port)) for port in range(1, count + 1)]
    for number, device in enumerate(devices):
        device["measurements"][0]["_id"] = str(number)

    def links() -> int:
        return sum(task.get_name().startswith("link ") for task in asyncio.all_tasks())

    async def scenario() -> None:
        begun = [0]

        async def watch() -> None:
            while True:
                begun.append(links())
                await asyncio.sleep(0)

        watching = asyncio.ensure_future(watch())
        async with Box().polling(*devices):
            watching.cancel()
            begun.append(links())
            assert begun[-1] == count
        assert max(after - before for before, after in pairwise(begun)) < count / 4

    asyncio.run(scenario())
