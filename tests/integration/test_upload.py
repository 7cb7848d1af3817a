"""What waits in the buffer reaches the server: all of it, once in content, whatever the server answers."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from inviseobox import events
from inviseobox.simulator.central_server import CentralServer, Outcome
from inviseobox.simulator.http_server import Request, Response, never, reset
from tests.support.virtual_time import until

from .deliveries import HOUR, delivering, rejected
from .uplinks import KEYS, Box, Seen, answer, known, window


def trouble(number: int) -> Callable[[int, Request], Outcome | None]:
    """Answer each of the first requests with one kind of trouble."""
    kinds = [
        answer(502, b"<html>Bad Gateway</html>"),
        answer(503),
        answer(408),
        answer(429),
        answer(200, b"<!DOCTYPE html><html>Please log in</html>", Content_Type="application/json"),
        answer(200, b"\xef\xbb\xbf\r\n\t <html>", Content_Type="text/plain"),
        answer(302, b"", Location="http://192.0.2.1/login"),
        answer(307, b"", Location="/api/fields/"),
        answer(401, b"Unauthorized"),
        answer(403),
        Outcome(Response(200, {}, b"OK", reset)),
        Outcome(Response(200, {}, b" " * 100_000)),
        Outcome(Response(200, {"Content-Encoding": "br"}, b"OK")),
        answer(500, b"", Retry_After="5"),
    ]
    return lambda count, request: kinds[number] if count <= 3 else None


@pytest.mark.parametrize("number", range(14))
def test_trouble_with_the_server_keeps_everything_and_the_same_bytes_are_sent_again(
    tmp_path: Path, number: int
) -> None:
    async def scenario(one: Box, server: CentralServer) -> None:
        seen = Seen(outcome=trouble(number))
        server.script("fields", seen)
        end = await window(one, 0, [known("m0"), known("m1")])
        one.start()
        await until(lambda: one.is_at_work() and len(seen.requests) > 3, within=2 * HOUR)
        await until(lambda: end in server.window_ends(), within=10)
        bodies = {request.body for request in seen.requests}
        keys = {request.headers.get("idempotency-key") for request in seen.requests}
        assert len(bodies) == len(keys) == 1
        assert [batch.idempotency_key for batch in server.batches] == [batch.digest for batch in server.batches]
        assert len(server.received) == 2
        await asyncio.sleep(1)
        assert await one.buffer.backlog() == 0

    delivering(tmp_path, scenario)


@pytest.mark.parametrize(
    ("status", "body", "label"),
    [
        (200, b"OK", "text/html; charset=utf-8"),
        (200, b"", "text/html"),
        (201, b'{"message":"<b>created</b>"}', "application/json"),
        (202, b"not < HTML", "text/html"),
        (204, b"", "text/plain"),
        (200, b"\xff\xfe", "application/octet-stream"),
        (200, b"x" * 1_000_000, "application/json"),
        (200, b" \n[" + b"1," * 100_000, "application/json"),
    ],
)
def test_a_2xx_is_an_acceptance_whatever_its_label(tmp_path: Path, status: int, body: bytes, label: str) -> None:
    async def scenario(one: Box, server: CentralServer) -> None:
        seen = Seen(outcome=lambda number, request: answer(status, body, Content_Type=label))
        server.script("fields", seen)
        await window(one, 0, [known("m0")])
        one.start()
        await asyncio.sleep(HOUR)
        assert len(seen.requests) == 1
        assert await one.buffer.backlog() == 0

    delivering(tmp_path, scenario)


@pytest.mark.parametrize("status", [401, 403, 500, 404])
def test_a_server_that_takes_nothing_for_hours_loses_nothing(
    tmp_path: Path, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "inviseobox")

    async def scenario(one: Box, server: CentralServer) -> None:
        seen = Seen(outcome=lambda number, request: answer(status, b"no"))
        server.script("fields", seen)
        ends = [await window(one, number, [known(key) for key in KEYS[:5]]) for number in range(3)]
        # Not before: each window brings a status, whose acceptance ends the trouble for a moment.
        one.start()
        await asyncio.sleep(6 * HOUR)
        assert one.is_at_work()
        assert max(seen.pauses) <= 301, "at most 5 minutes apart"
        assert len(seen.requests) < 1000
        assert len(caplog.records) == 1, "one line, not one for each try"
        server.script("fields", None)
        await until(lambda: server.window_ends() == ends, within=400)
        # A batch that was taken apart comes in parts.
        await until(lambda: len(server.received) == 15, within=400)
        await asyncio.sleep(1)
        assert rejected(tmp_path / "data.db") == []
        assert len(caplog.records) == 2

    delivering(tmp_path, scenario)


@pytest.mark.parametrize(
    ("asked", "at_least", "at_most"), [("17", 17, 20), ("1800", 1800, 1810), ("90000", 3600, 3610)]
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_obeyed_up_to_an_hour(
    tmp_path: Path, status: int, asked: str, at_least: float, at_most: float
) -> None:
    async def scenario(one: Box, server: CentralServer) -> None:
        seen = Seen(outcome=lambda number, request: answer(status, b"", Retry_After=asked) if number == 1 else None)
        server.script("fields", seen)
        await window(one, 0, [known("m0")])
        one.start()
        await until(lambda: len(seen.requests) == 2, within=2 * HOUR)
        assert at_least <= seen.pauses[0] <= at_most

    delivering(tmp_path, scenario)


@pytest.mark.parametrize("header", ["Wed, 21 Oct 2015 07:28:00 GMT", "-5", "soon", "1e9", "", "9" * 40])
def test_an_invalid_retry_after_does_not_stop_the_upload(tmp_path: Path, header: str) -> None:
    async def scenario(one: Box, server: CentralServer) -> None:
        seen = Seen(outcome=lambda number, request: answer(503, b"", Retry_After=header) if number == 1 else None)
        server.script("fields", seen)
        end = await window(one, 0, [known("m0")])
        one.start()
        await until(lambda: end in server.window_ends(), within=HOUR + 10)

    delivering(tmp_path, scenario)


def test_the_newest_window_is_sent_first_then_the_backlog_from_the_oldest(tmp_path: Path) -> None:
    async def scenario(one: Box, server: CentralServer) -> None:
        ends = [await window(one, number, [known("m0")]) for number in range(6)]
        one.start()
        await until(lambda: len(server.received) == 6, within=10)
        assert [field.end for field in server.received] == [ends[5], *ends[:5]]

    delivering(tmp_path, scenario)


def test_a_large_backlog_drains_as_fast_as_the_server_takes_it(tmp_path: Path) -> None:
    async def scenario(one: Box, server: CentralServer) -> None:
        loop = asyncio.get_running_loop()
        for number in range(200):
            await window(one, number, [known("m0")])
        began = loop.time()
        one.start()
        await until(lambda: len(server.received) == 200, within=60)
        assert loop.time() - began < 30

    delivering(tmp_path, scenario)


def test_the_upload_waits_for_its_turn(tmp_path: Path) -> None:
    async def scenario(one: Box, server: CentralServer) -> None:
        loop = asyncio.get_running_loop()
        one.start(offset=40)
        await asyncio.sleep(100)
        end = await window(one, 0, [known("m0")])
        began = loop.time()
        await until(lambda: end in server.window_ends(), within=100)
        assert 40 <= loop.time() - began < 45

    delivering(tmp_path, scenario)


def test_windows_sealed_before_the_start_are_sent_at_once(tmp_path: Path) -> None:
    async def scenario(one: Box, server: CentralServer) -> None:
        end = await window(one, 0, [known("m0")])
        one.start(offset=40)
        await until(lambda: end in server.window_ends(), within=5)

    delivering(tmp_path, scenario)


def test_an_upload_stopped_in_mid_request_loses_nothing(tmp_path: Path) -> None:
    async def scenario(one: Box, server: CentralServer) -> None:
        # The server takes the values, and its answer never comes.
        seen = Seen(outcome=lambda number, request: Outcome(Response(200, {}, b"OK", never), stores=True))
        server.script("fields", seen)
        end = await window(one, 0, [known("m0")])
        one.start()
        await until(lambda: len(seen.requests) == 1, within=5)
        await one.stop()
        server.script("fields", None)
        one.start()
        await until(lambda: len(server.received) == 2, within=5)
        assert server.window_ends() == [end]
        assert len({batch.digest for batch in server.batches}) == 1

    delivering(tmp_path, scenario)


def test_a_changed_cause_of_trouble_with_the_server_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Who reads that the server is down must also read that, once it is back, it refuses the token."""
    caplog.set_level(logging.INFO, "inviseobox")

    async def scenario(one: Box, server: CentralServer) -> None:
        server.script("fields", Seen(outcome=lambda number, request: answer(503 if number < 4 else 401)))
        await window(one, 0, [known("m0")])
        one.start()
        await asyncio.sleep(HOUR)
        assert any("token" in line for line in caplog.messages), caplog.messages
        told = [vars(record)["MESSAGE_ID"] for record in caplog.records]
        assert told == [events.SERVER_FAILS.id, events.TOKEN_REFUSED.id]

    delivering(tmp_path, scenario)
