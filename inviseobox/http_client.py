"""httpx, set up so that it behaves alike on 0.23 and 0.28, with bodies that are bounded in size and time."""

import asyncio
import logging
import ssl
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

# Its command line costs 6 MB and 33 ms at import and is not used here.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
import httpx  # noqa: E402

from inviseobox.errors import InvalidAnswer, LinkDown, NoAnswer, ReadError  # noqa: E402
from inviseobox.untrusted import shown  # noqa: E402

# They log whole URLs, and the server's hold the token.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

_CLOSING_TIME = 1.0


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A complete answer: the status code, the headers by lower-case name, and the body after decompression."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status code is a 2xx (RFC 9110, section 15.3)."""
        return 200 <= self.status < 300


def tls_context(ca_file: str | None, verify: bool = True) -> ssl.SSLContext:
    """Make the TLS settings for a client: the system's authorities, or those in `ca_file`.

    Raises OSError (ssl.SSLError is one) where the file cannot be read or holds no certificate.
    """
    context = ssl.create_default_context(cafile=ca_file)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class HttpClient:
    """One connection pool. Redirects are not followed and proxies of the environment not used."""

    def __init__(self, context: ssl.SSLContext, *, headers: Mapping[str, str]) -> None:
        """Use `context` for https, and send `headers` with every request."""
        headers = {"Accept-Encoding": "gzip", **headers}
        # The time limit of each request bounds the whole of it; httpx's own would bound each step.
        self._client = httpx.AsyncClient(verify=context, trust_env=False, headers=headers, timeout=None)  # noqa: S113

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def request(
        self,
        method: str,
        url: str,
        *,
        timeout: float,
        max_body: int,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HttpAnswer:
        """Send one request and take the whole answer within `timeout` seconds and `max_body` bytes.

        Raises NoAnswer when time is up, LinkDown when there is no connection, InvalidAnswer for anything that is not
        HTTP or is too long.
        """
        # In a task of its own: what anyio 3.6 (Debian 12) uses to connect leaves the task that it runs in with a
        # cancellation that is never taken back, and every later time limit in that task would end it.
        exchange = asyncio.ensure_future(self._exchange(method, url, max_body, content, dict(headers or {})))
        exchange.add_done_callback(lambda task: task.cancelled() or task.exception())
        try:
            await asyncio.wait({exchange}, timeout=timeout)
            if exchange.done():
                return exchange.result()
        finally:
            exchange.cancel()
        # Until its connection is closed; closing waits for nobody, the limit is for a fault in a library.
        await asyncio.wait({exchange}, timeout=_CLOSING_TIME)
        raise NoAnswer(f"no complete answer within {timeout:.3g} s")

    async def _exchange(
        self, method: str, url: str, max_body: int, content: bytes | None, headers: dict[str, str]
    ) -> HttpAnswer:
        try:
            async with self._client.stream(method, url, content=content, headers=headers) as response:
                body = bytearray()
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) > max_body:
                        raise _too_long(max_body)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError, OSError) as error:
            raise _mapped(error) from None
        encoding = response.headers.get("content-encoding", "identity").lower()
        return HttpAnswer(response.status_code, dict(response.headers), _decoded(bytes(body), encoding, max_body))


def _too_long(max_body: int) -> InvalidAnswer:
    return InvalidAnswer(f"the answer is longer than {max_body} bytes")


def _decoded(body: bytes, encoding: str, max_body: int) -> bytes:
    """Undo the content coding (RFC 9110, section 8.4.1) without ever holding more than `max_body` bytes of the result.

    httpx would do it chunk by chunk, each of which may grow a thousandfold before its size is known.
    """
    if encoding == "identity":
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise InvalidAnswer(f"the answer is compressed in a way that was not asked for: {shown(encoding)}")
    try:
        plain = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(body, max_body + 1)
    except zlib.error:
        raise InvalidAnswer("the answer is not compressed as it says") from None
    if len(plain) > max_body:
        raise _too_long(max_body)
    return plain


def _mapped(error: Exception) -> ReadError:
    """Name the cause behind httpx's error without httpx's text, which may hold the URL and so the token."""
    if isinstance(error, httpx.ConnectError | ssl.SSLError):
        # On Debian 12 the error of TLS comes as it is.
        return LinkDown(_connect_reason(str(error)))
    if isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError | OSError):
        return LinkDown("the connection was closed in mid-answer")
    return InvalidAnswer("the answer is not valid HTTP")


def _connect_reason(text: str) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in text:
        why = text.partition("failed: ")[2].partition(" (_ssl")[0]
        return f"its TLS certificate is not valid: {why or 'verification failed'}"
    for mark, reason in (
        ("Name or service not known", "its name is unknown (DNS)"),
        ("Temporary failure in name resolution", "its name cannot be resolved (DNS)"),
        ("No address associated", "its name has no address (DNS)"),
        ("SSL", "it does not speak TLS as it should"),
    ):
        if mark in text:
            return reason
    return f"no connection ({text})" if text else "no connection"
