"""A rejected value that meets trouble when it is offered again waits for its day, and keeps no other from its own."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from inviseobox.simulator.central_server import CentralServer, Outcome
from inviseobox.simulator.http_server import Connection, Request, Response, never, reset

from .deliveries import HOUR, delivering, rejected, windows_go_on
from .uplinks import Box, Seen, answer, known, told, window

DAY = 24 * HOUR
TROUBLE = {
    "503": answer(503),
    "429, later": answer(429, b"", Retry_After="60"),
    "a login page": answer(200, b"<html>"),
    "a reset": Outcome(Response(200, {}, b"OK", reset)),
    "silence": Outcome(Response(200, {}, b"OK", never)),
}
BAD = ("sensor/m6", "sensor/m5")


class Moody:
    """A server that answers each bad value with an outcome of its own, to take with None, and counts how often."""

    def __init__(self) -> None:
        """Refuse them all."""
        self.outcomes: dict[str, Outcome | None] = dict.fromkeys(BAD, answer(400, b"no such"))
        self.seen = Seen(outcome=self._answer)

    def _answer(self, number: int, request: Request) -> Outcome | None:
        names = [field["measurement"] for field in told(request)]
        return next((self.outcomes[name] for name in names if name in BAD), None)

    def offers(self, name: str) -> list[float]:
        """Return when a value was sent alone."""
        alone = zip(self.seen.at, self.seen.measurements(), strict=True)
        return [at for at, names in alone if names == [name]]


async def two_set_aside(one: Box, server: CentralServer, path: Path) -> Moody:
    """Let a server refuse two values until both are set aside."""
    moody = Moody()
    server.script("fields", moody.seen)
    await window(one, 0, map(known, ("m0", "m5", "m6")))
    one.start()
    await windows_go_on(one, 1, 6)
    assert sorted(name for (name,), _ in rejected(path)) == sorted(BAD)
    return moody


@pytest.mark.parametrize("outcome", TROUBLE.values(), ids=TROUBLE)
def test_one_that_meets_trouble_is_offered_once_a_day_and_the_other_on_its_day(
    tmp_path: Path, outcome: Outcome
) -> None:
    async def scenario(one: Box, server: CentralServer) -> None:
        moody = await two_set_aside(one, server, tmp_path / "data.db")
        bad, good = (name for (name,), _ in rejected(tmp_path / "data.db"))
        before = len(moody.offers(bad))
        moody.outcomes = {bad: outcome, good: None}
        await asyncio.sleep(4 * DAY)
        assert [name for (name,), _ in rejected(tmp_path / "data.db")] == [bad]
        offers = moody.offers(bad)[before:]
        assert 3 <= len(offers) <= 4
        assert all(DAY - 60 <= pause <= DAY + 2 * HOUR for pause in map(_between, pairwise(offers)))
        moody.outcomes = dict.fromkeys(BAD)
        await asyncio.sleep(DAY + 2 * HOUR)
        assert rejected(tmp_path / "data.db") == [], "trouble does not count as one of its offers"

    delivering(tmp_path, scenario)


def _between(two: tuple[float, float]) -> float:
    return two[1] - two[0]


def test_a_server_that_asks_to_wait_is_offered_nothing_before(tmp_path: Path) -> None:
    async def scenario(one: Box, server: CentralServer) -> None:
        moody = await two_set_aside(one, server, tmp_path / "data.db")
        before = {name: len(moody.offers(name)) for name in BAD}
        moody.outcomes = dict.fromkeys(BAD, answer(429, b"", Retry_After="3000"))
        await asyncio.sleep(2 * DAY)
        offers = sorted(at for name in BAD for at in moody.offers(name)[before[name] :])
        assert len(offers) >= 2
        assert all(later - earlier >= 3000 for earlier, later in pairwise(offers))

    delivering(tmp_path, scenario)


def test_a_box_that_is_stopped_in_an_offer_has_made_it(tmp_path: Path) -> None:
    """After the start it waits for its day."""
    offered = asyncio.Event()

    async def silent(connection: Connection, head: bytes, body: bytes) -> None:
        offered.set()
        await never(connection, head, body)

    async def scenario(one: Box, server: CentralServer) -> None:
        moody = await two_set_aside(one, server, tmp_path / "data.db")
        before = {name: len(moody.offers(name)) for name in BAD}
        moody.outcomes = dict.fromkeys(BAD, Outcome(Response(200, {}, b"OK", silent)))
        await asyncio.wait_for(offered.wait(), 2 * DAY)
        (first,) = (name for name in BAD if len(moody.offers(name)) > before[name])
        await one.stop()
        one.start()
        await asyncio.sleep(12 * HOUR)
        assert len(moody.offers(first)) == before[first] + 1

    delivering(tmp_path, scenario)
