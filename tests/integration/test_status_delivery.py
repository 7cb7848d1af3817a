"""The status of the devices goes before the values, and never in their way."""

import asyncio
from pathlib import Path

import pytest

from inviseobox.records import Reading
from inviseobox.simulator.central_server import CentralServer, Outcome
from inviseobox.simulator.http_server import Connection, Response, dripping, never, reset, whole
from tests.support.buffers import dating, stamp
from tests.support.entries import web_device
from tests.support.virtual_time import until

from .deliveries import HOUR, delivering
from .minutes import MINUTE, START
from .uplinks import Box, Seen, answer, known, window


def test_the_status_goes_before_the_values(tmp_path: Path) -> None:
    async def scenario(one: Box, server: CentralServer) -> None:
        one.start()
        for number in range(3):
            end = await window(one, number, [known("m0")])
            await until(lambda end=end: end in server.window_ends(), within=10)  # type: ignore[misc]
            await asyncio.sleep(1)
        posts = [exchange.path for exchange in server.exchanges if exchange.method == "POST"]
        assert posts == ["/api/devices/status", "/api/fields/"] * 3

    delivering(tmp_path, scenario)


def test_the_status_of_a_window_that_closes_during_a_long_delivery_goes_first_too(tmp_path: Path) -> None:
    async def slowly(connection: Connection, head: bytes, body: bytes) -> None:
        await asyncio.sleep(1)
        await whole(connection, head, body)

    async def scenario(one: Box, server: CentralServer) -> None:
        server.script("fields", lambda request: Outcome(Response(200, {}, b"OK", slowly), stores=True))
        for number in range(60):
            await window(one, number, [known("m0")])
        one.start()
        await until(lambda: len(server.received) > 5, within=30)
        statuses = len(server.statuses)
        await window(one, 60, [known("m0")])
        await until(lambda: len(server.statuses) > statuses, within=5)

    delivering(tmp_path, scenario)


STATUS_TROUBLE = {
    "500": answer(500),
    "401": answer(401),
    "404": answer(404),
    "400": answer(400, b"no"),
    "413": answer(413),
    "a login page": answer(200, b"<html>"),
    "a reset": Outcome(Response(200, {}, b"OK", reset)),
    "silence": Outcome(Response(200, {}, b"OK", never)),
}


@pytest.mark.parametrize("outcome", STATUS_TROUBLE.values(), ids=STATUS_TROUBLE)
def test_a_status_that_does_not_arrive_never_delays_the_values(tmp_path: Path, outcome: Outcome) -> None:
    async def scenario(one: Box, server: CentralServer) -> None:
        loop = asyncio.get_running_loop()
        server.script("status", Seen(outcome=lambda number, request: outcome))
        one.start()
        for number in range(3):
            began = loop.time()
            end = await window(one, number, [known("m0")])
            await until(lambda end=end: end in server.window_ends(), within=HOUR)  # type: ignore[misc]
            assert loop.time() - began < 10
            await asyncio.sleep(600)

    delivering(tmp_path, scenario)


@pytest.mark.parametrize("name", ["500", "401", "a login page", "a reset"])
def test_a_status_that_met_trouble_is_sent_again(tmp_path: Path, name: str) -> None:
    """It is the newest news of the devices until the next window, which may be a day away."""

    async def scenario(one: Box, server: CentralServer) -> None:
        seen = Seen(outcome=lambda number, request: STATUS_TROUBLE[name] if number == 1 else None)
        server.script("status", seen)
        await window(one, 0, [known("m0")])
        one.start()
        await until(lambda: len(server.statuses) == 1, within=HOUR)
        assert seen.requests[0].body == seen.requests[1].body

    delivering(tmp_path, scenario)


async def _late(connection: Connection, head: bytes, body: bytes) -> None:
    await asyncio.sleep(7)
    await whole(connection, head, body)


def test_a_late_status_is_not_given_up_for_a_window_that_has_been_sent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Over a slow uplink, while what waits is sent: it takes longer than values wait for it, so it comes after them."""

    async def scenario(one: Box, server: CentralServer) -> None:
        statuses = Seen(outcome=lambda number, request: Outcome(Response(200, {}, b"OK", _late), stores=True))
        server.script("status", statuses)
        server.script("fields", lambda request: Outcome(Response(200, {}, b"OK", _late), stores=True))
        for number in range(10):
            await window(one, number, [known("m0")])
        one.start()
        await until(lambda: len(server.received) > 5, within=120)
        await window(one, 10, [known("m0")])
        await asyncio.sleep(300)
        assert len(server.window_ends()) == 11
        before, late = statuses.requests[-2:]
        assert before.body == late.body
        assert len(statuses.requests) == 3, "the first window's, and twice the last one's"
        assert await one.buffer.next_status() is None

    with caplog.at_level("INFO", logger="inviseobox"):
        delivering(tmp_path, scenario)
    assert [record.getMessage() for record in caplog.records] == []


def test_a_late_status_gives_way_to_a_window_that_is_sealed(tmp_path: Path) -> None:
    async def scenario(one: Box, server: CentralServer) -> None:
        statuses = Seen(outcome=lambda number, request: Outcome(Response(200, {}, b" " * 100, dripping(10))))
        server.script("status", statuses)
        await window(one, 0, [known("m0")])
        one.start()
        await until(lambda: len(statuses.requests) == 2, within=60)
        await asyncio.sleep(60)
        end = await window(one, 1, [known("m0")])
        await until(lambda: end in server.window_ends(), within=10)

    delivering(tmp_path, scenario)


@pytest.mark.parametrize("limit", [100_000, 10_000, 300])
def test_a_device_of_very_many_measurements_is_told_in_parts(tmp_path: Path, limit: int) -> None:
    wanted = [f"m{number}" for number in range(3000 if limit > 300 else 40)]

    async def scenario(one: Box, server: CentralServer) -> None:
        server.devices = [web_device("http://192.0.2.34/", wanted)]
        server.max_body = limit
        one.start()
        await window(one, 0, map(known, wanted))
        await until(lambda: len(told_of(server)) >= len(wanted), within=HOUR)
        assert sorted(told_of(server)) == sorted(f"sensor/{name}" for name in wanted)
        await asyncio.sleep(HOUR)
        assert len(told_of(server)) == len(wanted), "nothing is told twice"
        if limit == 100_000:
            assert [exchange for exchange in server.exchanges if exchange.status == 413] == []

    delivering(tmp_path, scenario)


def told_of(server: CentralServer) -> list[str]:
    return [inner["_id"] for status in server.statuses for device in status.devices for inner in device["measurements"]]


def test_a_status_that_did_not_arrive_does_not_hold_back_the_next_one(tmp_path: Path) -> None:
    async def scenario(one: Box, server: CentralServer) -> None:
        server.script("status", lambda request: answer(500))
        one.start()
        for number in range(3):
            await asyncio.sleep(30)
            before = len(server.exchanges)
            await window(one, number, [known("m0")])
            await until(lambda number=number: len(server.window_ends()) > number, within=10)  # type: ignore[misc]
            posts = [exchange.path for exchange in server.exchanges[before:] if exchange.method == "POST"]
            assert posts[0] == "/api/devices/status", posts

    delivering(tmp_path, scenario)


def test_an_accepted_status_ends_the_trouble_with_the_server(tmp_path: Path) -> None:
    """Where all meters are dead, only states are sent."""

    async def scenario(one: Box, server: CentralServer) -> None:
        server.script("status", Seen(outcome=lambda number, request: answer(503) if number <= 3 else None))
        one.start()
        now = START
        one.buffer.record(stamp(now), MINUTE, [Reading(known("m0"), None)])
        await one.buffer.seal(dating(now + MINUTE))
        await until(lambda: bool(one.health.troubles.current()), within=60)
        await until(lambda: not one.health.troubles.current(), within=600)
        assert len(server.statuses) == 1

    delivering(tmp_path, scenario)
