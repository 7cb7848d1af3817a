"""A simulated server, and boxes that deliver to it what tests put into their buffers."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from inviseobox.buffer import Buffer
from inviseobox.configuration import ApiForm, Configuration
from inviseobox.delivery.upload import Upload
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.health.health import Health
from inviseobox.network.name_lookup import NameLookups
from inviseobox.records import Aggregate, Reading, Series
from inviseobox.server.api import CentralApi
from inviseobox.server.server import Server
from inviseobox.simulator.central_server import CentralServer, Form, Outcome
from inviseobox.simulator.http_server import Request, Response
from tests.support.buffers import dating, series, stamp
from tests.support.entries import web_device

from .minutes import MINUTE, START

TOKEN = "0123456789abcdef" * 4
KEYS = [f"m{number}" for number in range(400)]


def known(measurement: str) -> Series:
    """Return a measurement that the server lists under this key."""
    return series(f"sensor/{measurement}", Aggregate.AVG, device="sensor")


@asynccontextmanager
async def central(form: Form = "documented", token: str = TOKEN) -> AsyncIterator[CentralServer]:
    """Run a server whose device list knows the measurements of `KEYS`; its clock is the loop's."""
    loop = asyncio.get_running_loop()
    devices = [web_device("http://192.0.2.34/", KEYS)]
    server = CentralServer(devices, token=token, form=form, clock=loop.time)
    await server.http.listener.start()
    try:
        yield server
    finally:
        await server.http.listener.stop()


def wall_clock() -> float:
    """Return the time of day in virtual time."""
    return START + asyncio.get_running_loop().time()


@dataclass
class Box:
    """All that takes part in delivery."""

    buffer: Buffer
    api: CentralApi
    server: Server
    health: Health = field(default_factory=Health)
    devices: DevicesInForce = field(default_factory=DevicesInForce)
    task: "asyncio.Task[None] | None" = None

    def start(self, offset: float = 0.0) -> None:
        """Begin to send, `offset` seconds after a window was sealed."""
        upload = Upload(self.buffer, self.server, self.devices, self.health, wall_clock, lambda: offset)
        self.task = asyncio.ensure_future(upload.run())

    async def stop(self) -> None:
        """Send no more."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task])
            self.task = None

    def is_at_work(self) -> bool:
        """Return whether the loop runs: it may wait and try again, it may not end. Raises AssertionError if it did."""
        assert self.task is not None
        assert not self.task.done(), f"the upload ended: {self.task}"
        return True


@asynccontextmanager
async def box(path: Path, url: str, *, pinned: ApiForm | None = None, token: str = TOKEN) -> AsyncIterator[Box]:
    """Yield a box that delivers to `url`."""
    configuration = Configuration(token=token, url=url, api=pinned)
    buffer = await Buffer.open(str(path), "boot")
    health = Health()
    api = CentralApi(configuration, NameLookups())
    devices = DevicesInForce()
    one = Box(buffer, api, Server(api, buffer, devices, pinned), health, devices)
    try:
        yield one
    finally:
        await one.stop()
        await api.close()
        await buffer.close()


async def window(one: Box, number: int, measurements: Iterable[Series]) -> int:
    """Fill and seal the window of that number, in which every measurement reads the number; return its end."""
    now = START + MINUTE * number
    one.buffer.record(stamp(now), MINUTE, [Reading(measurement, float(number)) for measurement in measurements])
    await one.buffer.seal(dating(now + MINUTE))
    return now + MINUTE


@dataclass
class Seen:
    """Every request of one route, before the server looks at it; `outcome` may answer in its place."""

    at: list[float] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    outcome: Callable[[int, Request], Outcome | None] = lambda number, request: None

    def __call__(self, request: Request) -> Outcome | None:
        self.at.append(asyncio.get_running_loop().time())
        self.requests.append(request)
        return self.outcome(len(self.requests), request)

    @property
    def pauses(self) -> list[float]:
        """Seconds between a request and the next."""
        return [later - earlier for earlier, later in zip(self.at, self.at[1:], strict=False)]

    def measurements(self) -> list[list[str]]:
        """Return the measurements that each request told of."""
        return [[field["measurement"] for field in told(request)] for request in self.requests]


def told(request: Request) -> list[dict[str, str]]:
    """Return the fields inside a POST of either form."""
    fields = json.loads(request.body)["fields"]
    listed: list[dict[str, str]] = fields["fields"] if isinstance(fields, dict) else fields
    return listed


def answer(status: int, body: bytes = b"", **headers: str) -> Outcome:
    """Answer so, and take nothing."""
    return Outcome(Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, body))
