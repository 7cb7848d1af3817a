"""One connection: what of it has been acknowledged, and which address it goes to."""

import asyncio
import socket
import ssl
import time
from pathlib import Path

import pytest

from inviseobox.network.http_client import tls_context
from inviseobox.network.name_lookup import Address, NameLookups
from inviseobox.network.stream import open_stream
from tests.support.leftovers import black_hole, held, nothing_more_than, server_tls
from tests.support.virtual_time import until

MUCH = 400_000


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_only_what_the_other_side_has_taken_is_acknowledged(scheme: str, tmp_path: Path) -> None:
    """The other side reads so and so much of what is sent, and then nothing for a while."""
    context = server_tls(tmp_path) if scheme == "https" else None

    async def scenario() -> None:
        goes_on = asyncio.Event()
        taken = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal taken
            taken += len(await reader.readexactly(50_000))
            await goes_on.wait()
            taken += len(await reader.readexactly(MUCH - 50_000))
            writer.write(b"taken")
            await writer.drain()
            await reader.read()
            writer.close()

        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        server = await asyncio.start_server(serve, sock=listener, limit=1000, ssl=context)
        tls = tls_context(None, verify=False) if context else None
        address = Address(socket.AF_INET, listener.getsockname())
        stream = await open_stream([address], tls, "127.0.0.1")
        # So that what is on its way lies in the kernel as well as in asyncio.
        stream._connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
        assert stream.acknowledged == 0
        writing = asyncio.ensure_future(stream.write(bytes(MUCH)))
        await until(lambda: taken == 50_000, 5)
        before = None
        while stream.progress != before:
            before = stream.progress
            await asyncio.sleep(0.2)
        # The reader of asyncio has taken some more: over TLS up to 256 KiB.
        assert 45_000 <= stream.acknowledged < 50_000 + (290_000 if tls else 20_000)
        goes_on.set()
        await writing
        assert await stream.read(100) == b"taken"
        assert 0.99 * MUCH <= stream.acknowledged <= MUCH
        stream.abort()
        assert stream.acknowledged <= MUCH
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0.05)

    asyncio.run(scenario())


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_name_of_both_families_is_reached_at_the_one_that_listens(family: socket.AddressFamily) -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1" if family == socket.AF_INET else "::1", 0), family=family) as listener:
            port = listener.getsockname()[1]
            addresses = [Address(socket.AF_INET6, ("::1", port, 0, 0)), Address(socket.AF_INET, ("127.0.0.1", port))]
            named = await NameLookups().addresses("localhost", port)
            for order in (addresses, addresses[::-1], [one for one in named if one.family == family] or addresses):
                before, began = held(), time.monotonic()
                stream = await open_stream(order, None, "localhost")
                assert time.monotonic() - began < 5
                stream.abort()
                await nothing_more_than(before)

    asyncio.run(scenario())


def test_an_address_that_hangs_holds_up_the_next_for_a_moment_and_is_given_up() -> None:
    async def scenario() -> None:
        with black_hole() as hole, socket.create_server(("127.0.0.1", 0)) as listener:
            before, began = held(), time.monotonic()
            places = [("127.0.0.1", hole), ("127.0.0.1", hole), listener.getsockname()]
            stream = await open_stream([Address(socket.AF_INET, place) for place in places], None, "")
            assert 0.4 < time.monotonic() - began < 10
            stream.abort()
            await nothing_more_than(before)

    asyncio.run(scenario())


def test_the_reason_is_that_of_the_last_address() -> None:
    async def scenario() -> None:
        before = held()
        with pytest.raises(OSError, match="no address"):
            await open_stream([], None, "")
        with pytest.raises(ConnectionRefusedError):
            await open_stream([Address(socket.AF_INET, ("127.0.0.1", 1))] * 3, None, "")
        with pytest.raises(ssl.SSLError):
            await _with_plain_server()
        await nothing_more_than(before)

    asyncio.run(scenario())


async def _with_plain_server() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        address = Address(socket.AF_INET, server.sockets[0].getsockname())
        await open_stream([address], tls_context(None, verify=False), "127.0.0.1")
    finally:
        server.close()
        await asyncio.sleep(0.05)
