"""TCP servers made by hand, in the loop of the test."""

import asyncio
import contextlib
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""Talks to one peer; the connection ends when it returns."""


@contextlib.asynccontextmanager
async def serving(serve: Serve, *, port: int = 0) -> AsyncIterator[int]:
    """Let `serve` talk to whoever connects; yield the port. An error in `serve` fails the test."""
    at_work: set[asyncio.Task[None]] = set()
    writers: weakref.WeakSet[asyncio.StreamWriter] = weakref.WeakSet()
    errors: list[BaseException] = []

    def ended(task: asyncio.Task[None]) -> None:
        at_work.discard(task)
        if not task.cancelled() and (error := task.exception()):
            errors.append(error)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(talk(reader, writer))
        at_work.add(task)
        task.add_done_callback(ended)

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in at_work:
            task.cancel()
        await asyncio.gather(*at_work, return_exceptions=True)
        for writer in tuple(writers):
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    if errors:
        raise errors[0]
