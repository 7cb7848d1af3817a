"""A listener cuts every connection when it is stopped, also one that comes at that moment."""

import asyncio
import gc
import socket

import pytest

from inviseobox.simulator.listener import Listener


@pytest.mark.parametrize("turns", range(6))
def test_a_connection_that_comes_while_it_is_stopped_is_cut(turns: int) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def scenario() -> None:
        listener = Listener(serve)
        await listener.start()
        with socket.create_connection((listener.host, listener.port)) as client:
            for _ in range(turns):
                await asyncio.sleep(0)
            await listener.stop()
            client.setblocking(False)
            try:
                assert await asyncio.get_running_loop().sock_recv(client, 1) == b""
            except ConnectionResetError:
                return

    asyncio.run(scenario())
    # What was left open would complain of it now, which fails the test.
    gc.collect()
