"""A sensor page as ESP sketches serve them: JSON labelled text/html, one answer a connection."""

import asyncio
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from inviseobox.simulator.changes import Changes
from inviseobox.simulator.http_server import HttpServer, Request, Response, Sending, whole
from inviseobox.simulator.signals import Counter, Wave

Served = Callable[[Any], None]
"""Told of each document that a reader should take, just before it is sent."""

_temperature = Wave(4.2, 2.8, 37.0)
_humidity = Wave(63.5, 11.0, 59.0, 0.4)
_pressure = Wave(2.5, 0.9, 43.0, 1.3)
_pulses = Counter(48_000.0, Wave(3.0, 1.5, 23.0))


def cold_room_document(t: float) -> Mapping[str, Any]:
    """Return the page `t` seconds after the site was switched on: numbers, numeric text, plain text."""
    return {
        "temp1": round(_temperature(t), 2),
        "hum1": f"{_humidity(t):.2f}",
        "nested": {"a": [1, round(_pressure(t), 2)]},
        "pulses": math.floor(_pulses(t)),
        "name": "ESP-chambre-froide",
    }


@dataclass(frozen=True, slots=True)
class Page:
    """An answer on its way out: `document`, or `body` instead of it, `delay` seconds after the request.

    `counts`: a reader should take it, so the log of what was served has it.
    """

    document: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    body: bytes | None = None
    delay: float = 0.0
    sending: Sending = whole
    counts: bool = True


PageFault = Callable[[Request, Page], Page]
"""Stands between the page and the wire; see `page_faults`."""


class SensorPage:
    """Serves `document` under /, whatever the query, as its faults have it, and under /page as it is.

    /hop/3 redirects to /hop/2 and so on, /hop/1 to /page; all else is 404. `requests` only grows, and `changes`
    tells so.
    """

    def __init__(
        self,
        document: Callable[[], Any],
        *,
        served: Served | None = None,
        clock: Callable[[], float] = time.time,
        changes: Changes | None = None,
    ) -> None:
        self.document = document
        self.http = HttpServer(self._handle, clock=clock)
        self.requests: list[Request] = []
        self._served = served
        self._changes = Changes() if changes is None else changes
        self._faults: tuple[PageFault, ...] = ()

    @property
    def url(self) -> str:
        """Where the page is."""
        return self.http.origin + "/"

    def set_faults(self, *faults: PageFault) -> None:
        """Replace the faults of the page, the first of which is applied first; without any it is well again."""
        self._faults = faults

    async def _handle(self, request: Request) -> Response:
        self.requests.append(request)
        self._changes.notify()
        headers = {"Content-Type": "text/html", "Connection": "close"}
        hop = request.path.removeprefix("/hop/")
        if request.method == "GET" and hop.isdecimal():
            onward = f"/hop/{int(hop) - 1}" if int(hop) > 1 else "/page"
            return Response(302, {**headers, "Location": onward})
        if request.method != "GET" or request.path not in ("/", "/page"):
            return Response(404, headers, b"Not found")
        page = Page(self.document(), headers=headers)
        if request.path == "/":
            for fault in self._faults:
                page = fault(request, page)
        await asyncio.sleep(page.delay)
        if page.counts and self._served is not None:
            self._served(page.document)
        body = json.dumps(page.document).encode() if page.body is None else page.body
        return Response(page.status, page.headers, body, page.sending)
