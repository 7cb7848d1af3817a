"""The control socket from the side of the daemon: who asks, and how long that may take.

Nobody who asks costs the others anything: at most MOST_CLIENTS have their turn, the others wait in the kernel; of each
there is one piece in memory, and one who does not ask or read in time is hung up on.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

from inviseobox.control import protocol
from inviseobox.control.answers import Answers
from inviseobox.control.protocol import END, MOST_REQUEST, Code, error_line
from inviseobox.control.writing import pieces
from inviseobox.errors import BufferFault, RequestRefused

MOST_CLIENTS = 8
"""Clients that have their turn at the same time."""
TIME_LIMIT = 10.0
"""Seconds for a request, and for each piece of the answer."""
_NO_ROOM = 1.0
"""Seconds to wait where there is no room for another open file."""


class ControlServer:
    """Answers who connects to a socket that is open."""

    def __init__(self, listening: socket.socket, answers: Answers, time_limit: float = TIME_LIMIT) -> None:
        """Take connections of `listening`, which stays open; give each client `time_limit` seconds for each step."""
        self._listening = listening
        self._answers = answers
        self._time_limit = time_limit
        self._turns = asyncio.Semaphore(MOST_CLIENTS)

    async def run(self) -> None:
        """Answer until cancelled; whoever has his turn then is hung up on."""
        async with asyncio.TaskGroup() as clients:
            while True:
                await self._turns.acquire()
                client = await self._accepted()
                clients.create_task(self._served(client))

    async def _accepted(self) -> socket.socket:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _ = await loop.sock_accept(self._listening)
            except OSError:
                # As many files are open as may be, or the client is gone already.
                await asyncio.sleep(_NO_ROOM)
            else:
                return client

    async def _served(self, client: socket.socket) -> None:
        try:
            # A client that is gone, or too slow, misses its answer; that is all.
            with client, contextlib.suppress(OSError, TimeoutError):
                await self._answer(client)
        finally:
            self._turns.release()

    async def _answer(self, client: socket.socket) -> None:
        """Hear one request and answer it. Raises OSError, TimeoutError."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._time_limit):
            line = await _line(client)
        async for piece in pieces(self._texts(line)):
            async with asyncio.timeout(self._time_limit):
                await loop.sock_sendall(client, piece)
            # What the kernel takes at once gives nobody else a turn.
            await asyncio.sleep(0)

    async def _texts(self, line: bytes) -> AsyncIterator[str]:
        """Yield the answer to a line, whatever it is."""
        try:
            async for text in self._answers.to(protocol.parse(line)):
                yield text
        except RequestRefused as error:
            yield error_line(error)
        except BufferFault as error:
            yield error_line(RequestRefused(str(error), Code.BUFFER))
        else:
            yield END


async def _line(client: socket.socket) -> bytes:
    """Return the first line that a client sends, or the beginning of one that is too long for a request.

    Raises OSError.
    """
    loop = asyncio.get_running_loop()
    heard = b""
    while b"\n" not in heard and len(heard) <= MOST_REQUEST:
        more = await loop.sock_recv(client, MOST_REQUEST + 1 - len(heard))
        if not more:
            break
        heard += more
    return heard.partition(b"\n")[0] if b"\n" in heard else heard
