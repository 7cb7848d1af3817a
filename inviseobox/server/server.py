"""The server: its device list, and what is delivered to it, in the form of the API that it speaks."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from inviseobox.clock import MonotonicClock, loop_clock
from inviseobox.configuration import ApiForm
from inviseobox.devices import inventory, list_text
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.devices.inventory import Inventory
from inviseobox.errors import DeliveryError, InventoryError, TokenRefused
from inviseobox.records import Batch
from inviseobox.server.answers import Answer, Verdict
from inviseobox.server.api import TOTAL_TIMEOUT, CentralApi
from inviseobox.server.form_doubt import FormDoubt

_FORM_SETTING = "api form"
_FORM_URL_SETTING = "api form url"
"""The address of the server that was found to speak this form."""
_REFUSALS = (401, 403)


class Receiver(Protocol):
    """What takes deliveries. Each call raises DeliveryError where no answer came, and BufferFault."""

    async def send_values(self, batch: Batch) -> Answer:
        """Send a batch under its own key."""

    async def send_status(self, devices: str, *, timeout: float = TOTAL_TIMEOUT) -> Answer:
        """Send a JSON list of device states, within `timeout` seconds."""


class Memory(Protocol):
    """What remembers texts over a restart: the buffer."""

    async def setting(self, key: str) -> str | None:
        """Return the text under `key`, None where there is none. Raises BufferFault."""

    def record_setting(self, key: str, value: str) -> None:
        """Keep a text under `key`."""


@dataclass(frozen=True, slots=True)
class _List:
    """A device list and the text to keep of it."""

    inventory: Inventory
    text: str


@dataclass(frozen=True, slots=True)
class _Refusal:
    """An answer without a device list: its status, and words for it."""

    status: int
    words: str


class Server:
    """The server, as far as it is known. The form that it speaks is remembered."""

    def __init__(
        self,
        api: CentralApi,
        memory: Memory,
        devices: DevicesInForce,
        pinned: ApiForm | None,
        now: MonotonicClock = loop_clock,
        *,
        hear_clock: Callable[[float, float], None] = lambda offset, doubt: None,
    ) -> None:
        """Speak through `api`, in the `pinned` form where there is one; a server is known by its `devices`.

        `hear_clock` is told the clock_offset and clock_doubt of each answer that is surely the server's own: one that
        holds a device list, or one by which the server has what was sent. A captive portal has a clock, too.
        """
        self._api = api
        self._memory = memory
        self._devices = devices
        self._pinned = pinned
        self._now = now
        self._hear_clock = hear_clock
        self._found: ApiForm | None = None
        self._understood: tuple[bytes, Inventory] | None = None
        """The SHA-256 of the list that came last, and what was understood of it."""
        self._list_doubt = FormDoubt()
        self._values_doubt = FormDoubt()

    async def device_list(self) -> tuple[Inventory, str]:
        """Fetch the device list; return it with the text to keep of it, which holds no token.

        Raises DeliveryError where there is no answer or no list in it. Raises BufferFault.
        """
        known = await self._known()
        found = await (self._first_list() if known is None else self._list_of_known(known))
        return found.inventory, found.text

    async def _first_list(self) -> _List:
        """Ask for the list in both forms. One with devices that are known is preferred, then the documented form."""
        refusals: list[_Refusal] = []
        strange: tuple[ApiForm, _List] | None = None
        for form in ApiForm:
            found = await self._ask(form)
            if isinstance(found, _Refusal):
                refusals.append(found)
            elif self._is_ours(found.inventory):
                self._remember(form)
                return found
            else:
                strange = strange or (form, found)
        if strange is None:
            raise _most_telling(refusals)
        self._remember(strange[0])
        return strange[1]

    async def _list_of_known(self, known: ApiForm) -> _List:
        found = await self._ask(known, self._list_doubt)
        if isinstance(found, _List):
            return found
        refusals = [found]
        if self._pinned is None and self._list_doubt.is_due(self._now()):
            self._list_doubt.settle()
            other = await self._ask(_other(known))
            if isinstance(other, _Refusal):
                refusals.append(other)
            elif self._is_ours(other.inventory):
                self._remember(_other(known))
                return other
        raise _most_telling(refusals)

    async def _ask(self, form: ApiForm, doubt: FormDoubt | None = None) -> _List | _Refusal:
        """Ask for the device list in one form. Raises DeliveryError where the answer says nothing about the form."""
        answer = await self._api.device_list(form)
        if doubt is not None:
            doubt.note(answer, self._now())
        if answer.status in (408, 429) or answer.status >= 500 or answer.retry_after is not None:
            raise DeliveryError(answer.words, answer.retry_after)
        if not answer.is_success or answer.is_html:
            return _Refusal(answer.status, answer.words)
        try:
            # In a thread, for a long list takes a second and more.
            found = await asyncio.to_thread(self._read, answer.body)
        except UnicodeDecodeError:
            return _Refusal(200, "the server's device list is not UTF-8")
        except InventoryError as error:
            return _Refusal(200, str(error))
        self._hear(answer)
        return found

    def _read(self, body: bytes) -> _List:
        """Read a device list, unless it is that of last time. Raises UnicodeDecodeError, InventoryError."""
        text = body.decode("utf-8")
        digest = hashlib.sha256(body).digest()
        if self._understood is None or self._understood[0] != digest:
            listed, in_force = inventory.parse(text), self._devices.inventory
            # Only one of two that are equal is kept in memory.
            is_same = (listed, listed.remarks) == (in_force, in_force.remarks)
            self._understood = digest, in_force if is_same else listed
        return _List(self._understood[1], list_text.without_token(text))

    def _hear(self, answer: Answer) -> None:
        if answer.clock_offset is not None:
            self._hear_clock(answer.clock_offset, answer.clock_doubt)

    def _is_ours(self, listed: Inventory) -> bool:
        """Whether a list is of this box: it shares an _id with the list in force, if there is one."""
        in_force = _ids(self._devices.inventory)
        return not in_force or bool(in_force & _ids(listed))

    async def send_values(self, batch: Batch) -> Answer:
        """Send a batch under its own key. Raises DeliveryError where no answer came, and BufferFault."""
        answer = await self._api.send_fields(await self._form(), batch.fields, batch.digest)
        self._values_doubt.note(answer, self._now())
        if answer.verdict is Verdict.ACCEPTED:
            self._hear(answer)
        return answer

    async def send_status(self, devices: str, *, timeout: float = TOTAL_TIMEOUT) -> Answer:
        """Send a JSON list of device states, within `timeout` seconds. Raises DeliveryError where no answer came."""
        answer = await self._api.send_status(devices, timeout=timeout)
        if answer.verdict is Verdict.ACCEPTED:
            self._hear(answer)
        return answer

    async def _form(self) -> ApiForm:
        """Return the form for values; ask the server where it is not known or in doubt. Raises DeliveryError."""
        known = await self._known()
        if known is None:
            await self.device_list()
            known = await self._known()
        if known is None:
            raise DeliveryError("it is not known yet which form of the API it speaks")
        if self._pinned is None and self._values_doubt.is_due(self._now()):
            self._values_doubt.settle()
            try:
                other = await self._ask(_other(known))
            except DeliveryError:
                # The other form is in trouble, which says nothing: the one that is known goes on.
                return known
            if isinstance(other, _List) and self._is_ours(other.inventory):
                self._remember(known := _other(known))
        return known

    async def _known(self) -> ApiForm | None:
        if self._pinned is None and self._found is None:
            self._found = await self._noted()
        return self._pinned or self._found

    async def _noted(self) -> ApiForm | None:
        """Return the form that this server was found to speak; what another one spoke says nothing of it."""
        form, url = await self._memory.setting(_FORM_SETTING), await self._memory.setting(_FORM_URL_SETTING)
        if form not in list(ApiForm) or url not in (None, self._api.url):
            return None
        if url is None:
            # Noted by a version that kept no address.
            self._memory.record_setting(_FORM_URL_SETTING, self._api.url)
        return ApiForm(form)

    def _remember(self, form: ApiForm) -> None:
        if self._pinned is None and self._found is not form:
            self._found = form
            self._list_doubt.settle()
            self._values_doubt.settle()
            # With the next commit: the form is known also while the disk is full.
            self._memory.record_setting(_FORM_SETTING, form.value)
            self._memory.record_setting(_FORM_URL_SETTING, self._api.url)


def _other(form: ApiForm) -> ApiForm:
    (other,) = set(ApiForm) - {form}
    return other


def _ids(listed: Inventory) -> set[str]:
    return {device.id for device in listed.devices} | {one.id for one in listed.measurements}


def _most_telling(refusals: list[_Refusal]) -> DeliveryError:
    """Choose what to tell a person: a refused token says more than a missing path."""
    for refusal in refusals:
        if refusal.status in _REFUSALS:
            return TokenRefused(f"the server refuses it ({refusal.words}); check token and url in the configuration")
    for refusal in refusals:
        if refusal.status != 404:
            return DeliveryError(refusal.words)
    return DeliveryError(f"it has no device list for this box ({refusals[0].words}); check url in the configuration")
