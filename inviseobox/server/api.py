"""The Inviseo API, in the two forms in which it exists."""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

import inviseobox
from inviseobox.configuration import ApiForm, Configuration
from inviseobox.errors import DeliveryError, InvalidAnswer, ReadError, ServerUnreachable
from inviseobox.http_client import HttpAnswer, HttpClient, tls_context
from inviseobox.server.answers import Answer, retry_after, server_date

TIMEOUT = 30.0
"""Seconds for one request, from the name's resolution to the last byte of the answer."""
MAX_DEVICE_LIST = 16_777_216
MAX_ANSWER = 65_536


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

    def __init__(self, configuration: Configuration, note_date: Callable[[float], None]) -> None:
        """Prepare for the server that the configuration names. Raises OSError where `ca_file` cannot be used.

        `note_date` is told the server's time, in seconds since the epoch, with each answer that holds it.
        """
        self._note_date = note_date
        self._url = configuration.url
        self._token = configuration.token
        agent = f"inviseobox/{inviseobox.__version__} python/{platform.python_version()}"
        self._client = HttpClient(tls_context(configuration.ca_file), headers={"User-Agent": agent})

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def device_list(self, form: ApiForm) -> Answer:
        """Ask for the device list."""
        # In the URL rather than as a parameter: the two releases of httpx treat parameters differently.
        url = f"{self._url}{_FORMS[form].device_list}?token={quote(self._token, safe='')}"
        return await self._call("GET", url, TIMEOUT, MAX_DEVICE_LIST)

    async def send_status(self, devices: str, *, timeout: float = TIMEOUT) -> Answer:
        """Send a JSON list of device states, within `timeout` seconds."""
        body = f'{{"token":{_quoted(self._token)},"status":{{"devices":{devices}}}}}'
        return await self._post(_STATUS, body, timeout, {})

    async def send_fields(self, form: ApiForm, fields: str, key: str) -> Answer:
        """Send a JSON list of fields under an idempotency key."""
        before, after = _FORMS[form].fields_envelope
        body = f'{{"token":{_quoted(self._token)},"fields":{before}{fields}{after}}}'
        return await self._post(_FORMS[form].values, body, TIMEOUT, {"Idempotency-Key": key})

    async def _post(self, path: str, body: str, timeout: float, headers: dict[str, str]) -> Answer:
        headers = {"Content-Type": "application/json", **headers}
        return await self._call("POST", self._url + path, timeout, MAX_ANSWER, body.encode("ascii"), headers)

    async def _call(
        self,
        method: str,
        url: str,
        timeout: float,
        max_body: int,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        try:
            answer: HttpAnswer = await self._client.request(
                method, url, timeout=timeout, max_body=max_body, content=content, headers=headers
            )
        except InvalidAnswer as error:
            raise DeliveryError(str(error)) from None
        except ReadError as error:
            raise ServerUnreachable(str(error)) from None
        date = server_date(answer.headers.get("date"))
        if date is not None:
            self._note_date(date)
        # Some servers repeat in an error what they were sent: here it goes no further.
        refused = answer.status >= 400
        body = answer.body.replace(self._token.encode(), b"<token>") if refused else answer.body
        return Answer(answer.status, body, retry_after(answer.headers.get("retry-after")))


def _quoted(token: str) -> str:
    escaped = token.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
