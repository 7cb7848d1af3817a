"""Reading the pages of one HTTP host, round by round."""

import asyncio
from dataclasses import dataclass, field
from typing import assert_never

from inviseobox import events
from inviseobox.acquisition.http_sensor import read_page, read_value
from inviseobox.acquisition.page_turns import LEAST_LIMIT, Pace, Turns
from inviseobox.acquisition.polling import MARGIN, Outcome, Sink
from inviseobox.configuration import HttpSettings
from inviseobox.devices.inventory import ListedMeasurement
from inviseobox.devices.link_content import LinkContent
from inviseobox.devices.sources import JsonSource, RegisterSource, Unusable
from inviseobox.errors import LinkDown, NoAnswer, ReadError, UnusableValue
from inviseobox.events import Trouble, together
from inviseobox.health.health import Health
from inviseobox.network.http_client import HttpClient
from inviseobox.records import Reading, Readings
from inviseobox.untrusted import shown_url

FULL_LIMIT_PERIOD = 3600.0
"""Seconds between two times that a slow page is given all of `http.timeout`."""


@dataclass
class _Page:
    """A page: its measurements, each with its key, and what was wrong when it was read last."""

    url: str
    targets: list[tuple[ListedMeasurement, str]] = field(default_factory=list)
    failure: str | None = None
    is_suspect: bool = False
    """Whether there was no connection, or no answer in time, the last time."""
    pace: Pace = field(default_factory=Pace)
    unusable: dict[str, tuple[ListedMeasurement, str]] = field(default_factory=dict)
    """The measurements whose last value could not be used, by id, and why."""

    def failed(self, cause: str) -> list[Reading]:
        """Make the readings of a page that could not be read, because of `cause`."""
        self.failure = cause
        return [Reading(listed.series, None) for listed, _ in self.targets]

    def readings(self, document: object) -> list[Reading]:
        """Make the readings of what a page says."""
        self.failure = None
        return [self._reading(document, listed, key) for listed, key in self.targets]

    def _reading(self, document: object, listed: ListedMeasurement, key: str) -> Reading:
        try:
            value = read_value(document, key)
        except UnusableValue as error:
            self.unusable[listed.id] = (listed, str(error))
            return Reading(listed.series, None)
        self.unusable.pop(listed.id, None)
        return Reading(listed.series, value)

    def troubles(self, link: str) -> dict[str, Trouble]:
        """Return what is wrong with the page and its values, by keys that stay the same from round to round.

        The key of the page holds its whole URL, and so perhaps a password: it is told to nobody.
        """
        troubles = {
            f"value {identity}": Trouble(events.PAGE_VALUE, listed.about, cause)
            for identity, (listed, cause) in self.unusable.items()
        }
        if self.failure is not None:
            troubles[f"page {self.url}"] = events.PAGE(
                self.failure,
                link=link,
                device=together(listed.device.name for listed, _ in self.targets),
                device_id=together(listed.device.id for listed, _ in self.targets),
                page=shown_url(self.url),
            )
        return troubles


class WebPoller:
    """The pages of one scheme, host and port: one request for each page and round, one after the other."""

    def __init__(
        self,
        client: HttpClient,
        content: LinkContent,
        settings: HttpSettings,
        sink: Sink,
        health: Health,
        window: float | None = None,
    ) -> None:
        """Read the measurements of `content`, which all have a JsonSource, through `client`.

        In each `window` seconds every page is to be read, as far as that is possible.
        """
        self.name = content.name
        self._client = client
        self._settings = settings
        self._window = window
        self._sink = sink
        self._troubles = health.troubles
        self._heartbeat = health.heartbeats.of(content.name)
        self._pages: dict[str, _Page] = {}
        for listed in content.measurements:
            match listed.measurement.source:
                case JsonSource(url, key):
                    self._pages.setdefault(url, _Page(url)).targets.append((listed, key))
                case RegisterSource() | Unusable():
                    pass
                case source:
                    assert_never(source)

    async def poll_once(self, next_start: float) -> Outcome:
        """Read every page once, the slow ones last and in the time that is left."""
        clock = asyncio.get_running_loop().time
        pages = {page.pace: page for page in self._pages.values()}
        turns = Turns(list(pages), clock(), next_start, self._settings.timeout, self._window, FULL_LIMIT_PERIOD)
        for pace in turns.order:
            self._beat()
            self._sink(Readings.of(await self._read(pages[pace], turns.limit(clock()))))
            self._troubles.show(self.name, self._present())
        return Outcome.READ

    def _beat(self) -> None:
        self._heartbeat.expect(self._settings.timeout + MARGIN)

    async def _read(self, page: _Page, limit: float) -> list[Reading]:
        if limit < LEAST_LIMIT:
            return page.failed(page.failure or "no time is left for it")
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            document = await read_page(
                self._client,
                page.url,
                timeout=limit,
                max_body=self._settings.max_body,
                is_suspect=page.is_suspect,
                waiting=self._beat,
            )
        except NoAnswer as error:
            page.pace.timed_out(clock(), clock() + FULL_LIMIT_PERIOD)
            page.is_suspect = True
            return page.failed(str(error))
        except ReadError as error:
            page.pace.answered(began, clock())
            page.is_suspect = isinstance(error, LinkDown)
            page.pace.is_slow = page.pace.is_slow and page.is_suspect
            return page.failed(str(error))
        page.pace.answered(began, clock())
        page.pace.is_slow = page.is_suspect = False
        return page.readings(document)

    def _present(self) -> dict[str, Trouble]:
        return {key: trouble for page in self._pages.values() for key, trouble in page.troubles(self.name).items()}

    async def reopen(self) -> bool:
        """Return True: a host that is down is met anew in each round."""
        return True

    async def close(self) -> None:
        """Forget what was wrong. The connections belong to the pool."""
        self._troubles.drop(self.name)
