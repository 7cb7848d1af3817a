"""The control socket from the side of the daemon: who asks, and how long that may take.

Nobody who asks costs the others anything: at most MOST_CLIENTS are connected, the others wait in the kernel; of each
there is one piece in memory. One who does not ask or read in time is hung up on, and sooner where others wait.
"""

import asyncio
import contextlib
import math
import socket
from collections.abc import AsyncIterator, Iterator

from inviseobox.control import protocol
from inviseobox.control.answers import Answers
from inviseobox.control.protocol import END, MOST_REQUEST, Code, History, Rejected, Request, Status, error_line
from inviseobox.control.writing import pieces
from inviseobox.errors import BufferFault, RequestRefused

MOST_CLIENTS = 128
"""Clients that are connected at the same time."""
_FIRST, _LATER = 8, 4
"""Clients for which the first piece of an answer from the database is made at the same time, and any later one."""
_UNREAD = 8192
"""Bytes of an answer that the kernel keeps for a client who does not read (and as much for its own books)."""
TIME_LIMIT = 10.0
"""Seconds for a request, and for each piece of the answer."""
PATIENCE = 0.25
"""The same, while others wait because MOST_CLIENTS are connected."""
_NO_ROOM = 1.0
"""Seconds to wait where there is no room for another open file."""


class _Client:
    """Who is connected, and since when the daemon waits for him: never, while it is he who waits."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.kept_us_since = math.inf
        self.task: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def keeps_us(self) -> Iterator[None]:
        self.kept_us_since = asyncio.get_running_loop().time()
        try:
            yield
        finally:
            self.kept_us_since = math.inf


class ControlServer:
    """Answers who connects to a socket that is open."""

    def __init__(self, listening: socket.socket, answers: Answers, time_limit: float = TIME_LIMIT) -> None:
        """Take connections of `listening`, which stays open; give each client `time_limit` seconds for each step."""
        self._listening = listening
        self._answers = answers
        self._time_limit = time_limit
        self._clients: set[_Client] = set()
        self._first_turns = asyncio.Semaphore(_FIRST)
        self._later_turns = asyncio.Semaphore(_LATER)

    async def run(self) -> None:
        """Answer until cancelled; whoever is connected then is hung up on."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                client = _Client(await self._accepted())
                try:
                    await self._make_room()
                except asyncio.CancelledError:
                    client.connection.close()
                    raise
                self._clients.add(client)
                client.task = tasks.create_task(self._served(client))

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

    async def _make_room(self) -> None:
        """Wait until one more may be connected; hang up on who has kept us longest, if that is longer than PATIENCE."""
        now = asyncio.get_running_loop().time
        while len(self._clients) >= MOST_CLIENTS:
            slowest = min(self._clients, key=lambda client: client.kept_us_since)
            left = slowest.kept_us_since + PATIENCE - now()
            if left <= 0 and slowest.task is not None:
                slowest.task.cancel()
            served = [client.task for client in self._clients if client.task is not None]
            # One who begins to keep us now has used up his time then.
            await asyncio.wait(
                served, timeout=min(left, PATIENCE) if left > 0 else None, return_when=asyncio.FIRST_COMPLETED
            )

    async def _served(self, client: _Client) -> None:
        try:
            # A client that is gone, or too slow, misses its answer; that is all.
            with client.connection, contextlib.suppress(OSError, TimeoutError):
                await self._answer(client)
        finally:
            self._clients.discard(client)

    async def _answer(self, client: _Client) -> None:
        """Hear one request and answer it. Raises OSError, TimeoutError."""
        loop = asyncio.get_running_loop()
        with client.keeps_us():
            async with asyncio.timeout(self._time_limit):
                line = await _line(client.connection)
        # Little is made for one who does not read it.
        client.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UNREAD)
        request = _parsed(line)
        answer = pieces(self._texts(request))
        async with self._first_turns if _takes_database(request) else contextlib.nullcontext():
            piece = await anext(answer, None)
        while piece is not None:
            with client.keeps_us():
                async with asyncio.timeout(self._time_limit):
                    await loop.sock_sendall(client.connection, piece)
            # What the kernel takes at once gives nobody else a turn.
            await asyncio.sleep(0)
            async with self._later_turns:
                piece = await anext(answer, None)

    async def _texts(self, request: Request | RequestRefused) -> AsyncIterator[str]:
        """Yield the answer to a request, or the error where it is none."""
        if isinstance(request, RequestRefused):
            yield error_line(request)
            return
        try:
            async for text in self._answers.to(request):
                yield text
        except BufferFault as error:
            yield error_line(RequestRefused(str(error), Code.BUFFER))
        else:
            yield END


def _parsed(line: bytes) -> Request | RequestRefused:
    try:
        return protocol.parse(line)
    except RequestRefused as error:
        return error


def _takes_database(request: Request | RequestRefused) -> bool:
    match request:
        case Status(recent=recent):
            return recent
        case History() | Rejected():
            return True
    return False


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
