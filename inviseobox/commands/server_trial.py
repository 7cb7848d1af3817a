"""A configuration tried against its server, in the way in which the daemon talks to it; nothing is kept."""

import asyncio

from inviseobox.configuration import Configuration
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.devices.inventory import Inventory
from inviseobox.errors import ConfigurationError
from inviseobox.network.name_lookup import NameLookups
from inviseobox.server.api import CentralApi
from inviseobox.server.server import Server


def device_list(configuration: Configuration, source: str) -> Inventory:
    """Fetch the device list that the server has for this box; `source` is where the configuration is from.

    Raises ConfigurationError where `ca_file` cannot be used. Raises DeliveryError where no list comes: TokenRefused
    where the server does not accept the token, ServerUnreachable where it does not answer.
    """
    return asyncio.run(_fetched(configuration, source))


async def _fetched(configuration: Configuration, source: str) -> Inventory:
    try:
        api = CentralApi(configuration, NameLookups(threads=1))
    except OSError as error:
        problem = f"{configuration.ca_file} is not a file of certificates: {error.strerror or error}"
        raise ConfigurationError(source, "ca_file", problem) from None
    try:
        server = Server(api, _Nothing(), DevicesInForce(), configuration.api)
        inventory, _ = await server.device_list()
        return inventory
    finally:
        await api.close()


class _Nothing:
    """Remembers nothing."""

    async def setting(self, key: str) -> str | None:
        return None

    def record_setting(self, key: str, value: str) -> None:
        pass
