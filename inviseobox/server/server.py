"""The server: its device list, and what is delivered to it, in the form of the API that it speaks."""

import json
from typing import Protocol

from inviseobox.buffer import Buffer
from inviseobox.configuration import ApiForm
from inviseobox.devices import inventory
from inviseobox.devices.inventory import Inventory
from inviseobox.errors import DeliveryError, InventoryError, TokenRefused
from inviseobox.records import Batch
from inviseobox.server.answers import Answer
from inviseobox.server.api import TIMEOUT, CentralApi

_FORM_SETTING = "api form"
_REFUSALS = (401, 403)


class Receiver(Protocol):
    """What takes deliveries. Each call raises DeliveryError where no answer came, and BufferFault."""

    async def send_values(self, batch: Batch) -> Answer:
        """Send a batch under its own key."""

    async def send_status(self, devices: str, *, timeout: float = TIMEOUT) -> Answer:
        """Send a JSON list of device states, within `timeout` seconds."""

    async def forget_form(self) -> None:
        """Ask again, next time, which form of the API it speaks."""


class Server:
    """The server, as far as it is known. The form that it speaks is remembered in the buffer."""

    def __init__(self, api: CentralApi, buffer: Buffer, pinned: ApiForm | None) -> None:
        """Speak through `api`, in the `pinned` form where there is one."""
        self._api = api
        self._buffer = buffer
        self._pinned = pinned
        self._found: ApiForm | None = None

    async def device_list(self) -> tuple[Inventory, str]:
        """Fetch the device list; return it with the text to keep of it, which holds no token.

        Raises DeliveryError where there is no answer or no list in it. Raises BufferFault.
        """
        known = await self._known()
        refusals: list[tuple[int, str]] = []
        for form in [known] if known else list(ApiForm):
            answer = await self._api.device_list(form)
            if (refusal := _inconclusive(answer)) is not None:
                refusals.append(refusal)
                continue
            try:
                text = answer.body.decode("utf-8")
                listed = inventory.parse(text)
            except (UnicodeDecodeError, InventoryError) as error:
                why = str(error) if isinstance(error, InventoryError) else "the server's device list is not UTF-8"
                refusals.append((200, why))
                continue
            self._remember(form)
            return listed, _without_token(text)
        if known and any(status == 404 for status, _ in refusals):
            await self.forget_form()
        raise _most_telling(refusals)

    async def send_values(self, batch: Batch) -> Answer:
        """Send a batch under its own key. Raises DeliveryError where no answer came, and BufferFault."""
        return await self._api.send_fields(await self.form(), batch.fields, batch.digest)

    async def send_status(self, devices: str, *, timeout: float = TIMEOUT) -> Answer:
        """Send a JSON list of device states, within `timeout` seconds. Raises DeliveryError where no answer came."""
        return await self._api.send_status(devices, timeout=timeout)

    async def form(self) -> ApiForm:
        """Return the form that the server speaks; ask it where that is not known. Raises DeliveryError, BufferFault."""
        known = await self._known()
        if known is None:
            await self.device_list()
            known = await self._known()
        if known is None:
            raise DeliveryError("it is not known yet which form of the API it speaks")
        return known

    async def forget_form(self) -> None:
        """After a 404: ask again next time which form the server speaks. Raises BufferFault."""
        if self._pinned is None:
            self._found = None
            await self._buffer.write_setting(_FORM_SETTING, "")

    async def _known(self) -> ApiForm | None:
        if self._pinned is None and self._found is None:
            noted = await self._buffer.setting(_FORM_SETTING)
            self._found = ApiForm(noted) if noted in list(ApiForm) else None
        return self._pinned or self._found

    def _remember(self, form: ApiForm) -> None:
        if self._pinned is None and self._found is not form:
            self._found = form
            # With the next commit: the form is known also while the disk is full.
            self._buffer.record_setting(_FORM_SETTING, form.value)


def _inconclusive(answer: Answer) -> tuple[int, str] | None:
    """Return status and words of an answer without a list; None where it may hold one.

    Raises DeliveryError where the answer says nothing about the form.
    """
    if answer.status in (408, 429) or answer.status >= 500:
        raise DeliveryError(answer.words, answer.retry_after)
    if 200 <= answer.status < 300 and not answer.is_html:
        return None
    return answer.status, answer.words


def _most_telling(refusals: list[tuple[int, str]]) -> DeliveryError:
    """Choose what to tell a person: a refused token says more than a missing path."""
    for status, words in refusals:
        if status in _REFUSALS:
            return TokenRefused(f"the server refuses it ({words}); check token and url in the configuration")
    for status, words in refusals:
        if status != 404:
            return DeliveryError(words)
    return DeliveryError(f"it has no device list for this box ({refusals[0][1]}); check url in the configuration")


def _without_token(text: str) -> str:
    """Keep of a device list only what is read from it: a worker object also holds the token."""
    document = json.loads(text)
    if isinstance(document, dict):
        document = {key: document[key] for key in ("interval", "devices") if key in document}
    return json.dumps(document)
