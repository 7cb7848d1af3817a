"""Invalid answers: random bytes, frames and pages with something changed, and the judge of what may be read."""

import gzip
import http.client
import io
import json
import os
import random
import re
import struct
from collections.abc import Callable, Iterator

from tests.support.modbus_frames import crc, rtu

COUNT = int(os.environ.get("INVISEOBOX_RUBBISH", "10000"))
"""Answers over TCP in both framings."""
SLOW_COUNT = int(os.environ.get("INVISEOBOX_RUBBISH", "2500"))
"""Answers on a serial port and of a page, where each takes several times as long."""

_TELLING = (0, 1, 2, 3, 4, 5, 0x2B, 0x7F, 0x80, 0x81, 0x83, 0x84, 0xFE, 0xFF)
"""Bytes that mean something in a frame."""


def _flipped(data: bytes, at: int, some: bytes, dice: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 3, 16))):
        changed[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    return bytes(changed)


_MUTATIONS: tuple[Callable[[bytes, int, bytes, random.Random], bytes], ...] = (
    lambda data, at, some, dice: dice.randbytes(dice.randrange(300)),
    lambda data, at, some, dice: data[:at],
    lambda data, at, some, dice: data[at:],
    lambda data, at, some, dice: data[:at] + some + data[at:],
    lambda data, at, some, dice: some + data,
    lambda data, at, some, dice: data + some,
    lambda data, at, some, dice: data[:at] + data[at + len(some) :],
    lambda data, at, some, dice: data + data,
    lambda data, at, some, dice: data[:at] + data,
    lambda data, at, some, dice: data[:at] + bytes([dice.choice(_TELLING)]) + data[at + 1 :],
    _flipped,
    _flipped,
)


def mutated(data: bytes, dice: random.Random) -> bytes:
    """Return `data` with something changed, or something else altogether."""
    at = dice.randrange(len(data) + 1)
    some = dice.randbytes(dice.choice((1, 2, 3, 8, 40)))
    return dice.choice(_MUTATIONS)(data, at, some, dice)


def spoilt_frame(frame: bytes, request: bytes, dice: random.Random, *, is_tcp: bool) -> bytes:
    """Return a frame that goes out instead of the right one."""
    match dice.randrange(6):
        case 0:
            return request if dice.random() < 0.5 else request + frame
        case 1:
            # What is around it is in order, only the PDU is not.
            pdu = mutated(frame[7:] if is_tcp else frame[1:-2], dice)[:250]
            return frame[:4] + struct.pack(">HB", len(pdu) + 1, frame[6]) + pdu if is_tcp else rtu(frame[0], pdu)
        case _:
            return mutated(frame, dice)


def readable_rtu(data: bytes, unit: int, function: int, count: int) -> Iterator[list[int]]:
    """Yield the registers in each valid answer to this read, wherever in `data` it is."""
    size = 5 + 2 * count
    for at in range(len(data) - size + 1):
        frame = data[at : at + size]
        if frame[:3] == bytes([unit, function, 2 * count]) and crc(frame[:-2]) == frame[-2:]:
            yield list(struct.unpack(f">{count}H", frame[3:-2]))


def readable_tcp(data: bytes, transaction: bytes, unit: int, function: int, count: int) -> Iterator[list[int]]:
    """Yield the registers in each valid answer to this very request, wherever in `data` it is."""
    size = 9 + 2 * count
    head = transaction + struct.pack(">HHBBB", 0, 3 + 2 * count, unit, function, 2 * count)
    for at in range(len(data) - size + 1):
        if data[at : at + 9] == head:
            yield list(struct.unpack(f">{count}H", data[at + 9 : at + size]))


_REASONS = {200: "OK", 204: "No Content", 302: "Found", 404: "Not Found", 503: "Service Unavailable"}


def page(value: float, dice: random.Random) -> bytes:
    """Return the bytes of a right answer of a sensor."""
    body = json.dumps({"temp1": value, "name": "chambre froide"}).encode()
    headers = [b"Content-Type: text/html"]
    if dice.random() < 0.2:
        body = gzip.compress(body, mtime=0)
        headers.append(b"Content-Encoding: gzip")
    if dice.random() < 0.3:
        half = len(body) // 2
        headers.append(b"Transfer-Encoding: chunked")
        body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:half], body[half:], b""))
    else:
        headers.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([b"HTTP/1.1 200 OK", *headers, b"", b""]) + body


def spoilt_page(answer: bytes, dice: random.Random) -> bytes:
    """Return what goes out instead of a right answer."""
    if dice.random() < 0.3:
        status = dice.choice(list(_REASONS))
        return answer.replace(b"200 OK", f"{status} {_REASONS[status]}".encode(), 1)
    return mutated(answer, dice)


class _Received(io.BytesIO):
    def makefile(self, mode: str) -> io.BytesIO:
        return self


def _document(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        found = re.search(rb'"(\w+)"\s*:\s*"?([^\s,}"]+)', body)
        return {found[1].decode(): found[2].decode("latin-1")} if found else None


def readable_page(data: bytes) -> object:
    """Return the document of an answer that the standard library's client finds complete and successful, else None.

    Of one that is no JSON the value of its first key, if that stands there: the rest of a page may be spoilt.
    """
    # Versions that do not exist are no error to httpx.
    data = re.sub(rb"\AHTTP/\d\.\d", b"HTTP/1.1", data)
    response = http.client.HTTPResponse(_Received(data), method="GET")  # type: ignore[arg-type]
    try:
        response.begin()
        body = response.read()
        # What is no coding is ignored, also beside one.
        codings = [one.strip().lower() for one in response.getheader("Content-Encoding", "").split(",")]
        if any(one in ("gzip", "x-gzip") for one in codings):
            body = gzip.decompress(body)
        document: object = _document(body)
    except (http.client.HTTPException, ValueError, OSError, EOFError, RecursionError):
        return None
    return document if 200 <= response.status < 300 else None
