"""Hosts that hang, beside hosts that answer: the good ones are read in every round."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import pytest

from inviseobox.acquisition import web_poller
from inviseobox.acquisition.web_poller import WebPoller
from inviseobox.configuration import HttpSettings
from inviseobox.devices.link_content import by_link
from inviseobox.health.health import Health
from inviseobox.network import openings
from inviseobox.network.http_client import HttpClient, tls_context
from inviseobox.network.http_connections import HttpConnections
from inviseobox.network.name_lookup import NameLookups
from inviseobox.network.openings import Openings
from inviseobox.records import Reading
from tests.support import virtual_time
from tests.support.entries import listed, web_device
from tests.support.leftovers import black_hole, held, never_reading
from tests.support.virtual_time import until

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n" + b'{"temp1": 21}'


@asynccontextmanager
async def good_port() -> AsyncIterator[int]:
    """Yield a port at which each address of this machine answers well."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(GOOD)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, sock=socket.create_server(("", 0), backlog=1000))
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0.05)


@contextmanager
def hung_hosts(each: int) -> Iterator[list[str]]:
    """Yield the addresses of hosts: so many that hang in the connection, in the handshake, and in the answer."""
    with black_hole() as full, never_reading() as mute:
        yield [
            url
            for number in range(1, each + 1)
            for url in (
                f"http://127.1.0.{number}:{full}/",
                f"https://127.1.1.{number}:{mute}/",
                f"http://127.1.2.{number}:{mute}/",
            )
        ]


@dataclass
class Site:
    """A poller for each host, and what they read."""

    client: HttpClient
    settings: HttpSettings
    health: Health = field(default_factory=Health)
    good: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    pollers: list[WebPoller] = field(default_factory=list)

    def add(self, urls: Sequence[str]) -> None:
        entries = [web_device(url, ["temp1"], name=url) for url in urls]
        for content in by_link(listed(*entries)):
            self.pollers.append(WebPoller(self.client, content, self.settings, self.sink, self.health))

    def sink(self, readings: Sequence[Reading]) -> None:
        for one in readings:
            (self.failed if one.value is None else self.good)[one.series.measurement.removesuffix("/temp1")] += 1

    async def round(self, period: float) -> None:
        """Read everything once, side by side."""
        start = asyncio.get_running_loop().time() + period

        async def one(poller: WebPoller) -> None:
            await poller.poll_once(start)
            # Its loop would make the next promise.
            self.health.heartbeats.forget(poller.name)

        await asyncio.gather(*map(one, self.pollers))


@asynccontextmanager
async def site(timeout: float, turns: Openings | None = None) -> AsyncIterator[Site]:
    client = HttpClient(HttpConnections(tls_context(None, verify=False), NameLookups(), turns), headers={})
    made = Site(client, HttpSettings(timeout=timeout))
    try:
        yield made
    finally:
        for poller in made.pollers:
            await poller.close()
        await client.close()


@pytest.mark.parametrize("turns", [None, (32, 8)], ids=["as they are", "few turns"])
def test_hung_hosts_do_not_keep_good_ones_from_being_read(turns: tuple[int, int] | None) -> None:
    rounds = 3

    async def scenario() -> None:
        before = held()
        with hung_hosts(40) as hung:
            async with good_port() as port, site(0.2, Openings(*turns) if turns else None) as one:
                good = [f"http://127.2.0.{number}:{port}/" for number in range(1, 31)]
                one.add([*hung, *good])
                for number in range(1, rounds + 1):
                    await one.round(3)
                    assert one.good == dict.fromkeys(good, number)
                    assert one.failed == dict.fromkeys(hung, number)
                assert one.health.heartbeats.overdue() == []
        await until(lambda: all(now <= then for now, then in zip(held(), before, strict=True)), 2)

    virtual_time.run(scenario())


def test_four_silent_https_sensors_and_a_good_one() -> None:
    async def scenario() -> None:
        with never_reading() as mute:
            async with good_port() as port, site(0.1) as one:
                good = f"http://127.0.0.1:{port}/"
                one.add([good, *(f"https://127.1.0.{number}:{mute}/" for number in range(1, 5))])
                for number in range(1, 21):
                    await one.round(0.2)
                    assert one.good == {good: number}

    virtual_time.run(scenario())


def test_who_waits_for_a_turn_has_all_its_time_and_keeps_its_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    """One turn for twelve hosts that hang in the connection, and one that is good and came last."""
    monkeypatch.setattr(web_poller, "MARGIN", 1.0)
    monkeypatch.setattr(openings, "_SIGN_PERIOD", 0.1)
    overdue: list[str] = []

    async def watch(health: Health) -> None:
        while True:
            overdue.extend(health.heartbeats.overdue())
            await asyncio.sleep(0.02)

    async def scenario() -> None:
        with black_hole() as full:
            async with good_port() as port, site(0.25, Openings(1, 1)) as one:
                good = f"http://127.0.0.1:{port}/"
                hung = [f"http://127.1.0.{number}:{full}/" for number in range(1, 13)]
                one.add([*hung, good])
                watching = asyncio.ensure_future(watch(one.health))
                began = asyncio.get_running_loop().time()
                await one.round(100)
                took = asyncio.get_running_loop().time() - began
                watching.cancel()
                assert one.good == {good: 1}
                assert one.failed == dict.fromkeys(hung, 1)
                # Each had its whole time, one after the other; a promise of 1.25 s had to be renewed meanwhile.
                assert took > 0.9 * 12 * 0.25

    virtual_time.run(scenario())
    assert overdue == []


def test_a_wait_for_a_turn_takes_no_work() -> None:
    """Long past its time-out, whoever waits looks once a second, not all the time."""

    async def scenario() -> None:
        with black_hole() as full:
            async with site(1.0, Openings(1, 1)) as one:
                one.add([f"http://127.1.0.{number}:{full}/" for number in (1, 2, 3)])
                loop, passes = asyncio.get_running_loop(), 0
                original = loop._run_once  # type: ignore[attr-defined]

                def counted() -> None:
                    nonlocal passes
                    passes += 1
                    original()

                loop._run_once = counted  # type: ignore[attr-defined]
                await one.round(100)
                assert passes < 200

    virtual_time.run(scenario())
