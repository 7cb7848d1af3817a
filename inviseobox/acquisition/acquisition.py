"""Which links there are to read, and the change from one device list to the next."""

from collections.abc import Mapping

from inviseobox.acquisition.modbus_link import ModbusLink
from inviseobox.acquisition.modbus_poller import ModbusPoller, unit_key
from inviseobox.acquisition.polling import Poller, Sink, UnusablePoller, poll
from inviseobox.acquisition.schedule import effective_period
from inviseobox.acquisition.unit_memory import UnitMemory
from inviseobox.acquisition.web_poller import WebPoller
from inviseobox.configuration import Configuration
from inviseobox.devices.inventory import Device, Inventory, Measurement
from inviseobox.devices.links import SerialLink, TcpLink, WebLink
from inviseobox.devices.sources import RegisterSource, Unusable
from inviseobox.health.health import Health
from inviseobox.http_client import HttpClient
from inviseobox.supervisor import Start, Supervisor

_Measurements = tuple[tuple[Device, Measurement], ...]
_UNUSABLE = ""


class Acquisition:
    """The tasks that read, one for each link. A link whose measurements stay as they are is left alone."""

    def __init__(
        self,
        configuration: Configuration,
        client: HttpClient,
        supervisor: Supervisor,
        sink: Sink,
        health: Health,
        memory: UnitMemory,
    ) -> None:
        """Hand readings to `sink`; read pages through `client`; `memory` outlives this object."""
        self._configuration = configuration
        self._client = client
        self._supervisor = supervisor
        self._sink = sink
        self._health = health
        self._memory = memory
        self._running: dict[str, tuple[_Measurements, int]] = {}

    async def adopt(self, inventory: Inventory, interval: int) -> None:
        """Read what `inventory` lists, twice a window of `interval` seconds at least, and nothing else."""
        wanted = {name: (content, interval) for name, content in by_link(inventory).items()}
        ended = [name for name in self._running if self._running[name] != wanted.get(name)]
        await self._supervisor.stop(_task_name(name) for name in ended)
        self._health.note_inventory(inventory)
        self._memory.keep_only(_unit_keys(wanted))
        started = [name for name in wanted if name in ended or name not in self._running]
        self._running = wanted
        for name in started:
            self._supervisor.start(_task_name(name), self._begin(name, wanted[name][0], interval))

    def _begin(self, name: str, content: _Measurements, interval: int) -> Start:
        settings = self._configuration
        link = content[0][0].link
        period = effective_period(settings.modbus.period, interval)

        def rounds() -> Poller:
            if name != _UNUSABLE and isinstance(link, SerialLink | TcpLink):
                port = ModbusLink(link, settings.modbus.timeout)
                return ModbusPoller(port, name, content, settings.modbus, self._sink, self._health, self._memory)
            if name != _UNUSABLE and isinstance(link, WebLink):
                return WebPoller(self._client, name, content, settings.http, self._sink, self._health)
            return UnusablePoller([measurement.series for _, measurement in content], self._sink)

        if name == _UNUSABLE or isinstance(link, WebLink):
            period = effective_period(settings.http.period, interval)
        return lambda: poll(rounds(), period, self._health)


def by_link(inventory: Inventory) -> dict[str, _Measurements]:
    """Group the measurements by the name of the link that reads them; those that cannot be read have none."""
    groups: dict[str, list[tuple[Device, Measurement]]] = {}
    for device, measurement in inventory.measurements:
        unusable = device.link is None or isinstance(measurement.source, Unusable)
        name = _UNUSABLE if unusable or device.link is None else device.link.name
        groups.setdefault(name, []).append((device, measurement))
    return {name: tuple(content) for name, content in groups.items()}


def _unit_keys(groups: Mapping[str, tuple[_Measurements, int]]) -> set[str]:
    return {
        unit_key(name, measurement.source.span.unit)
        for name, (content, _) in groups.items()
        for _, measurement in content
        if isinstance(measurement.source, RegisterSource)
    }


def _task_name(link: str) -> str:
    return f"link {link}" if link else "unusable measurements"
