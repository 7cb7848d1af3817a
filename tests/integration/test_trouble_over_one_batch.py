"""A server that hangs up, falls silent or is in trouble over one batch, and takes all others."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from inviseobox.simulator.central_server import CentralServer, Outcome
from inviseobox.simulator.http_server import Connection, Request, Response, never, reset
from tests.support.buffers import series
from tests.support.virtual_time import until

from .deliveries import HOUR, delivering, rejected, windows_go_on
from .uplinks import KEYS, Box, Seen, answer, known, told, window


async def _no_http(connection: Connection, head: bytes, body: bytes) -> None:
    connection.writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    await connection.writer.drain()


TROUBLE = {
    "hangs up": (Outcome(Response(200, {}, b"OK", reset)), "the connection was closed without an answer"),
    "falls silent": (Outcome(Response(200, {}, b"OK", never)), "no complete answer within 30 s"),
    "speaks no HTTP": (
        Outcome(Response(200, {}, b"OK", _no_http)),
        "the answer is not valid HTTP: it is SSH ('SSH-2.0-OpenSSH_9.2')",
    ),
    "502": (answer(502), "it answered 502"),
}
Scenario = Callable[[Box, CentralServer], Awaitable[None]]


def over_poison(outcome: Outcome) -> Callable[[int, Request], Outcome | None]:
    """Meet every batch in which there is poison with this outcome."""
    return lambda number, request: outcome if any(field["measurement"] == "poison" for field in told(request)) else None


@pytest.mark.parametrize(("outcome", "words"), TROUBLE.values(), ids=TROUBLE)
def test_the_backlog_passes_and_only_the_bad_value_is_set_aside(tmp_path: Path, outcome: Outcome, words: str) -> None:
    async def scenario(one: Box, server: CentralServer) -> None:
        server.script("fields", Seen(outcome=over_poison(outcome)))
        ends = [await window(one, 0, [*map(known, KEYS[:5]), series("poison", device="sensor")])]
        ends += [await window(one, number, [known("m0")]) for number in range(1, 5)]
        one.start()
        await windows_go_on(one, 5, 1)
        assert set(ends[1:]) <= set(server.window_ends(["sensor/m0"])), "what is behind it waits for less than an hour"
        await windows_go_on(one, 20, 7)
        await asyncio.sleep(60)
        assert {(f"sensor/{key}", ends[0]) for key in KEYS[:5]} <= _taken(server)
        assert rejected(tmp_path / "data.db") == [(["poison"], words)]
        assert await one.buffer.backlog() == 0
        await until(lambda: one.health.troubles.current() == [], within=60)

    delivering(tmp_path, scenario, strict=False)


def _taken(server: CentralServer) -> set[tuple[str, int]]:
    return {(name, end) for name in [f"sensor/{key}" for key in KEYS[:5]] for end in server.window_ends([name])}


@pytest.mark.parametrize("outcome", [outcome for outcome, _ in TROUBLE.values()], ids=TROUBLE)
def test_one_that_is_like_that_over_everything_sets_nothing_aside(tmp_path: Path, outcome: Outcome) -> None:
    """Though it takes what is told of the devices, all the time."""

    async def scenario(one: Box, server: CentralServer) -> None:
        await window(one, 0, [known("m0")])
        one.start()
        await until(lambda: len(server.received) == 1, within=60)
        server.script("fields", Seen(outcome=lambda number, request: outcome))
        await windows_go_on(one, 1, 12)
        assert len(server.statuses) > 50
        assert rejected(tmp_path / "data.db") == []
        server.script("fields", None)
        await until(lambda: len(server.received) == 73, within=HOUR)

    delivering(tmp_path, scenario)


def test_a_server_that_is_away_again_and_again_refuses_nothing(tmp_path: Path) -> None:
    """It is back for moments, in which the device list comes: where no connection came about, no batch is to blame."""

    async def scenario(one: Box, server: CentralServer) -> None:
        await window(one, 0, map(known, KEYS))
        one.start()
        await until(lambda: len(server.received) == len(KEYS), within=60)
        await server.http.listener.stop()
        await window(one, 1, map(known, KEYS))
        for _ in range(12):
            await asyncio.sleep(600)
            one.health.note_answer("device list")
        await server.http.listener.resume()
        await until(lambda: len(server.received) == 2 * len(KEYS), within=HOUR)
        assert {len(batch.fields) for batch in server.batches} == {len(KEYS)}, "all arrives whole"
        assert rejected(tmp_path / "data.db") == []

    delivering(tmp_path, scenario)
