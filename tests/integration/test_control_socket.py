"""The control socket: what it answers, and that nobody who asks costs the others anything."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from inviseobox.control.client import ask
from inviseobox.control.protocol import END, History, Request, Status
from inviseobox.control.server import MOST_CLIENTS, PATIENCE
from inviseobox.control.writing import PIECE, pieces
from inviseobox.errors import RequestRefused
from tests.support.control import STATUS, answer, connected, flood, heard, knowing, lines, serving
from tests.support.daemons import Place
from tests.support.status_schema import assert_valid

MANY = 5000


def asked(box: Place, request: Request, count: int = 3) -> list[dict[str, Any]]:
    """Return the answer to a request of a box that knows `count` measurements, by the program's own client."""

    async def scenario() -> list[dict[str, Any]]:
        async with knowing(box.folder, count) as answers, serving(box.folder, answers) as path:
            return await asyncio.to_thread(ask, request, path, 20.0)

    return asyncio.run(scenario())


def test_a_status_is_that_of_the_status_file_line_by_line(box: Place) -> None:
    top, meter, sensor = asked(box, Status())
    assert_valid({**top, "devices": [meter, sensor]})
    assert (top["invocation_id"], top["written_at"], len(top["links"])) == ("run", 1000.0, 2)
    assert [one["value"] for one in meter["measurements"]] == [2.0, 3.0, 4.0]
    assert sensor["measurements"][0]["unit"] == "%"
    assert "unit" not in meter["measurements"][0]


def test_a_status_has_the_last_averages_of_what_is_selected(box: Place) -> None:
    _, meter = asked(box, Status(recent=True, select="METER"))
    assert [one["recent"] for one in meter["measurements"]] == [[1.0, 2.0], [2.0, 3.0], [3.0, 4.0]]
    _, sensor = asked(box, Status(recent=True, select="hygrometrie"))
    assert sensor["measurements"][0]["recent"][-2:] == [4.0, 5.0]


def test_a_history_is_told_as_it_was_delivered(box: Place) -> None:
    line = {"min": "2", "max": "2", "avg": "2", "diff": None, "status": "ok", "delivered": True}
    assert asked(box, History("1/1")) == [{"end": 60, **line}, {"end": 120, **line, "min": "3", "max": "3", "avg": "3"}]
    assert asked(box, History("1/1", since=120)) == []
    assert asked(box, History("nobody's")) == []


def test_an_answer_about_many_measurements_is_made_in_small_pieces(tmp_path: Path) -> None:
    """Others have their turn after each, so it bounds how long the event loop is held up."""

    async def scenario() -> None:
        async with knowing(tmp_path, MANY, windows=3) as answers:
            for request in (Status(recent=True), Status(), Status(select="nothing of this name"), History("1/7")):
                sizes = [len(piece) async for piece in pieces(answers.to(request))]
                assert sum(sizes) > 0
                assert max(sizes) < 2 * PIECE, request

    asyncio.run(scenario())


def in_turn(box: Place, scenario: Callable[[str], None], time_limit: float = 10.0, count: int = 3) -> None:
    """Run `scenario` beside a server, in a thread of its own."""

    async def run() -> None:
        async with knowing(box.folder, count) as answers, serving(box.folder, answers, time_limit) as path:
            await asyncio.to_thread(scenario, path)

    asyncio.run(run())


RUBBISH = {
    "nothing": b"",
    "an empty line": b"\n",
    "no JSON": b"GET / HTTP/1.1\r\n\r\n",
    "no text": bytes(range(256)),
    "too long": b'{"version": 1, "ask": "status", "select": "' + b"x" * 5000 + b'"}\n',
    "nested": b"[" * 4000 + b"\n",
    "cut short": b'{"version": 1, "ask": "sta',
}


def test_rubbish_gets_one_line_and_is_hung_up_on(box: Place) -> None:
    def scenario(path: str) -> None:
        for name, rubbish in RUBBISH.items():
            with connected(path) as client:
                client.sendall(rubbish)
                client.shutdown(socket.SHUT_WR)
                (line,) = lines(heard(client))
                assert line["code"] == "request", name
        assert answer(path, b'{"version": 2, "ask": "status"}\n')[0]["code"] == "version"

    in_turn(box, scenario)


def test_a_request_may_come_in_parts_and_what_follows_it_is_not_heard(box: Place) -> None:
    def scenario(path: str) -> None:
        with connected(path) as client:
            for part in (STATUS[:5], STATUS[5:20], STATUS[20:] + STATUS):
                client.sendall(part)
            assert sum(line.get("end") is True for line in lines(heard(client))) == 1
        with connected(path) as client:
            client.sendall(STATUS.strip())
            client.shutdown(socket.SHUT_WR)
            assert heard(client).endswith(END.encode())

    in_turn(box, scenario)


def test_clients_that_say_nothing_are_hung_up_on_and_the_next_ones_get_their_turn(box: Place) -> None:
    def scenario(path: str) -> None:
        frozen = [connected(path) for _ in range(MOST_CLIENTS + 30)]
        opened_ones = [client.__enter__() for client in frozen]
        assert ask(Status(), path, 20.0)
        for client, one in zip(opened_ones, frozen, strict=True):
            assert heard(client) == b""
            one.__exit__(None, None, None)

    in_turn(box, scenario, time_limit=0.3)


def test_clients_that_do_not_read_are_hung_up_on_and_the_next_ones_get_their_turn(box: Place) -> None:
    def scenario(path: str) -> None:
        frozen = [connected(path, receives=4096) for _ in range(MOST_CLIENTS)]
        for one in frozen:
            one.__enter__().sendall(STATUS)
        assert ask(Status(), path, 30.0)
        for one in frozen:
            one.__exit__(None, None, None)

    in_turn(box, scenario, time_limit=0.3, count=4000)


ANSWERED_WITHIN = 1.0
FROZEN = {
    "say nothing": b"",
    "stop in mid-request": STATUS[:10],
    "do not read": STATUS,
}


@pytest.mark.parametrize(("frozen", "how"), [*((90, how) for how in FROZEN), (MOST_CLIENTS + 30, "say nothing")])
def test_whoever_asks_is_answered_at_once_whatever_frozen_clients_do(box: Place, frozen: int, how: str) -> None:
    def scenario(path: str) -> None:
        with contextlib.ExitStack() as stack:
            for _ in range(frozen):
                stack.enter_context(connected(path, receives=4096)).sendall(FROZEN[how])
            for _ in range(10):
                began = time.monotonic()
                assert ask(Status(select="no device of this name"), path, 20.0)
                assert time.monotonic() - began < ANSWERED_WITHIN

    in_turn(box, scenario, count=4000)


def test_who_is_slow_is_not_hung_up_on_while_nobody_waits(box: Place) -> None:
    def scenario(path: str) -> None:
        with contextlib.ExitStack() as stack:
            slow = [stack.enter_context(connected(path)) for _ in range(MOST_CLIENTS - 1)]
            # Others come and go, and find room; it takes longer than PATIENCE.
            until = time.monotonic() + 2 * PATIENCE
            while time.monotonic() < until:
                assert ask(Status(), path, 20.0)
            for client in slow:
                client.sendall(STATUS)
                assert heard(client).endswith(END.encode())

    in_turn(box, scenario)


def test_a_crowd_that_asks_properly_is_answered_in_whole(box: Place) -> None:
    def scenario(path: str) -> None:
        # Those beyond wait in the kernel.
        with ThreadPoolExecutor(MOST_CLIENTS + 30) as crowd:
            asked = [crowd.submit(ask, Status(), path, 60.0) for _ in range(MOST_CLIENTS + 30)]
            assert {len(one.result()) for one in asked} == {3}

    in_turn(box, scenario, count=500)


def test_a_client_that_goes_away_in_mid_answer_is_forgotten(box: Place) -> None:
    def scenario(path: str) -> None:
        for _ in range(3 * MOST_CLIENTS):
            with connected(path) as client:
                client.sendall(STATUS)
                client.recv(10)
        assert ask(Status(), path, 20.0)

    in_turn(box, scenario, count=2000)


def test_a_gigabyte_is_cut_off_at_the_length_of_a_request(box: Place) -> None:
    def scenario(path: str) -> None:
        # What the kernel holds for a client is all that it can get rid of.
        assert flood(path, 1_000_000_000) < 2_000_000
        assert ask(Status(), path, 20.0)

    in_turn(box, scenario)


def test_a_database_that_cannot_be_read_ends_the_answer_with_an_error(box: Place) -> None:
    async def scenario() -> None:
        async with knowing(box.folder, 3) as answers, serving(box.folder, answers) as path:
            buffer = answers._buffer
            await buffer._run(buffer._database.run, "ALTER TABLE history RENAME TO hidden")
            with pytest.raises(RequestRefused, match="cannot be read") as refused:
                await asyncio.to_thread(ask, Status(recent=True), path, 20.0)
            assert refused.value.code == "buffer"
            # What needs no database is told all the same.
            assert await asyncio.to_thread(ask, Status(), path, 20.0)
            await buffer._run(buffer._database.run, "ALTER TABLE hidden RENAME TO history")

    asyncio.run(scenario())
