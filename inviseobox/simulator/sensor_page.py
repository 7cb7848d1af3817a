"""A sensor page as ESP sketches serve them: JSON labelled text/html, one answer a connection."""

import json
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from inviseobox.simulator.http_server import HttpServer, Request, Response
from inviseobox.simulator.signals import Counter, Wave

Served = Callable[[Any], None]
"""Told of each document just before it is sent."""

_temperature = Wave(4.2, 2.8, 37.0)
_humidity = Wave(63.5, 11.0, 59.0, 0.4)
_pressure = Wave(2.5, 0.9, 43.0, 1.3)
_pulses = Counter(48_000.0, Wave(3.0, 1.5, 23.0))


def cold_room_document(t: float) -> Mapping[str, Any]:
    """What the page says `t` seconds after the site was switched on: numbers, numeric text, plain text."""
    return {
        "temp1": round(_temperature(t), 2),
        "hum1": f"{_humidity(t):.2f}",
        "nested": {"a": [1, round(_pressure(t), 2)]},
        "pulses": math.floor(_pulses(t)),
        "name": "ESP-chambre-froide",
    }


class SensorPage:
    """Serves `document` under /, whatever the query, and 404 elsewhere."""

    def __init__(
        self,
        document: Callable[[], Any],
        *,
        served: Served | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.document = document
        self.http = HttpServer(self._handle, clock=clock)
        self._served = served

    @property
    def url(self) -> str:
        """Where the page is."""
        return self.http.origin + "/"

    async def _handle(self, request: Request) -> Response:
        headers = {"Content-Type": "text/html", "Connection": "close"}
        if request.method != "GET" or request.path != "/":
            return Response(404, headers, b"Not found")
        document = self.document()
        if self._served is not None:
            self._served(document)
        return Response(200, headers, json.dumps(document).encode())
