"""A configuration tried against its server, in the way in which the daemon talks to it; nothing is kept."""

import asyncio
from collections.abc import Callable

from inviseobox.configuration import ApiForm, Configuration
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.devices.inventory import Inventory
from inviseobox.errors import ConfigurationError, ServerSlow, ServerUnreachable
from inviseobox.network.http_client import Limits
from inviseobox.network.http_connections import Exchange
from inviseobox.network.name_lookup import NameLookups
from inviseobox.server.answers import Answer
from inviseobox.server.api import MAX_DEVICE_LIST, CentralApi
from inviseobox.server.server import Server

_OPENING = 8.0
"""Seconds each for the look-up of the name, the connection and TLS."""
_IDLE = 20.0
"""Seconds in which something of the answer must come: less than the daemon waits, for a person looks on."""
_TOTAL = 60.0
"""Seconds for all of it, however it moves."""

Tell = Callable[[str, float, int], None]
"""Is told every second or so what has not happened yet, for how many seconds, and how many bytes have come."""


def check_authorities(configuration: Configuration, source: str) -> None:
    """Raise ConfigurationError where `ca_file` cannot be used; `source` is where the configuration is from."""
    _Trial.of(configuration, source, lambda stage, seconds, arrived: None)


def device_list(configuration: Configuration, source: str, tell: Tell) -> Inventory:
    """Fetch the device list that the server has for this box; `source` is where the configuration is from.

    Raises ConfigurationError where `ca_file` cannot be used. Raises DeliveryError where no list comes: TokenRefused
    where the server does not accept the token, ServerUnreachable where it does not answer, ServerSlow where not all of
    the list has come in time.
    """
    return asyncio.run(_fetched(configuration, source, tell))


async def _fetched(configuration: Configuration, source: str, tell: Tell) -> Inventory:
    api = _Trial.of(configuration, source, tell)
    try:
        server = Server(api, _Nothing(), DevicesInForce(), configuration.api)
        inventory, _ = await server.device_list()
        return inventory
    finally:
        await api.close()


class _Trial(CentralApi):
    """The API, for a person who waits."""

    _tell: Tell
    _until: float | None = None

    @classmethod
    def of(cls, configuration: Configuration, source: str, tell: Tell) -> "_Trial":
        """Prepare for the server. Raises ConfigurationError."""
        try:
            made = cls(configuration, NameLookups(threads=1))
        except OSError as error:
            problem = f"{configuration.ca_file} is not a file of certificates: {error.strerror or error}"
            raise ConfigurationError(source, "ca_file", problem) from None
        made._tell = tell
        return made

    async def device_list(self, form: ApiForm) -> Answer:
        now = asyncio.get_running_loop().time
        began, arrived = now(), 0
        self._until = self._until or began + _TOTAL

        def look(exchange: Exchange) -> None:
            nonlocal arrived
            arrived = exchange.arrived
            self._tell(exchange.stage, now() - began, arrived)

        limits = Limits(max(1.0, self._until - began), MAX_DEVICE_LIST, _IDLE, _OPENING)
        try:
            return await self.watched_device_list(form, limits, look)
        except ServerUnreachable:
            if now() < self._until or not arrived:
                raise
            raise ServerSlow(f"its answer comes, but slowly: {arrived} bytes within {now() - began:.0f} s") from None


class _Nothing:
    """Remembers nothing."""

    async def setting(self, key: str) -> str | None:
        return None

    def record_setting(self, key: str, value: str) -> None:
        pass
