"""Scripted faults happen when they should, and all is well afterwards."""

import asyncio
import time
from pathlib import Path

import pytest

from inviseobox.simulator.modbus_reply import Reply
from inviseobox.simulator.scenario import Scenario, Step, a_bad_day
from inviseobox.simulator.site import Site

READ = bytes.fromhex("03 00CC 0002")


def test_steps_of_a_scenario_happen_in_the_order_of_their_times() -> None:
    happened: list[tuple[str, float]] = []
    began = time.monotonic()

    def step(at: float, text: str) -> Step:
        async def act(site: Site) -> None:
            happened.append((text, time.monotonic() - began))

        return Step(at, text, act)

    scenario = Scenario([step(4, "last"), step(0, "first"), step(2, "second")]).stretched(0.2)
    assert scenario.duration == pytest.approx(0.2)
    told: list[str] = []
    asyncio.run(scenario.play(Site(), lambda done: told.append(done.text)))
    assert told == [text for text, _ in happened] == ["first", "second", "last"]
    assert [at >= due for (_, at), due in zip(happened, (0, 0.1, 0.2), strict=True)] == [True] * 3


def test_a_bad_day_ends_well(tmp_path: Path) -> None:
    async def play() -> None:
        async with Site(rtu=True, serial_directory=tmp_path) as site:
            port = site.gateway.listener.port
            was_gone: list[bool] = []
            was_silent: list[bool] = []

            def tell(step: Step) -> None:
                was_gone.append(not site.bus.path.exists())
                was_silent.append(not site.gateway.units.replies(2, READ))

            scenario = a_bad_day().stretched(0.5)
            await scenario.play(site, tell)
            assert True in was_gone
            assert True in was_silent
            assert site.bus.path.exists()
            assert site.gateway.listener.port == port
            _, writer = await asyncio.open_connection(site.gateway.listener.host, port)
            writer.close()
            for units, unit in ((site.gateway.units, 3), (site.bus.units, 1), (site.serial_server.units, 11)):
                (reply,) = units.replies(unit, READ)
                assert reply == Reply(unit, reply.pdu)

    asyncio.run(play())


def test_every_step_of_a_bad_day_is_one_line_and_different() -> None:
    texts = [step.text for step in a_bad_day().steps]
    assert len(set(texts)) == len(texts)
    assert all("\n" not in text and len(text) < 80 for text in texts)
