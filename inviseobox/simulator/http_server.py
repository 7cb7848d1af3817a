"""A small HTTP/1.1 server (RFC 9112) that answers well by default and badly on request.

What the answer says is in `Response`; how it travels is the response's `sending` function: whole, byte by
byte, never, or cut off by a reset.
"""

import asyncio
import socket
import ssl
import struct
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from types import MappingProxyType
from urllib.parse import parse_qsl, urlsplit

from inviseobox.simulator.listener import Listener

MAX_BODY = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Connection:
    """The two ends of one accepted connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


Sending = Callable[[Connection, bytes, bytes], Awaitable[None]]
"""Brings head and body of an answer to the peer, each in its own way."""


async def whole(connection: Connection, head: bytes, body: bytes) -> None:
    """Send the answer at once."""
    connection.writer.write(head + body)
    await connection.writer.drain()


async def never(connection: Connection, head: bytes, body: bytes) -> None:
    """Leave the peer without an answer until it gives up."""
    while await connection.reader.read(65536):
        pass


async def reset(connection: Connection, head: bytes, body: bytes) -> None:
    """Cut the connection with a TCP RST instead of an answer."""
    connection.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.writer.transport.abort()


def dripping(pause: float) -> Sending:
    """Send the head at once and the body byte by byte, with `pause` seconds before each byte."""

    async def drip(connection: Connection, head: bytes, body: bytes) -> None:
        await whole(connection, head, b"")
        for position in range(len(body)):
            await asyncio.sleep(pause)
            await whole(connection, b"", body[position : position + 1])

    return drip


@dataclass(frozen=True, slots=True)
class Request:
    """One request: `path` without the query, header names in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """One answer. Content-Length, Date and Connection are added unless `headers` has them.

    With a Transfer-Encoding there is no Content-Length (RFC 9112, section 6.2).
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    body: bytes = b""
    sending: Sending = whole


Handler = Callable[[Request], Awaitable[Response]]


class _RefusedError(Exception):
    """The request cannot be served; the connection closes after `status`."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class HttpServer:
    """Serves `handler` over keep-alive connections; what it cannot understand is refused and closed.

    `clock` returns the time of the Date header, in seconds since the epoch; None leaves the header out, as a server
    without a clock has to (RFC 9110, section 6.6.1).
    """

    def __init__(
        self,
        handler: Handler,
        *,
        clock: Callable[[], float | None] = time.time,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.handler = handler
        self._clock = clock
        self._scheme = "http" if ssl_context is None else "https"
        self.listener = Listener(self._serve, ssl_context)

    @property
    def origin(self) -> str:
        """Scheme, host and port as a URL without a path."""
        return f"{self._scheme}://{self.listener.host}:{self.listener.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        keep = True
        while keep and not writer.transport.is_closing():
            try:
                request = await self._read_request(reader)
            except _RefusedError as refusal:
                await self._send(connection, _plain_refusal(refusal.status), keep=False)
                await _drain(reader, MAX_BODY)
                return
            if request is None:
                return
            keep = request.headers.get("connection", "").lower() != "close"
            response = await self.handler(request)
            keep = keep and _header(response.headers, "connection").lower() != "close"
            await self._send(connection, response, keep)

    async def _read_request(self, reader: asyncio.StreamReader) -> Request | None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        except asyncio.LimitOverrunError as error:
            raise _RefusedError(431) from error
        start_line, *lines = head[:-4].decode("latin-1").split("\r\n")
        parts = start_line.split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            raise _RefusedError(400)
        headers: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                raise _RefusedError(400)
            headers[name.lower()] = value.strip()
        if parts[2] == "HTTP/1.0":
            headers.setdefault("connection", "close")
        target = urlsplit(parts[1])
        query = dict(parse_qsl(target.query, keep_blank_values=True))
        return Request(parts[0], target.path, query, headers, await self._read_body(reader, headers))

    async def _read_body(self, reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
        if "transfer-encoding" in headers:
            raise _RefusedError(501)
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            raise _RefusedError(400)
        if int(length) > MAX_BODY:
            raise _RefusedError(413)
        return await reader.readexactly(int(length))

    async def _send(self, connection: Connection, response: Response, keep: bool) -> None:
        now = self._clock()
        added = {} if now is None else {"Date": formatdate(now, usegmt=True)}
        added |= {
            "Content-Length": str(len(response.body)),
            "Connection": "keep-alive" if keep else "close",
        }
        present = {name.lower() for name in response.headers}
        if "transfer-encoding" in present:
            del added["Content-Length"]
        lines = [f"HTTP/1.1 {response.status} {_reason(response.status)}"]
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        lines += [f"{name}: {value}" for name, value in added.items() if name.lower() not in present]
        await response.sending(connection, ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), response.body)


def _plain_refusal(status: int) -> Response:
    body = f"<!DOCTYPE html>\n<html><body><pre>{status} {_reason(status)}</pre></body></html>\n".encode()
    return Response(status, {"Content-Type": "text/html; charset=utf-8"}, body)


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _header(headers: Mapping[str, str], name: str) -> str:
    return next((value for key, value in headers.items() if key.lower() == name), "")


async def _drain(reader: asyncio.StreamReader, limit: int) -> None:
    # A socket closed with unread bytes sends a reset, and the peer may lose the answer that is on its way.
    while limit > 0:
        chunk = await reader.read(65536)
        if not chunk:
            return
        limit -= len(chunk)
