"""A listening TCP socket whose connections all end when it is stopped."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Listener:
    """Accepts connections and runs `serve(reader, writer)` for each; may be stopped and started again."""

    def __init__(self, serve: Serve, ssl_context: ssl.SSLContext | None = None) -> None:
        self._serve = serve
        self._ssl_context = ssl_context
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self.host = ""
        self.port = 0

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one. Raises OSError if the address cannot be bound."""
        self._server = await asyncio.start_server(self._accept, host, port, ssl=self._ssl_context)
        self.host, self.port = self._server.sockets[0].getsockname()[:2]

    async def stop(self) -> None:
        """Listen no more and cut every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
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
        task = asyncio.get_running_loop().create_task(self._connection(reader, writer))
        self._connections[task] = writer
        task.add_done_callback(self._connections.pop)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the peer went away in the middle of something: its right
        finally:
            writer.close()
