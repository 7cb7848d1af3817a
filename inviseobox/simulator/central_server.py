"""The Inviseo server: hands out the device list, takes status and values, and remembers all that it was told.

It speaks either form of the API: `documented` (GET /workers/devices/data, POST /fields/) or `deployed`
(GET /workers, POST /fields/bulk). The paths of the other form are unknown to it.
"""

import hashlib
import json
import ssl
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from inviseobox.simulator.central_schema import Field, KnownDevices, SchemaError, envelope, parse_json
from inviseobox.simulator.changes import Changes
from inviseobox.simulator.http_server import HttpServer, Request, Response
from inviseobox.simulator.received import (
    Exchange,
    ReceivedBatch,
    ReceivedField,
    ReceivedStatus,
    conflicting,
    window_ends,
)

Form = Literal["documented", "deployed"]
Route = Literal["list", "status", "fields"]

BASE_PATH = "/api"
EXPRESS_BODY_LIMIT = 100 * 1024

_ROUTES: dict[Form, dict[tuple[str, str], Route]] = {
    "documented": {
        ("GET", "/workers/devices/data"): "list",
        ("POST", "/devices/status"): "status",
        ("POST", "/fields"): "fields",
    },
    "deployed": {
        ("GET", "/workers"): "list",
        ("POST", "/devices/status"): "status",
        ("POST", "/fields/bulk"): "fields",
    },
}
_HTML = {"Content-Type": "text/html; charset=utf-8"}
_JSON = {"Content-Type": "application/json; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """A scripted answer; with `stores` the request is served as usual and only its answer is replaced."""

    response: Response
    stores: bool = False


Script = Callable[[Request], Outcome | None]
"""Decides the answer to one request; None leaves it to the server."""


class CentralServer:
    """The API on one HTTP server; `received`, `batches`, `statuses`, `violations` and `exchanges` only grow.

    `devices` is what the device list request answers; assign another list at any time, as `max_body`
    (bytes, 413 above), `form` and `token`. `interval` (seconds) is told by the deployed form only.
    `clock` returns arrival times in seconds since the epoch; the Date of answers is `date_ahead` seconds ahead of it,
    and is left out where that is None.
    """

    def __init__(
        self,
        devices: list[Any],
        *,
        token: str,
        form: Form = "documented",
        interval: int = 1800,
        max_body: int = EXPRESS_BODY_LIMIT,
        clock: Callable[[], float] = time.time,
        changes: Changes | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.token = token
        self.form: Form = form
        self.interval = interval
        self.changes = changes or Changes()
        self.received: list[ReceivedField] = []
        self.batches: list[ReceivedBatch] = []
        self.statuses: list[ReceivedStatus] = []
        self.violations: list[str] = []
        self.exchanges: list[Exchange] = []
        self.max_body = max_body
        self.date_ahead: float | None = 0.0
        self.http = HttpServer(self._handle, clock=self._date, ssl_context=ssl_context)
        self._clock = clock
        self._known = KnownDevices()
        self._scripts: dict[Route, Script] = {}
        self.devices = devices

    @property
    def devices(self) -> list[Any]:
        """The device list as it is handed out."""
        return self._devices

    @devices.setter
    def devices(self, devices: list[Any]) -> None:
        self._devices = devices
        self._known.learn(devices)

    @property
    def url(self) -> str:
        """The base of the API, as a box is configured with it."""
        return self.http.origin + BASE_PATH

    def _date(self) -> float | None:
        return None if self.date_ahead is None else self._clock() + self.date_ahead

    def script(self, route: Route, outcomes: Iterable[Outcome] | Script | None) -> None:
        """Answer the next requests of `route` with `outcomes`, one each, then as usual again.

        A callable decides for each request; None ends a script.
        """
        if outcomes is None:
            self._scripts.pop(route, None)
        else:
            self._scripts[route] = outcomes if callable(outcomes) else _one_each(iter(outcomes))

    def conflicts(self) -> list[tuple[ReceivedField, ReceivedField]]:
        """Return pairs of reports of one measurement and window end that do not say the same."""
        return conflicting(tuple(self.received))

    def window_ends(self, measurements: Collection[str] = ()) -> list[int]:
        """Return the ends of windows with a report of every one of `measurements`, or of any, ascending."""
        return window_ends(tuple(self.received), measurements)

    async def wait_until(self, predicate: Callable[[], bool], within: float) -> None:
        """Wait as `Changes.until` does."""
        await self.changes.until(predicate, within)

    async def wait_for_windows(self, count: int, within: float, measurements: Collection[str] = ()) -> None:
        """Wait until `window_ends(measurements)` has `count` entries.

        Raises TimeoutError, which says what came instead.
        """
        try:
            await self.changes.until(lambda: len(self.window_ends(measurements)) >= count, within)
        except TimeoutError as error:
            raise TimeoutError(f"{count} windows {error}: {self.summary()}") from None

    def summary(self) -> str:
        """Summarize what has been received so far, in one line for a failed test."""
        answers = [f"{exchange.method} {exchange.path} {exchange.status}" for exchange in self.exchanges[-5:]]
        return (
            f"{len(self.received)} fields of windows {self.window_ends()}, {len(self.statuses)} statuses, "
            f"violations {self.violations[-3:]}, last answers {answers}"
        )

    async def _handle(self, request: Request) -> Response:
        route = self._route(request)
        if route is None:
            response = _html(404, f"Cannot {request.method} {request.path}")
        elif len(request.body) > self.max_body:
            response = _html(413, "PayloadTooLargeError: request entity too large")
        else:
            outcome = self._scripts[route](request) if route in self._scripts else None
            if outcome is None:
                response = self._serve(route, request)
            else:
                if outcome.stores:
                    self._serve(route, request)
                response = outcome.response
        self.exchanges.append(Exchange(self._clock(), request.method, request.path, response.status))
        self.changes.notify()
        return response

    def _route(self, request: Request) -> Route | None:
        if not request.path.startswith(BASE_PATH + "/"):
            return None
        return _ROUTES[self.form].get((request.method, request.path.removeprefix(BASE_PATH).rstrip("/")))

    def _serve(self, route: Route, request: Request) -> Response:
        if route == "list":
            return self._device_list(request.query.get("token"))
        try:
            if not request.headers.get("content-type", "").startswith("application/json"):
                raise SchemaError(f"Content-Type is {request.headers.get('content-type')!r}")
            token, payload = envelope(parse_json(request.body), route)
            if not self._knows(token):
                return _json(401, {"message": "Unauthorized"})
            if route == "status":
                self._take_status(request, payload)
            else:
                self._take_fields(request, payload)
        except SchemaError as violation:
            self.violations.append(str(violation))
            return _json(400, {"message": str(violation)})
        return Response(200, _HTML, b"OK")

    def _device_list(self, token: object) -> Response:
        if not self._knows(token):
            return _json(401, {"message": "Unauthorized"})
        if self.form == "documented":
            return _json(200, self._devices)
        worker = {
            "_id": "65a000000000000000000001",
            "name": "Simulated box",
            "site": "65a000000000000000000002",
        }
        return _json(200, {**worker, "interval": self.interval, "devices": self._devices, "token": self.token})

    def _take_status(self, request: Request, payload: object) -> None:
        devices = self._known.check_status(payload)
        self.statuses.append(ReceivedStatus(self._clock(), request.headers.get("idempotency-key"), devices))

    def _take_fields(self, request: Request, payload: object) -> None:
        if self.form == "deployed":
            if not isinstance(payload, dict) or set(payload) != {"fields"}:
                raise SchemaError("fields is not an object with the one key fields")
            payload = payload["fields"]
        if not isinstance(payload, list):
            raise SchemaError("fields is not a list")
        at, key = self._clock(), request.headers.get("idempotency-key")
        checked = [self._known.check_field(item) for item in payload]
        fields = tuple(_received(at, key, field) for field in checked)
        self.received.extend(fields)
        self.batches.append(ReceivedBatch(at, key, _digest(request.body), len(request.body), fields))

    def _knows(self, token: object) -> bool:
        return token == self.token


def _one_each(outcomes: Iterator[Outcome]) -> Script:
    return lambda request: next(outcomes, None)


def _received(at: float, key: str | None, field: Field) -> ReceivedField:
    return ReceivedField(at, key, field.measurement, field.value, field.timestamp, field.end)


def _digest(body: bytes) -> str:
    # The list of fields is the only list of the envelope whose brackets are outermost.
    return hashlib.sha256(body[body.index(b"[") : body.rindex(b"]") + 1]).hexdigest()


def _json(status: int, document: object) -> Response:
    # A lone surrogate has no UTF-8; its backslash form is what JSON calls it.
    return Response(
        status,
        _JSON,
        json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace"),
    )


def _html(status: int, text: str) -> Response:
    return Response(status, _HTML, f"<!DOCTYPE html>\n<html><body><pre>{text}</pre></body></html>\n".encode())
