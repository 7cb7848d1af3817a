"""A site in a thread of its own, for tests and tools that are not asynchronous."""

import asyncio
import threading
from collections.abc import Callable, Collection, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from inviseobox.simulator.central_server import CentralServer
from inviseobox.simulator.served_log import ServedLog
from inviseobox.simulator.site import Site

T = TypeVar("T")

START_WITHIN = 10.0
STOP_WITHIN = 10.0


class RunningSite:
    """A site that runs in another thread.

    What it recorded may be read directly; anything else goes through `run`.
    """

    def __init__(self, site: Site, loop: asyncio.AbstractEventLoop) -> None:
        self.site = site
        self.url = site.url
        self.token = site.token
        self._loop = loop

    @property
    def devices(self) -> list[Any]:
        """The device list that the server hands out."""
        return self.site.devices

    @property
    def central(self) -> CentralServer:
        """The server; its lists of what it received only grow."""
        return self.site.central

    @property
    def served(self) -> ServedLog:
        """What the instruments served."""
        return self.site.served

    def run(self, coroutine: Coroutine[Any, Any, T], within: float = 10.0) -> T:
        """Run `coroutine` in the site's loop and return its result. Raises TimeoutError, or what it raises."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(within)

    def call(self, function: Callable[[], T], within: float = 10.0) -> T:
        """Call `function` in the site's loop, to set a fault for example. Raises TimeoutError, or what it raises."""

        async def called() -> T:
            return function()

        return self.run(called(), within)

    def wait_until(self, predicate: Callable[[], bool], within: float) -> None:
        """Block until `predicate()` holds; see `Changes.wait_until`."""
        self.site.changes.wait_until(predicate, within)

    def wait_for_windows(self, count: int, within: float, measurements: Collection[str] = ()) -> None:
        """Block until `count` windows have come; see `CentralServer.wait_for_windows`."""
        self.run(self.site.wait_for_windows(count, within, measurements), within + START_WITHIN)


@contextmanager
def running_site(**arguments: Any) -> Iterator[RunningSite]:
    """Run `Site(**arguments)` in a thread of its own. Raises OSError if a port is taken."""
    site = Site(**arguments)
    started: Future[tuple[RunningSite, asyncio.Event]] = Future()
    thread = threading.Thread(target=asyncio.run, args=(_serve(site, started),), name="simulated site", daemon=True)
    thread.start()
    try:
        running, stop = started.result(START_WITHIN)
        try:
            yield running
        finally:
            running.run(_set(stop))
    finally:
        thread.join(STOP_WITHIN)


async def _serve(site: Site, started: Future[tuple[RunningSite, asyncio.Event]]) -> None:
    stop = asyncio.Event()
    try:
        async with site:
            started.set_result((RunningSite(site, asyncio.get_running_loop()), stop))
            await stop.wait()
    except OSError as error:
        started.set_exception(error)


async def _set(event: asyncio.Event) -> None:
    event.set()
