"""Reading the pages of one HTTP host, round by round."""

from collections.abc import Sequence

from inviseobox import events
from inviseobox.acquisition.http_sensor import read_page, read_value
from inviseobox.acquisition.polling import MARGIN, Outcome, Sink
from inviseobox.configuration import HttpSettings
from inviseobox.devices.inventory import Device, Measurement
from inviseobox.devices.sources import JsonSource
from inviseobox.errors import ReadError, UnusableValue
from inviseobox.events import together
from inviseobox.health.health import Health
from inviseobox.http_client import HttpClient
from inviseobox.records import Reading

_Target = tuple[Device, Measurement, JsonSource]


class WebPoller:
    """The pages of one scheme, host and port: one request for each page and round, one after the other."""

    def __init__(
        self,
        client: HttpClient,
        name: str,
        measurements: Sequence[tuple[Device, Measurement]],
        settings: HttpSettings,
        sink: Sink,
        health: Health,
    ) -> None:
        """Read `measurements`, which all have a JsonSource, through `client`; people know the host by `name`."""
        self.name = name
        self._client = client
        self._settings = settings
        self._sink = sink
        self._troubles = health.troubles
        self._heartbeats = health.heartbeats
        self._pages: dict[str, list[_Target]] = {}
        for device, measurement in measurements:
            if isinstance(measurement.source, JsonSource):
                self._pages.setdefault(measurement.source.url, []).append((device, measurement, measurement.source))

    async def poll_once(self, next_start: float) -> Outcome:
        """Read every page once."""
        for url, targets in self._pages.items():
            self._heartbeats.expect(self.name, self._settings.timeout + MARGIN)
            name = _page_name(url, targets)
            try:
                document = await read_page(
                    self._client, url, timeout=self._settings.timeout, max_body=self._settings.max_body
                )
            except ReadError as error:
                marks = events.PAGE(
                    link=self.name,
                    device=together(device.name for device, _, _ in targets),
                    device_id=together(device.id for device, _, _ in targets),
                )
                self._troubles.begin(marks, name, str(error), "check the sensor, its address and the network")
                self._sink([Reading(measurement.series, None) for _, measurement, _ in targets])
                continue
            self._troubles.end(name, "answers again")
            self._sink([self._reading(document, target) for target in targets])
        return Outcome.READ

    async def reopen(self) -> bool:
        """A host that is down is met anew in each round."""
        return True

    async def close(self) -> None:
        """Forget what was wrong. The connections belong to the pool."""
        for url, targets in self._pages.items():
            self._troubles.drop(_page_name(url, targets))
            for target in targets:
                self._troubles.drop(_measurement_name(target))

    def _reading(self, document: object, target: _Target) -> Reading:
        device, measurement, source = target
        try:
            value = read_value(document, source.key)
        except UnusableValue as error:
            marks = events.PAGE_VALUE(
                device=device.name,
                device_id=device.id,
                measurement=measurement.name,
                measurement_id=measurement.series.measurement,
            )
            self._troubles.begin(marks, _measurement_name(target), str(error), "check its page and its key")
            return Reading(measurement.series, None)
        self._troubles.end(_measurement_name(target), "gives values again")
        return Reading(measurement.series, value)


def _page_name(url: str, targets: Sequence[_Target]) -> str:
    return f"{together(device.name for device, _, _ in targets)} ({url})"


def _measurement_name(target: _Target) -> str:
    return f"{target[0].name}, {target[1].name}"
