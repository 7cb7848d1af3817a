"""Connections that speak HTTP/1.1. The only file that imports httpcore.

httpcore's own pool keeps a connection that was given up while it was being opened, and on 1.0 its socket. So the
connections are opened here, one for a request at a time, and nothing of one that is given up stays.
"""

import asyncio
import os
import ssl
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpcore

from inviseobox.errors import ConnectionLost, InvalidAnswer, LinkDown, NoAnswer, ReadError, RequestStalled
from inviseobox.network.http_faults import LEAST_TOLD, Asked, fault, is_no_http
from inviseobox.network.name_lookup import NameLookups
from inviseobox.network.openings import Openings
from inviseobox.network.stream import Stream, open_stream

_PLAIN_TEXT = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE",
    "RECORD_TOO_LARGE",
)
"""What OpenSSL, from 3.0 on, says of bytes that are no TLS record."""
_IDLE_TIME = 5.0
"""Seconds for which a connection is kept for the next request: gateways on the way forget it soon."""

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes: `path` is what stands in its first line."""

    scheme: str
    host: str
    port: int
    path: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """The head of an answer, and its body as it comes, its coding not undone."""

    status: int
    headers: Headers
    body: AsyncGenerator[bytes, None]


@dataclass
class Exchange:
    """One request on its way: how far it has come, and over what.

    `waiting` is called while it waits for its turn to connect. `asked` is what of the request nobody is told.
    """

    is_suspect: bool = False
    waiting: Callable[[], None] = lambda: None
    asked: Asked = field(default_factory=Asked)
    stage: str = "its name is not resolved (DNS)"
    target: Target | None = None
    stream: Stream | None = None
    connection: httpcore.AsyncHTTP11Connection | None = field(default=None, repr=False)
    _began_to_send: float = 0.0
    _waits_since: float | None = None
    _waited_before: float = 0.0
    _acknowledged_before: int = 0

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for its turn to connect."""
        return self._waits_since is not None

    @property
    def waited(self) -> float:
        """Return the seconds for which it has waited for its turn."""
        if self._waits_since is None:
            return self._waited_before
        return self._waited_before + asyncio.get_running_loop().time() - self._waits_since

    @property
    def sent_for(self) -> float:
        """Return the seconds since it began to be sent over its connection."""
        return asyncio.get_running_loop().time() - self._began_to_send

    @property
    def progress(self) -> object:
        """What changes as long as anything moves."""
        return self.stage, self.stream.progress if self.stream else None

    @property
    def arrived(self) -> int:
        """Return how many bytes have come over the connection, TLS and headers included."""
        return self.stream.progress[1] if self.stream else 0

    def shakes_hands(self) -> None:
        """Note that the connection stands, and that TLS begins."""
        self.stage = "its TLS handshake is not complete"

    def wait_begins(self) -> None:
        """Note that it waits for its turn."""
        self._waits_since = asyncio.get_running_loop().time()

    def wait_ends(self) -> None:
        """Note that it waits no more."""
        self._waited_before, self._waits_since = self.waited, None

    def is_connected(self, target: Target, stream: Stream, connection: httpcore.AsyncHTTP11Connection) -> None:
        """Note the connection over which it goes."""
        self.target, self.stream, self.connection = target, stream, connection
        self._began_to_send = asyncio.get_running_loop().time()
        self._acknowledged_before = stream.acknowledged
        stream.begun.clear()
        self.stage = "no complete answer"

    def timed_out(self, seconds: float) -> NoAnswer:
        """Return the error for a request that was given up after this many seconds."""
        text = f"{self.stage} within {seconds:.3g} s"
        if self.stream is None:
            return NoAnswer(text)
        return RequestStalled(text, took_some=self.stream.acknowledged > self._acknowledged_before)

    def failed(self, error: Exception) -> ReadError:
        """Return the error for one of FAILURES, without its text: that may hold the URL and so the token.

        Where the answer is to blame, it says what is not valid HTTP about it.
        """
        if isinstance(error, httpcore.LocalProtocolError | httpcore.UnsupportedProtocol):
            return InvalidAnswer("the request or its answer is not valid HTTP")
        if self.stream is None:
            return LinkDown(_connect_reason(error))
        begun = bytes(self.stream.begun)
        if isinstance(error, httpcore.ProtocolError):
            if words := fault(begun, str(error), self.asked):
                return InvalidAnswer(f"the answer is not valid HTTP: {words}")
            if not self.stream.has_ended:
                return InvalidAnswer("the answer is not valid HTTP")
        return ConnectionLost("the connection was closed " + ("in mid-answer" if begun else "without an answer"))


FAILURES = (OSError, httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol)
"""What may come out of an exchange, beside the errors of this program."""


class _HttpOnly:
    """The stream of a connection as httpcore gets it: what can be no HTTP ends at once, without waiting for more."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.write, self.aclose, self.get_extra_info = stream.write, stream.aclose, stream.get_extra_info

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = await self._stream.read(max_bytes, timeout)
        if len(self._stream.begun) >= LEAST_TOLD and is_no_http(self._stream.begun):
            raise httpcore.RemoteProtocolError
        return data


class HttpConnections:
    """The connections of one client."""

    def __init__(
        self, tls: ssl.SSLContext, lookups: NameLookups, openings: Openings | None = None, *, keeps_one: bool = False
    ) -> None:
        """Use `tls` for https; open in turn with the others of `openings`.

        With `keeps_one` the last connection is used again by a request that follows soon.
        """
        self._tls = tls
        self._lookups = lookups
        self._openings = openings or Openings()
        self._keeps_one = keeps_one
        self._kept: tuple[Target, Stream, httpcore.AsyncHTTP11Connection] | None = None
        self._end_of_keeping: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """Close what is kept."""
        kept = self._no_longer_kept()
        if kept is not None:
            kept[1].abort()

    def _no_longer_kept(self) -> tuple[Target, Stream, httpcore.AsyncHTTP11Connection] | None:
        kept, self._kept = self._kept, None
        if self._end_of_keeping is not None:
            self._end_of_keeping.cancel()
            self._end_of_keeping = None
        return kept

    async def send(
        self, exchange: Exchange, method: bytes, target: Target, headers: Headers, content: AsyncIterable[bytes]
    ) -> Response:
        """Send a request and return the head of its answer. Raises LinkDown, and one of FAILURES."""
        origin = httpcore.Origin(target.scheme.encode(), target.host.encode(), target.port)
        if self._kept is not None:
            # The loop looks at the sockets, and then tells whose other side has closed.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        stream, connection = self._reused(target) or await self._opened(exchange, target, origin)
        exchange.is_connected(target, stream, connection)
        url = httpcore.URL(scheme=origin.scheme, host=origin.host, port=target.port, target=target.path)
        request = httpcore.Request(method, url, headers=list(headers), content=content)
        response = await connection.handle_async_request(request)
        return Response(response.status, response.headers, _body(response))

    async def _opened(
        self, exchange: Exchange, target: Target, origin: httpcore.Origin
    ) -> tuple[Stream, httpcore.AsyncHTTP11Connection]:
        addresses = await self._lookups.addresses(target.host, target.port)
        exchange.wait_begins()
        async with self._openings.turn(exchange.is_suspect, exchange.waiting):
            exchange.wait_ends()
            exchange.stage = "no connection"
            tls = self._tls if target.scheme == "https" else None
            stream = await open_stream(addresses, tls, target.host, exchange.shakes_hands)
        connection: Any = httpcore.AsyncHTTP11Connection
        return stream, connection(origin, _HttpOnly(stream))

    def _reused(self, target: Target) -> tuple[Stream, httpcore.AsyncHTTP11Connection] | None:
        kept = self._no_longer_kept()
        if kept is None:
            return None
        of, stream, connection = kept
        if (of.scheme, of.host, of.port) == (target.scheme, target.host, target.port) and stream.is_usable:
            return stream, connection
        stream.abort()
        return None

    def finish(self, exchange: Exchange) -> None:
        """Keep the connection of an exchange whose answer is complete, if one is to be kept; else close it at once."""
        stream, connection, target = exchange.stream, exchange.connection, exchange.target
        if stream is None or connection is None or target is None:
            return
        if self._keeps_one and self._kept is None and stream.is_usable and _is_free(connection):
            self._kept = (target, stream, connection)
            self._end_of_keeping = asyncio.get_running_loop().call_later(_IDLE_TIME, self.close)
        else:
            stream.abort()


async def _body(response: httpcore.Response) -> AsyncGenerator[bytes, None]:
    try:
        async for piece in response.aiter_stream():
            yield piece
    finally:
        # Where the answer is complete, the connection is free for the next request then; else it is closed.
        await response.aclose()


def _is_free(connection: httpcore.AsyncHTTP11Connection) -> bool:
    """Whether an answer is complete and nothing came after it, which would be taken for the answer to what is next."""
    # httpcore does not look at it itself.
    state = getattr(connection, "_h11_state", None)
    return connection.is_idle() and state is not None and not state.trailing_data[0]


def _connect_reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its TLS certificate is not valid: {error.verify_message or 'verification failed'}"
    if isinstance(error, ssl.SSLError):
        if any(name in (error.reason or "") for name in _PLAIN_TEXT):
            return "it does not speak TLS, so the address may have to begin with http"
        return "it does not speak TLS as it should"
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return f"no connection ({os.strerror(error.errno)})"
    return "no connection"
