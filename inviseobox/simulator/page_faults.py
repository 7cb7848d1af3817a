"""What can be wrong with a sensor page; for `SensorPage.set_faults`. `fault_choice` has Times, Script and Sometimes."""

import asyncio
import json
import zlib
from dataclasses import replace
from typing import Any

from inviseobox.simulator.http_server import Connection, Request, dripping, never, reset, whole
from inviseobox.simulator.sensor_page import Page, PageFault

_CHUNK = 65536
_GZIP = 31
"""zlib's window bits for a gzip stream (zlib.h, deflateInit2)."""


def status(code: int) -> PageFault:
    """Answer with another status and the right body."""
    return lambda request, page: replace(page, status=code, counts=False)


def instead(body: bytes, content_type: str = "text/html", code: int = 200) -> PageFault:
    """Answer with another body: not JSON, other JSON, nothing at all."""

    def fault(request: Request, page: Page) -> Page:
        headers = {**page.headers, "Content-Type": content_type}
        return replace(page, status=code, headers=headers, body=body, counts=False)

    return fault


def not_json(request: Request, page: Page) -> Page:
    """Answer as a device does that is just restarting."""
    return instead(b"<html><body><h1>Starting...</h1></body></html>")(request, page)


def nested(depth: int = 100_000) -> PageFault:
    """Answer with lists in lists, `depth` deep."""
    return instead(b"[" * depth + b"]" * depth)


def with_value(key: str, value: Any) -> PageFault:
    """Set the top-level `key` to this value; a NaN goes out as NaN, which is not valid JSON."""
    return lambda request, page: replace(page, document={**page.document, key: value})


def without(key: str) -> PageFault:
    """Leave out the top-level `key`."""

    def fault(request: Request, page: Page) -> Page:
        return replace(page, document={name: value for name, value in page.document.items() if name != key})

    return fault


def slow(seconds: float) -> PageFault:
    """Answer `seconds` later; the answer counts as served when it goes out."""
    return lambda request, page: replace(page, delay=page.delay + seconds)


def drip(pause: float) -> PageFault:
    """Send the body byte by byte with `pause` seconds before each; it does not count as served."""
    return lambda request, page: replace(page, sending=dripping(pause), counts=False)


def hang(request: Request, page: Page) -> Page:
    """Send no answer, and leave the connection open."""
    return replace(page, sending=never, counts=False)


def hang_up(request: Request, page: Page) -> Page:
    """Reset the connection instead of answering."""
    return replace(page, sending=reset, counts=False)


def cut_short(request: Request, page: Page) -> Page:
    """End the connection ten bytes before the announced end of the body."""
    body = json.dumps(page.document).encode()
    headers = {**page.headers, "Content-Length": str(len(body) + 10)}
    return replace(page, body=body, headers=headers, counts=False)


def huge(size: int) -> PageFault:
    """Answer with `size` bytes of JSON, announced as such."""

    async def sending(connection: Connection, head: bytes, body: bytes) -> None:
        await whole(connection, head, b"[0")
        left = size - 3
        while left > 0:
            await whole(connection, b"", b" " * min(left, _CHUNK))
            left -= _CHUNK
        await whole(connection, b"", b"]")

    def fault(request: Request, page: Page) -> Page:
        headers = {**page.headers, "Content-Length": str(size)}
        return replace(page, headers=headers, body=b"", sending=sending, counts=False)

    return fault


def endless(pause: float = 0.0) -> PageFault:
    """Answer with a chunked body that never ends, with `pause` seconds before each 64 KiB."""

    async def sending(connection: Connection, head: bytes, body: bytes) -> None:
        await whole(connection, head, b"1\r\n[\r\n")
        while True:
            await asyncio.sleep(pause)
            await whole(connection, b"", b"%x\r\n%b\r\n" % (_CHUNK, b" " * _CHUNK))

    def fault(request: Request, page: Page) -> Page:
        headers = {**page.headers, "Transfer-Encoding": "chunked"}
        return replace(page, headers=headers, body=b"", sending=sending, counts=False)

    return fault


def bomb(size: int) -> PageFault:
    """Answer with a small gzip body that unpacks to `size` bytes of JSON."""
    packer = zlib.compressobj(level=9, wbits=_GZIP)
    parts = [packer.compress(b"[0")]
    parts += [packer.compress(b" " * min(_CHUNK, size - 3 - at)) for at in range(0, size - 3, _CHUNK)]
    body = b"".join([*parts, packer.compress(b"]"), packer.flush()])

    def fault(request: Request, page: Page) -> Page:
        headers = {**page.headers, "Content-Encoding": "gzip"}
        return replace(page, headers=headers, body=body, counts=False)

    return fault


def redirect(location: str, code: int = 302) -> PageFault:
    """Redirect: /page is good, /hop/2 takes two more redirects, / goes in a circle, a URL may lead to another host."""

    def fault(request: Request, page: Page) -> Page:
        return replace(page, status=code, headers={**page.headers, "Location": location}, body=b"", counts=False)

    return fault
