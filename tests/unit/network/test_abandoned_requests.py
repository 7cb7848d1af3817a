"""A request that is given up, by a time-out or a cancellation, in whatever stage: nothing of it stays."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from inviseobox.errors import NoAnswer
from inviseobox.network.http_client import HttpClient, Limits, tls_context
from inviseobox.network.http_connections import HttpConnections
from inviseobox.network.name_lookup import NameLookups
from inviseobox.network.openings import Openings
from tests.support.leftovers import black_hole, held, never_reading, nothing_more_than, silent
from tests.support.tcp import serving
from tests.support.virtual_time import until


@asynccontextmanager
async def client(**more: Any) -> AsyncIterator[HttpClient]:
    """Yield a client that trusts everybody."""
    made = HttpClient(HttpConnections(tls_context(None, verify=False), NameLookups(), **more), headers={})
    try:
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def in_connect() -> AsyncIterator[tuple[str, bytes | None]]:
    with black_hole() as port:
        yield f"http://127.0.0.1:{port}/", None


@asynccontextmanager
async def in_handshake() -> AsyncIterator[tuple[str, bytes | None]]:
    with never_reading() as port:
        yield f"https://127.0.0.1:{port}/", None


@asynccontextmanager
async def in_body() -> AsyncIterator[tuple[str, bytes | None]]:
    with never_reading() as port:
        yield f"http://127.0.0.1:{port}/", bytes(1_000_000)


@asynccontextmanager
async def before_answer() -> AsyncIterator[tuple[str, bytes | None]]:
    with never_reading() as port:
        yield f"http://127.0.0.1:{port}/", None


@asynccontextmanager
async def in_answer() -> AsyncIterator[tuple[str, bytes | None]]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{")
        await reader.read()

    async with serving(serve) as port:
        yield f"http://127.0.0.1:{port}/", None


STAGES = [in_connect, in_handshake, in_body, before_answer, in_answer]
Give = Callable[[HttpClient, str, bytes | None], Awaitable[None]]


async def time_out(one: HttpClient, url: str, content: bytes | None) -> None:
    with pytest.raises(NoAnswer):
        await one.request("POST" if content else "GET", url, Limits(0.02, 1000), content=content)


async def cancel(one: HttpClient, url: str, content: bytes | None) -> None:
    task = asyncio.ensure_future(one.request("POST" if content else "GET", url, Limits(30, 1000), content=content))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def cancel_at_once(one: HttpClient, url: str, content: bytes | None) -> None:
    """Give up after each number of passes of the loop, wherever the request is by then."""
    for passes in range(40):
        task = asyncio.ensure_future(one.request("GET", url, Limits(30, 1000)))
        for _ in range(passes):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})


@contextmanager
def no_garbage() -> Iterator[None]:
    """Let nothing be freed by the collector of cycles: sockets must not wait for it."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.mark.parametrize("give_up", [time_out, cancel, cancel_at_once])
@pytest.mark.parametrize("stage", STAGES)
def test_an_abandoned_request_leaves_nothing_behind(stage: Any, give_up: Give) -> None:
    async def scenario() -> None:
        async with stage() as (url, content), client() as one:
            # A server in this process holds its side until it hears of the end.
            ours = stage is not in_answer
            before = held()
            for _ in range(10):
                await give_up(one, url, content)
                if ours:
                    await nothing_more_than(before)
            if not ours:
                await until_nothing_more_than(before)

    with no_garbage():
        asyncio.run(scenario())


async def until_nothing_more_than(before: tuple[int, int, int]) -> None:
    await until(lambda: all(now <= then for now, then in zip(held(), before, strict=True)), 5)


@pytest.mark.parametrize("stage", STAGES)
def test_two_hundred_abandoned_requests_side_by_side_leave_nothing_behind(stage: Any) -> None:
    async def scenario() -> None:
        async with stage() as (url, content), client() as one:
            before = held()
            await asyncio.gather(*(time_out(one, url, content) for _ in range(200)))
            await asyncio.gather(*(cancel(one, url, content) for _ in range(200)))
            await until_nothing_more_than(before)

    with no_garbage():
        asyncio.run(scenario())


@pytest.mark.parametrize("stage", STAGES)
def test_two_hundred_abandoned_requests_in_a_row_leave_nothing_behind(stage: Any) -> None:
    async def scenario() -> None:
        async with stage() as (url, content), client() as one:
            before = held()
            for _ in range(200):
                with pytest.raises(NoAnswer):
                    await one.request("POST" if content else "GET", url, Limits(0.002, 1000), content=content)
            await until_nothing_more_than(before)

    with no_garbage():
        asyncio.run(scenario())


def test_a_request_abandoned_in_the_name_look_up_leaves_its_thread_alone() -> None:
    """The thread cannot be ended: there is one for the name, however often it is asked for."""
    resolver = threading.Event()

    def hanging(*arguments: object, **more: object) -> list[tuple[Any, ...]]:
        resolver.wait()
        return []

    async def scenario() -> None:
        one = HttpClient(HttpConnections(tls_context(None), NameLookups(resolve=hanging)), headers={})
        before = held()
        for give_up in (time_out, cancel, cancel_at_once):
            await give_up(one, "http://sensor.example/", None)
        await nothing_more_than((before[0], before[1] + 1, before[2]))
        resolver.set()
        await until_nothing_more_than(before)
        await one.close()

    asyncio.run(scenario())


def test_a_request_abandoned_while_it_waits_for_its_turn_gives_the_turn_back() -> None:
    async def scenario() -> None:
        async with silent() as port:
            with never_reading() as hung:
                async with client(openings=Openings(usual=1)) as one:
                    before = held()
                    first = asyncio.ensure_future(one.request("GET", f"https://127.0.0.1:{hung}/", Limits(0.5, 100)))
                    await asyncio.sleep(0.05)
                    for _ in range(5):
                        await cancel(one, f"http://127.0.0.1:{port}/", None)
                    await asyncio.wait({first})
                    await time_out(one, f"http://127.0.0.1:{port}/", None)
                    await until_nothing_more_than(before)

    asyncio.run(scenario())
