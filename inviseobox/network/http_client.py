"""httpx over connections of our own: bounded in size and time, on 0.23 as on 0.28, and gone when they are given up."""

import asyncio
import logging
import ssl
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from http.cookiejar import DefaultCookiePolicy

# Its command line costs 6 MB and 33 ms at import and is not used here.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
import httpx  # noqa: E402

from inviseobox.errors import InvalidAnswer, ReadError  # noqa: E402
from inviseobox.network.content_coding import Body  # noqa: E402
from inviseobox.network.http_connections import FAILURES, Exchange, HttpConnections, Target  # noqa: E402
from inviseobox.network.http_faults import Asked  # noqa: E402

# They log whole URLs, and the server's hold the token.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

_LOOK = 1.0
"""Seconds between two looks at whether a request moves."""
_REST_TIME = 1.0
"""Seconds for the rest of a body of which enough has come."""
_EXCHANGE = "exchange"
_HEADERS = "headers"


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer: the status code, the headers by lower-case name, and the body after its coding is undone.

    `is_whole` says that the body has ended; else it is as much of it as was asked for. `waited` are the seconds that
    the request waited for its turn to connect, `head_took` those from its first byte on the connection to the end of
    the headers, `body_took` those from there to the end of the body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_whole: bool = True
    waited: float = 0.0
    head_took: float = 0.0
    body_took: float = 0.0

    @property
    def is_success(self) -> bool:
        """Whether the status code is a 2xx (RFC 9110, section 15.3)."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a request, in seconds and bytes.

    `total` is for the whole of it, from the name's look-up on; `idle` for the time in which nothing moves, None where
    that is not looked at; until there is a connection `opening` stands in its place, unless None. A body longer than
    `max_body` is an error, or ends there where a part of it will do.
    """

    total: float
    max_body: int
    idle: float | None = None
    opening: float | None = None


def tls_context(ca_file: str | None, verify: bool = True) -> ssl.SSLContext:
    """Make the TLS settings for a client: the system's authorities, or those in `ca_file`.

    Raises OSError (ssl.SSLError is one) where the file cannot be read or holds no certificate.
    """
    if verify:
        return ssl.create_default_context(cafile=ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class HttpClient:
    """Requests over `connections`. Redirects are not followed, cookies not kept, proxies of the environment ignored."""

    def __init__(self, connections: HttpConnections, *, headers: Mapping[str, str]) -> None:
        """Send `headers` with every request."""
        self._connections = connections
        headers = {"Accept-Encoding": "gzip", **headers}
        self._client = httpx.AsyncClient(
            transport=_Transport(connections),
            trust_env=False,
            headers=headers,
            timeout=None,  # noqa: S113 (see Limits)
        )
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    async def close(self) -> None:
        """Close all connections."""
        self._connections.close()
        await self._client.aclose()

    async def request(
        self,
        method: str,
        url: str,
        limits: Limits,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        is_suspect: bool = False,
        waiting: Callable[[], None] = lambda: None,
        look: Callable[[Exchange], None] = lambda exchange: None,
        is_enough: Callable[[bytes], bool] | None = None,
    ) -> HttpAnswer:
        """Send one request and take the answer: the whole of it, unless `is_enough` of the body has come before.

        For a turn to connect it waits as long as it takes, calling `waiting` meanwhile; `look` is told every second how
        far it is. Raises NoAnswer when time is up, RequestStalled (a NoAnswer) where the other side had taken some of
        the request by then, LinkDown when there is no connection, InvalidAnswer for what is not HTTP or is too long.
        """
        exchange = Exchange(is_suspect, waiting, Asked(url, content or b""))
        try:
            request = self._client.build_request(
                method, url, content=content, headers=dict(headers or {}), extensions={_EXCHANGE: exchange}
            )
        except (httpx.InvalidURL, ValueError):
            raise InvalidAnswer("its address is not a valid one") from None
        answering = _Answering(limits, is_enough)
        # In a task of its own, which is given up as a whole when time is up.
        task = asyncio.ensure_future(answering.take(self._client, request))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            limit = await _within(limits, task, exchange, answering, look)
            if task.done():
                return replace(task.result(), waited=exchange.waited)
        except (*FAILURES, httpx.HTTPError, httpx.StreamError, ValueError, InvalidAnswer) as error:
            if (partial := answering.so_far()) is not None and answering.has_enough:
                return partial
            raise _mapped(error, exchange) from None
        finally:
            task.cancel()
            self._connections.finish(exchange)
        if (partial := answering.so_far()) is not None:
            return partial
        raise exchange.timed_out(limit)


async def _within(
    limits: Limits,
    task: "asyncio.Task[HttpAnswer]",
    exchange: Exchange,
    answering: "_Answering",
    tell: Callable[[Exchange], None],
) -> float:
    """Wait until the task is done or a limit of time is reached; return the seconds of the one that comes first.

    The wait for a turn to connect does not count.
    """
    loop = asyncio.get_running_loop()
    began = moved = loop.time()
    progress = exchange.progress
    limit = limits.total
    look = _LOOK if limits.idle is None else min(_LOOK, limits.idle / 10)
    while not task.done():
        now = loop.time()
        if exchange.progress != progress or exchange.is_waiting:
            progress, moved = exchange.progress, now
        left, limit = began + exchange.waited + limits.total - now, limits.total
        idle = limits.idle if exchange.stream is not None or limits.opening is None else limits.opening
        if idle is not None and moved + idle - now < left:
            left, limit = moved + idle - now, idle
        if answering.had_enough_at is not None:
            left = min(left, answering.had_enough_at + _REST_TIME - now)
        if left <= 0 and not exchange.is_waiting:
            return limit
        await asyncio.wait({task}, timeout=min(max(left, 0.01), look))
        tell(exchange)
    return limit


class _Answering:
    """Takes one answer, and knows what has come of it."""

    def __init__(self, limits: Limits, is_enough: Callable[[bytes], bool] | None) -> None:
        self._limits = limits
        self._is_enough = is_enough
        self._response: httpx.Response | None = None
        self._body: Body | None = None
        self._began = 0.0
        self._head_took = 0.0
        self.had_enough_at: float | None = None

    @property
    def has_enough(self) -> bool:
        """Whether what has come will do."""
        return self.had_enough_at is not None

    async def take(self, client: httpx.AsyncClient, request: httpx.Request) -> HttpAnswer:
        """Send the request and take the answer as far as it is wanted."""
        response = self._response = await client.send(request, stream=True)
        self._began = asyncio.get_running_loop().time()
        self._head_took = request.extensions[_EXCHANGE].sent_for
        body = self._body = Body(response.headers.get("content-encoding", ""), self._limits.max_body)
        try:
            async for chunk in response.aiter_raw():
                body.add(chunk)
                if self._is_enough is not None and not self.has_enough and self._is_enough(bytes(body.content)):
                    # The rest is taken only so that the connection can be used again.
                    self.had_enough_at = asyncio.get_running_loop().time()
                if body.is_cut and self._is_enough is None:
                    raise InvalidAnswer(f"the answer is longer than {self._limits.max_body} bytes")
                if body.is_cut:
                    return self._answer(response, body, is_whole=False)
        finally:
            await response.aclose()
        body.end()
        return self._answer(response, body, is_whole=True)

    def so_far(self) -> HttpAnswer | None:
        """Return what has come when time is up, where a part of the body may do."""
        if self._is_enough is not None and self._response is not None and self._body is not None:
            return self._answer(self._response, self._body, is_whole=False)
        return None

    def _answer(self, response: httpx.Response, body: Body, *, is_whole: bool) -> HttpAnswer:
        took = asyncio.get_running_loop().time() - self._began
        headers = dict(response.extensions[_HEADERS])
        content = bytes(body.content)
        return HttpAnswer(response.status_code, headers, content, is_whole, head_took=self._head_took, body_took=took)


class _Transport(httpx.AsyncBaseTransport):
    """Sends over our own connections; each request brings its exchange."""

    def __init__(self, connections: HttpConnections) -> None:
        self._connections = connections

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        port = url.port or (443 if url.scheme == "https" else 80)
        target = Target(url.scheme, url.host, port, url.raw_path)
        assert isinstance(request.stream, httpx.AsyncByteStream)  # noqa: S101 (httpx: what an AsyncClient sends)
        response = await self._connections.send(
            request.extensions[_EXCHANGE], request.method.encode(), target, request.headers.raw, request.stream
        )
        # httpx would take a redirect apart, though it is not followed, and fail where its address is not valid.
        headers = [(name, value) for name, value in response.headers if name.lower() != b"location"]
        return httpx.Response(
            response.status,
            headers=headers,
            stream=_Body(response.body),
            extensions={_HEADERS: httpx.Headers(list(response.headers))},
        )


class _Body(httpx.AsyncByteStream):
    def __init__(self, pieces: AsyncGenerator[bytes, None]) -> None:
        self._pieces = pieces

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces

    async def aclose(self) -> None:
        await self._pieces.aclose()


def _mapped(error: Exception, exchange: Exchange) -> ReadError:
    if isinstance(error, ReadError):
        return error
    return exchange.failed(error) if isinstance(error, FAILURES) else InvalidAnswer("the answer is not valid HTTP")
