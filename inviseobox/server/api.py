"""The Inviseo API, in the two forms in which it exists."""

import platform
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import inviseobox
from inviseobox.clock import UptimeClock, boot_clock
from inviseobox.configuration import ApiForm, Configuration
from inviseobox.errors import (
    ConnectionLost,
    DeliveryError,
    InvalidAnswer,
    ReadError,
    RequestStalled,
    ServerNotReached,
    ServerStalled,
    ServerUnreachable,
)
from inviseobox.network.http_client import HttpAnswer, HttpClient, Limits, tls_context
from inviseobox.network.http_connections import Exchange, HttpConnections
from inviseobox.network.name_lookup import NameLookups
from inviseobox.server.answers import Answer, is_decided, retry_after, server_date

IDLE_TIMEOUT = 30.0
"""Seconds in which something of a request or of its answer must move."""
TOTAL_TIMEOUT = 600.0
"""Seconds for one request, however slowly it moves."""
MAX_DEVICE_LIST = 16_777_216
MAX_WORDS = 4096
"""Bytes of the answer to a POST in which it must become clear what it is."""


@dataclass(frozen=True, slots=True)
class _Paths:
    device_list: str
    values: str
    fields_envelope: tuple[str, str]


_FORMS = {
    ApiForm.DOCUMENTED: _Paths("/workers/devices/data", "/fields/", ("", "")),
    ApiForm.DEPLOYED: _Paths("/workers", "/fields/bulk", ('{"fields":', "}")),
}
_STATUS = "/devices/status"


class CentralApi:
    """The calls of the API. Each raises DeliveryError where no answer came; what an answer means is for the caller."""

    def __init__(
        self,
        configuration: Configuration,
        lookups: NameLookups,
        uptime: UptimeClock = boot_clock,
        system_tls: ssl.SSLContext | None = None,
    ) -> None:
        """Prepare for the server that the configuration names, with look-ups that nothing else uses.

        Raises OSError where `ca_file` cannot be used. What answers say of the time is compared with `uptime`. Where the
        configuration names no `ca_file`, `system_tls` saves another copy of the system's authorities, 0.8 MB.
        """
        self.url = configuration.url
        """The address under which the server has its API."""
        self._uptime = uptime
        self._token = configuration.token
        agent = f"inviseobox/{inviseobox.__version__} python/{platform.python_version()}"
        tls = system_tls if configuration.ca_file is None else None
        connections = HttpConnections(tls or tls_context(configuration.ca_file), lookups, keeps_one=True)
        self._client = HttpClient(connections, headers={"User-Agent": agent})

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def device_list(self, form: ApiForm) -> Answer:
        """Ask for the device list."""
        return await self.watched_device_list(form, Limits(TOTAL_TIMEOUT, MAX_DEVICE_LIST, IDLE_TIMEOUT))

    async def watched_device_list(
        self, form: ApiForm, limits: Limits, look: Callable[[Exchange], None] = lambda exchange: None
    ) -> Answer:
        """Ask for the device list within these limits; `look` is told every second or so how far that has come."""
        return await self._device_list(form, limits, look=look)

    async def begun_device_list(
        self, form: ApiForm, seconds: float, idle: float, look: Callable[[Exchange], None] = lambda exchange: None
    ) -> Answer:
        """Ask for the device list; return as much of it as comes within `seconds`, at least the status.

        For `idle` seconds nothing may move; `look` is told every second or so how far it has come.
        """
        limits = Limits(seconds, MAX_DEVICE_LIST, idle)
        return await self._device_list(form, limits, look=look, is_enough=lambda body: False)

    async def _device_list(self, form: ApiForm, limits: Limits, **more: Any) -> Answer:
        # In the URL rather than as a parameter: the two releases of httpx treat parameters differently.
        url = f"{self.url}{_FORMS[form].device_list}?token={quote(self._token, safe='')}"
        return await self._call("GET", url, limits, **more)

    async def send_status(self, devices: str, *, timeout: float = TOTAL_TIMEOUT) -> Answer:
        """Send a JSON list of device states, within `timeout` seconds."""
        body = f'{{"token":{_quoted(self._token)},"status":{{"devices":{devices}}}}}'
        return await self._post(_STATUS, body, timeout, {})

    async def send_fields(self, form: ApiForm, fields: str, key: str) -> Answer:
        """Send a JSON list of fields under an idempotency key."""
        before, after = _FORMS[form].fields_envelope
        body = f'{{"token":{_quoted(self._token)},"fields":{before}{fields}{after}}}'
        return await self._post(_FORMS[form].values, body, TOTAL_TIMEOUT, {"Idempotency-Key": key})

    async def _post(self, path: str, body: str, timeout: float, headers: dict[str, str]) -> Answer:
        headers = {"Content-Type": "application/json", **headers}
        limits = Limits(timeout, MAX_WORDS, IDLE_TIMEOUT)
        return await self._call(
            "POST", self.url + path, limits, content=body.encode("ascii"), headers=headers, is_enough=is_decided
        )

    async def _call(self, method: str, url: str, limits: Limits, **more: Any) -> Answer:
        try:
            answer: HttpAnswer = await self._client.request(method, url, limits, **more)
        except InvalidAnswer as error:
            raise DeliveryError(str(error)) from None
        except RequestStalled as error:
            raise ServerStalled(str(error), took_some=error.took_some) from None
        except ConnectionLost as error:
            raise ServerUnreachable(str(error)) from None
        except ReadError as error:
            raise ServerNotReached(str(error)) from None
        # What a cache kept for a while has the Date of then (RFC 9111, section 5.1).
        is_fresh = answer.headers.get("age", "0").strip() == "0"
        date = server_date(answer.headers.get("date")) if is_fresh else None
        # It was written somewhere between the first byte of the request and the end of the head.
        way = answer.head_took / 2
        # A Date counts whole seconds, so half of one is missing in the mean.
        offset = None if date is None else date + 0.5 - (self._uptime() - answer.body_took - way)
        # Some servers repeat in an error what they were sent: here it goes no further.
        refused = answer.status >= 400
        body = answer.body.replace(self._token.encode(), b"<token>") if refused else answer.body
        pause = retry_after(answer.headers.get("retry-after"))
        return Answer(answer.status, body, pause, answer.is_whole, offset, way + 0.5)


def _quoted(token: str) -> str:
    escaped = token.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
