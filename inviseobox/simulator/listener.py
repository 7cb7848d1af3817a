"""A listening TCP socket whose connections all end when it is stopped."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from typing import Literal

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Listener:
    """Accepts connections and runs `serve(reader, writer)` for each; may be stopped and started again.

    Beyond `most` connections at a time, None being no limit, a further one is closed at once, or accepted and
    never served, as `beyond` says. Both may be changed at any time; `accepted` counts all that ever came.
    """

    def __init__(self, serve: Serve, ssl_context: ssl.SSLContext | None = None) -> None:
        self.most: int | None = None
        self.beyond: Literal["close", "ignore"] = "close"
        self.accepted = 0
        self._serve = serve
        self._ssl_context = ssl_context
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._turned_away: set[asyncio.Task[None]] = set()
        self.host = ""
        self.port = 0

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one. Raises OSError if the address cannot be bound."""
        self._server = await asyncio.start_server(self._accept, host, port, ssl=self._ssl_context)
        self.host, self.port = self._server.sockets[0].getsockname()[:2]

    async def stop(self) -> None:
        """Listen no more and cut every connection."""
        if self._server is not None:
            for listening in self._server.sockets:
                asyncio.get_running_loop().remove_reader(listening.fileno())
            # asyncio would leave a connection open that it is just taking while its server closes.
            await asyncio.sleep(0)
            self._server.close()
            self._server = None
        await self.drop()

    async def resume(self) -> None:
        """Listen again where it was stopped. Raises OSError if the port has been taken meanwhile."""
        await self.start(self.host, self.port)

    async def drop(self) -> None:
        """Cut every connection and go on listening."""
        open_connections = dict(self._connections)
        for task, writer in open_connections.items():
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*open_connections, return_exceptions=True)

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return len(self._connections)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:
            # It came while this was being stopped.
            writer.transport.abort()
            return
        self.accepted += 1
        is_surplus = self.most is not None and len(self._connections) - len(self._turned_away) >= self.most
        serve = self._turn_away if is_surplus else self._serve
        task = asyncio.get_running_loop().create_task(self._connection(serve, reader, writer))
        if is_surplus:
            self._turned_away.add(task)
            task.add_done_callback(self._turned_away.discard)
        self._connections[task] = writer
        task.add_done_callback(self._end)

    async def _turn_away(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while self.beyond == "ignore" and await reader.read(4096):
            pass

    async def _connection(self, serve: Serve, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The peer may go away in the middle of something.
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await serve(reader, writer)

    def _end(self, task: asyncio.Task[None]) -> None:
        """Close the connection that a task served, be it one that was cancelled before it began."""
        self._connections.pop(task).close()
