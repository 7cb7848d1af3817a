"""Looking up names: in a bounded number of threads, whatever hangs."""

import asyncio
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from inviseobox.errors import LinkDown
from inviseobox.network.name_lookup import MOST_THREADS, Address, NameLookups
from tests.support.leftovers import held
from tests.support.virtual_time import until


@dataclass
class Resolver:
    """Resolves as the system does; a name under `.hung` only after `goes_on` is set."""

    goes_on: threading.Event = field(default_factory=threading.Event)
    asked: Counter[str] = field(default_factory=Counter)

    def __call__(self, host: str, *arguments: Any, **more: Any) -> list[tuple[Any, ...]]:
        self.asked[host] += 1
        if host.endswith(".hung"):
            self.goes_on.wait()
            host = "127.0.0.1"
        return socket.getaddrinfo(host, *arguments, **more)


@contextmanager
def resolver() -> Iterator[Resolver]:
    made = Resolver()
    try:
        yield made
    finally:
        made.goes_on.set()


async def given_up(lookups: NameLookups, host: str) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await lookups.addresses(host, 80)


def test_hung_names_take_one_thread_each_and_no_more_than_there_may_be() -> None:
    async def scenario() -> None:
        with resolver() as resolve:
            lookups, before = NameLookups(resolve=resolve), held()
            for most in (5, 5, 200, 200):
                await asyncio.gather(*(given_up(lookups, f"{number}.hung") for number in range(most)))
                assert held()[1] == before[1] + min(most, MOST_THREADS)
            assert set(resolve.asked.values()) == {1}
            # Neither a number nor the server, whose look-ups are others, has to wait for them.
            async with asyncio.timeout(1):
                assert await lookups.addresses("192.0.2.7", 80) == [Address(socket.AF_INET, ("192.0.2.7", 80))]
                assert await lookups.addresses("::1", 80) == [Address(socket.AF_INET6, ("::1", 80, 0, 0))]
                assert await NameLookups(2, resolve).addresses("localhost", 80)
            resolve.goes_on.set()
            assert await lookups.addresses("7.hung", 80) == [Address(socket.AF_INET, ("127.0.0.1", 80))]
            await until(lambda: held() <= before, 5)

    asyncio.run(scenario())


def test_a_name_that_is_asked_again_joins_the_look_up_under_way() -> None:
    async def scenario() -> None:
        with resolver() as resolve:
            lookups = NameLookups(resolve=resolve)
            await given_up(lookups, "a.hung")
            waiting = [asyncio.ensure_future(lookups.addresses("a.hung", port)) for port in (80, 443)]
            await asyncio.sleep(0.05)
            await given_up(lookups, "a.hung")
            resolve.goes_on.set()
            assert [found[0].place[1] for found in await asyncio.gather(*waiting)] == [80, 443]
            assert resolve.asked == {"a.hung": 1}
            await lookups.addresses("a.hung", 80)
            assert resolve.asked == {"a.hung": 2}, "an answer is not kept"

    asyncio.run(scenario())


@pytest.mark.parametrize("host", ["192.0.2..7", "a" * 64 + ".example", "::1%nope", "a\0b", "", " ", "*"])
def test_what_is_no_name_is_a_host_that_is_down(host: str) -> None:
    async def scenario() -> None:
        lookups = NameLookups()
        with pytest.raises(LinkDown) as raised:
            await lookups.addresses(host, 80)
        assert str(raised.value).isprintable()
        assert await lookups.addresses("localhost", 80), "its threads work on"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("code", "said"),
    [(socket.EAI_NONAME, "unknown"), (socket.EAI_NODATA, "no address"), (socket.EAI_AGAIN, "cannot be resolved")],
)
def test_the_reason_is_said(code: int, said: str) -> None:
    def failing(*arguments: Any, **more: Any) -> list[tuple[Any, ...]]:
        raise socket.gaierror(code, "as the resolver says it")

    async def scenario() -> None:
        for _ in range(2):
            with pytest.raises(LinkDown, match=said):
                await NameLookups(resolve=failing).addresses("sensor.example", 80)

    asyncio.run(scenario())


_PROGRAM = """
import asyncio, time
from inviseobox.network.name_lookup import NameLookups

async def main():
    lookups = NameLookups(resolve=lambda *arguments, **more: time.sleep(600))
    await asyncio.wait([asyncio.ensure_future(lookups.addresses(f"{n}.hung", 80)) for n in range(30)], timeout=0.2)

asyncio.run(main())
print("ended")
"""


def test_look_ups_that_hang_do_not_hold_up_the_end_of_the_process() -> None:
    ended = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=10, check=True)
    assert (ended.stdout, ended.stderr) == ("ended\n", "")


def test_an_answer_that_comes_after_everybody_has_left_is_for_the_next_who_asks() -> None:
    """Behind names that hang, one that is well known waits for a thread longer than a page may take."""

    async def scenario() -> None:
        with resolver() as resolve:
            lookups = NameLookups(threads=1, resolve=resolve)
            await given_up(lookups, "first.hung")
            await given_up(lookups, "localhost")
            resolve.goes_on.set()
            await until(lambda: "localhost" in lookups._late, within=5)
            assert await lookups.addresses("localhost", 80)
            assert resolve.asked["localhost"] == 1
            assert await lookups.addresses("localhost", 80)
            assert resolve.asked["localhost"] == 2, "once only: an address may change"

    asyncio.run(scenario())
