"""An uplink that is slow, stalls or is down: a request lasts as long as it moves, and no longer."""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from inviseobox.configuration import ApiForm, Configuration
from inviseobox.errors import LinkDown, NoAnswer, RequestStalled, ServerNotReached, ServerStalled, ServerUnreachable
from inviseobox.network.http_client import HttpClient, Limits, tls_context
from inviseobox.network.http_connections import HttpConnections
from inviseobox.network.name_lookup import NameLookups
from inviseobox.server import api
from inviseobox.server.api import CentralApi
from inviseobox.simulator.http_server import HttpServer, Request, Response
from tests.support.leftovers import black_hole, never_reading, server_tls

BATCH = b"[" + b"1," * 31_500 + b"1]"
SLOW = 40_000
"""Bytes a second."""
IDLE = 0.4


@asynccontextmanager
async def client() -> AsyncIterator[HttpClient]:
    made = HttpClient(HttpConnections(tls_context(None, verify=False), NameLookups(), keeps_one=True), headers={})
    try:
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def uplink(to: int, *, stops_after: int | None = None) -> AsyncIterator[int]:
    """Carry what comes to the port `to`, slowly, until `stops_after` bytes have gone that way; yield a port."""
    loop = asyncio.get_running_loop()
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        tasks: list[asyncio.Task[None]] = []

        async def carry(there: socket.socket, back: socket.socket, *, is_slow: bool) -> None:
            carried = 0
            while data := await loop.sock_recv(there, SLOW // 100):
                await loop.sock_sendall(back, data)
                carried += len(data)
                if is_slow:
                    await asyncio.sleep(0.01)
                    if stops_after is not None and carried >= stops_after:
                        await asyncio.Event().wait()
            back.shutdown(socket.SHUT_WR)

        async def accept() -> None:
            while True:
                one, _ = await loop.sock_accept(listener)
                stack.callback(one.close)
                other = stack.enter_context(socket.socket())
                other.setblocking(False)
                await loop.sock_connect(other, ("127.0.0.1", to))
                tasks.append(asyncio.ensure_future(carry(one, other, is_slow=True)))
                tasks.append(asyncio.ensure_future(carry(other, one, is_slow=False)))

        tasks.append(asyncio.ensure_future(accept()))
        try:
            yield listener.getsockname()[1]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def server(tls: ssl.SSLContext | None) -> AsyncIterator[tuple[HttpServer, list[Request]]]:
    """Run a server that takes what it is sent."""
    requests: list[Request] = []

    async def handle(request: Request) -> Response:
        requests.append(request)
        return Response(200, {}, b"{}")

    made = HttpServer(handle, ssl_context=tls)
    await made.listener.start()
    try:
        yield made, requests
    finally:
        await made.listener.stop()


@pytest.fixture(params=["http", "https"])
def tls(request: pytest.FixtureRequest, tmp_path: Path) -> ssl.SSLContext | None:
    return server_tls(tmp_path) if request.param == "https" else None


def test_a_slow_uplink_delivers_a_batch_in_one_request(tls: ssl.SSLContext | None) -> None:
    async def scenario() -> None:
        async with server(tls) as (behind, requests), uplink(behind.listener.port) as port, client() as one:
            began = time.monotonic()
            url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/"
            answer = await one.request("POST", url, Limits(60, 4096, IDLE), content=BATCH)
            assert answer.is_success
            assert time.monotonic() - began > 2.5 * IDLE
            assert [request.body for request in requests] == [BATCH]

    asyncio.run(scenario())


def test_an_uplink_that_stops_is_stalled_and_took_some(tls: ssl.SSLContext | None) -> None:
    async def scenario() -> None:
        async with server(tls) as (behind, requests), client() as one:
            async with uplink(behind.listener.port, stops_after=20_000) as port:
                began = time.monotonic()
                url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/"
                with pytest.raises(RequestStalled, match=r"no complete answer within 0\.4 s") as raised:
                    await one.request("POST", url, Limits(60, 4096, IDLE), content=BATCH)
                assert raised.value.took_some
                assert time.monotonic() - began < 0.5 + 2 * IDLE + 10
            assert requests == []

    asyncio.run(scenario())


def test_a_request_that_moves_ends_at_its_total_time() -> None:
    async def scenario() -> None:
        async with server(None) as (behind, _), uplink(behind.listener.port) as port, client() as one:
            with pytest.raises(RequestStalled, match=r"within 0\.6 s") as raised:
                await one.request("POST", f"http://127.0.0.1:{port}/", Limits(0.6, 4096, IDLE), content=BATCH)
            assert raised.value.took_some

    asyncio.run(scenario())


def test_a_server_that_lets_in_and_never_reads_took_what_its_kernel_took() -> None:
    async def scenario() -> None:
        with never_reading() as port:
            async with client() as one:
                with pytest.raises(RequestStalled) as raised:
                    await one.request("POST", f"http://127.0.0.1:{port}/", Limits(60, 4096, IDLE), content=BATCH)
                assert raised.value.took_some

    asyncio.run(scenario())


def test_who_does_not_let_us_in_has_not_stalled() -> None:
    async def scenario() -> None:
        with black_hole() as full, never_reading() as mute, socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            async with client() as one:
                urls = {
                    f"http://127.0.0.1:{full}/": r"no connection within 0\.4 s",
                    f"https://127.0.0.1:{mute}/": r"its TLS handshake is not complete within 0\.4 s",
                }
                for url, words in urls.items():
                    with pytest.raises(NoAnswer, match=words) as silent:
                        await one.request("POST", url, Limits(60, 4096, IDLE), content=BATCH)
                    assert not isinstance(silent.value, RequestStalled)
                url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
                with pytest.raises(LinkDown, match="refused"):
                    await one.request("POST", url, Limits(60, 4096, IDLE), content=BATCH)

    asyncio.run(scenario())


def test_the_api_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "IDLE_TIMEOUT", IDLE)

    async def send(port: int) -> bool:
        configuration = Configuration(token="t" * 64, url=f"http://127.0.0.1:{port}/api")
        one = CentralApi(configuration, NameLookups())
        try:
            return (await one.send_fields(ApiForm.DOCUMENTED, BATCH.decode(), "key")).is_success
        finally:
            await one.close()

    async def scenario() -> None:
        async with server(None) as (behind, _):
            async with uplink(behind.listener.port) as port:
                assert await send(port)
            async with uplink(behind.listener.port, stops_after=20_000) as port:
                with pytest.raises(ServerStalled) as raised:
                    await send(port)
                assert raised.value.took_some
        with black_hole() as port, pytest.raises(ServerNotReached):
            await send(port)

    asyncio.run(scenario())


def test_a_server_that_hung_and_is_mended_gets_the_next_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """In each stage in which it may hang, four requests are given up; then it is another server on the same port."""
    monkeypatch.setattr(api, "IDLE_TIMEOUT", 0.05)

    async def scenario() -> None:
        for hung in (black_hole, never_reading):
            with hung() as port:
                configuration = Configuration(token="t" * 64, url=f"http://127.0.0.1:{port}/api")
                one = CentralApi(configuration, NameLookups())
                for _ in range(4):
                    with pytest.raises(ServerUnreachable):
                        await one.send_fields(ApiForm.DOCUMENTED, BATCH.decode(), "key")

            async def handle(request: Request) -> Response:
                return Response(200, {}, b"{}")

            mended = HttpServer(handle)
            await mended.listener.start(port=port)
            assert (await one.send_fields(ApiForm.DOCUMENTED, BATCH.decode(), "key")).is_success
            await one.close()
            await mended.listener.stop()

    asyncio.run(scenario())
