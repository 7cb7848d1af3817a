"""Rounds over the pages of one host: one reading of each measurement, whatever a page says."""

import asyncio
import json
import logging
from collections import Counter

import pytest

from inviseobox import events
from inviseobox.acquisition.web_poller import WebPoller
from inviseobox.configuration import HttpSettings
from inviseobox.devices.link_content import by_link
from inviseobox.health.health import Health
from inviseobox.records import Reading
from inviseobox.simulator.http_server import Request, Response
from tests.support.entries import listed, web_device

from .pages import BODIES, LOCATIONS, page

PAGE = {
    "good": 21.5,
    "text": "63.5",
    "true": True,
    "n/a": "n/a",
    "comma": "21,5",
    "null": None,
    "object": {"value": 1},
    "list": [1],
    "not a number": "NaN",
    "infinite": "1e999",
    "empty": "",
    "nested": {"a": [1, 2.5], "b.c": 7},
    "nested.b": 4,
}


VALUES = {
    "good": 21.5,
    "text": 63.5,
    "true": 1.0,
    "nested.a.1": 2.5,
    "nested.b": 4.0,
}


FAILURES = ["n/a", "comma", "null", "object", "list", "not a number", "infinite", "empty", "missing", "nested.a.2"]


def test_rounds_read_each_page_once_and_fail_each_value_alone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "inviseobox")
    requests: list[str] = []
    readings: list[Reading] = []

    def handler(request: Request) -> Response:
        requests.append(request.path)
        if request.path == "/gone":
            return Response(404, {}, b"Not found")
        return Response(200, {"Content-Type": "text/html"}, json.dumps(PAGE).encode())

    async def scenario() -> None:
        async with page(handler) as (client, origin):
            inventory = listed(
                web_device(f"{origin}/", list(VALUES), name="good"),
                web_device(f"{origin}/gone", ["good"], name="gone"),
                web_device(f"{origin}/", FAILURES, name="bad"),
            )
            (content,) = by_link(inventory)
            rounds = WebPoller(client, content, HttpSettings(), readings.extend, Health())
            for _ in range(2):
                readings.clear()
                requests.clear()
                await rounds.poll_once(0)
                assert sorted(requests) == ["/", "/gone"]
                assert {one.series.measurement: one.value for one in readings} == {
                    **{f"good/{key}": value for key, value in VALUES.items()},
                    "gone/good": None,
                    **{f"bad/{key}": None for key in FAILURES},
                }
                assert len(readings) == len(VALUES) + 1 + len(FAILURES)
            await rounds.close()

    asyncio.run(scenario())
    assert len(caplog.records) == 1 + len(FAILURES), "one line for each, once"
    assert any("404" in line and "gone" in line for line in caplog.messages)
    told = Counter(vars(record)["MESSAGE_ID"] for record in caplog.records)
    assert told == {events.PAGE_UNREADABLE.id: 1, events.PAGE_VALUE_UNUSABLE.id: len(FAILURES)}
    assert {vars(record)["INVISEOBOX_DEVICE"] for record in caplog.records} == {"gone", "bad"}


def test_rounds_survive_every_page() -> None:
    """Whatever a page says, a round ends with a reading of each measurement."""
    answers = [Response(200, {}, body) for body in BODIES.values()] + [
        Response(302, {"Location": location.encode().decode("latin-1")}) for location in LOCATIONS
    ]
    readings: list[Reading] = []

    async def scenario() -> None:
        waiting = iter(answers)
        async with page(lambda request: next(waiting)) as (client, origin):
            (content,) = by_link(listed(web_device(f"{origin}/", ["temp1"])))
            rounds = WebPoller(client, content, HttpSettings(timeout=2), readings.extend, Health())
            for number in range(len(answers)):
                await rounds.poll_once(0)
                assert len(readings) == number + 1
            await rounds.close()

    asyncio.run(scenario())
    assert all(reading.value is None for reading in readings)
