"""A day of what comes and goes: the journal says that it does, falls silent, and says in the end how things stand."""

import asyncio
import json
import logging
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from inviseobox import events
from inviseobox.acquisition.polling import Poller
from inviseobox.acquisition.web_poller import WebPoller
from inviseobox.configuration import HttpSettings
from inviseobox.devices.link_content import by_link
from inviseobox.health.health import Health
from inviseobox.health.steadiness import MOST_CHANGES
from inviseobox.simulator.http_server import Request, Response
from tests.support import virtual_time
from tests.support.entries import listed, web_device

from .benches import SETTINGS, Bench
from .frames import Asked
from .pages import page

pytestmark = pytest.mark.timeout(240)

DAY = 86_400
FLOAT = {"count": 2, "value_class": "FLOAT32"}
GOOD, NAN = (struct.pack(">f", value) for value in (21.5, float("nan")))
EVENT_NAMES = {event.id: name for name, event in vars(events).items() if isinstance(event, events.Event)}


Turn = Callable[[int], None]
"""Called before each round, with its number."""


@dataclass(frozen=True)
class Day:
    """What the journal said in a day by the names of its events, its rounds, and what is wrong at its end."""

    lines: list[str]
    rounds: int
    troubles: list[str]


@pytest.fixture(autouse=True)
def _lines_that_tell_good_news_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "inviseobox")


async def one_day(poller: Poller, health: Health, period: float, turn: Turn, log: pytest.LogCaptureFixture) -> Day:
    """Poll for a day as the loop of a link does, and look through the troubles as the daemon does."""
    loop = asyncio.get_running_loop()
    end = loop.time() + DAY
    rounds = 0
    while (start := loop.time()) < end:
        turn(rounds)
        await poller.poll_once(start + period)
        rounds += 1
        health.troubles.settle()
        await asyncio.sleep(max(0.0, start + period - loop.time()))
    lines = [EVENT_NAMES[vars(record)["MESSAGE_ID"]] for record in log.records]
    return Day(lines, rounds, [trouble.kind.name for trouble in health.troubles.current()])


def day_of_a_meter(bench: Bench, turn: Turn, log: pytest.LogCaptureFixture, **parameters: Any) -> Day:
    async def scenario() -> Day:
        async with bench.listening(), bench.rounds(**parameters) as poller:
            return await one_day(poller, bench.health, SETTINGS.period, turn, log)

    day = virtual_time.run(scenario())
    assert day.rounds > 0.8 * DAY / SETTINGS.period
    return day


def test_a_register_that_is_nan_all_day_takes_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """Alone in its request: that it is answered and that its value cannot be used are two things."""

    async def nan(asked: Asked, _: bytes) -> bytes:
        return bytes([asked.function, 4]) + NAN

    day = day_of_a_meter(Bench({1: [0]}, fault=nan), lambda number: None, caplog, **FLOAT)
    assert day.lines == ["VALUE_UNUSABLE"]
    assert day.troubles == ["value"]


def test_a_register_that_is_nan_in_every_other_round_is_told_to_come_and_go(caplog: pytest.LogCaptureFixture) -> None:
    values = {0: GOOD}

    async def flipping(asked: Asked, _: bytes) -> bytes:
        return bytes([asked.function, 4]) + values[0]

    def turn(number: int) -> None:
        values[0] = NAN if number % 2 else GOOD

    day = day_of_a_meter(Bench({1: [0]}, fault=flipping), turn, caplog, **FLOAT)
    assert day.lines == [*["VALUE_UNUSABLE", "VALUE_USABLE"] * 2, "UNSTEADY"]
    assert len(day.lines) == MOST_CHANGES


def test_a_unit_that_is_silent_in_every_other_round_is_told_to_come_and_go(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench({1: [0]})

    def turn(number: int) -> None:
        bench.silent = {1} if number % 2 else set()

    day = day_of_a_meter(bench, turn, caplog)
    assert day.lines == [*["DEVICE_SILENT", "DEVICE_BACK"] * 2, "UNSTEADY"]


def test_a_unit_that_comes_and_goes_and_then_dies_is_told_to_be_dead(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench({1: [0], 2: [0]})

    def turn(number: int) -> None:
        bench.silent = {1} if number % 2 or number > 2000 else set()

    day = day_of_a_meter(bench, turn, caplog)
    assert day.lines == [*["DEVICE_SILENT", "DEVICE_BACK"] * 2, "UNSTEADY", "DEVICE_SILENT"]
    assert day.troubles == ["device"]


def test_a_unit_that_comes_and_goes_and_then_stays_is_told_to_answer(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench({1: [0]})

    def turn(number: int) -> None:
        bench.silent = {1} if number % 2 and number < 2000 else set()

    day = day_of_a_meter(bench, turn, caplog)
    assert day.lines == [*["DEVICE_SILENT", "DEVICE_BACK"] * 2, "UNSTEADY", "DEVICE_BACK"]
    assert day.troubles == []


def test_a_page_that_fails_every_other_time_is_told_to_come_and_go(caplog: pytest.LogCaptureFixture) -> None:
    status = {0: 200}

    def handler(request: Request) -> Response:
        return Response(status[0], {}, json.dumps({"temp1": 21.5}).encode())

    def turn(number: int) -> None:
        status[0] = 503 if number % 2 else 200

    async def scenario() -> Day:
        health = Health()
        async with page(handler) as (client, origin):
            (content,) = by_link(listed(web_device(f"{origin}/", ["temp1"])))
            poller = WebPoller(client, content, HttpSettings(), lambda readings: None, health)
            return await one_day(poller, health, HttpSettings().period, turn, caplog)

    day = virtual_time.run(scenario())
    assert day.rounds == DAY / HttpSettings().period
    assert day.lines == [*["PAGE_UNREADABLE", "PAGE_READ"] * 2, "UNSTEADY"]
