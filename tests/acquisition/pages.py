"""Pages of HTTP sensors, good and bad."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from inviseobox.network.http_client import HttpClient, tls_context
from inviseobox.network.http_connections import HttpConnections
from inviseobox.network.name_lookup import NameLookups
from inviseobox.simulator.http_server import HttpServer, Request, Response

MAX_BODY = 65_536


@asynccontextmanager
async def http_client() -> AsyncIterator[HttpClient]:
    """Yield the client that reads pages, closed in the end."""
    client = HttpClient(HttpConnections(tls_context(None), NameLookups()), headers={})
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def page(handler: Callable[[Request], Response]) -> AsyncIterator[tuple[HttpClient, str]]:
    """Run a server that answers with `handler`; yield a client and the server's origin."""

    async def handle(request: Request) -> Response:
        return handler(request)

    server = HttpServer(handle)
    await server.listener.start()
    try:
        async with http_client() as client:
            yield client, server.origin
    finally:
        await server.listener.stop()


BODIES = {
    "nothing": b"",
    "text": b"temp1=21.5",
    "HTML": b"<!DOCTYPE html><html></html>",
    "half of it": b'{"temp1": 21.5, "hum1": ',
    "two of it": b'{"temp1": 21.5}{"temp1": 21.5}',
    "a bare word": b'{"temp1": nan, "hum1": 40}',
    "no value": b'{"temp1": , "hum1": 40}',
    "a decimal comma": b'{"temp1": 21,5}',
    "noise": bytes(range(256)),
    "deep nesting": b"[" * 30_000 + b"]" * 30_000,
    "deep objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "a huge number": b"1" * 60_000,
}


LOCATIONS = [
    "http://192.0.2.1/",
    "//192.0.2.1/",
    "https://127.0.0.1/",
    "http://127.0.0.1:1/",
    "http://user@192.0.2.1/",
    "file:///etc/passwd",
    "http://[",
    "http://[::1",
    "http://127.0.0.1:99999/",
    "http://127.0.0.1:port/",
    "http://127.0.0.1\u2044evil/",
    "//",
    "http:",
    "\x7f",
]
