"""Names of hosts and their addresses.

A look-up cannot be abandoned: it keeps its thread until the resolver gives up. So the threads are bounded, one name has
one at most, and a numeric address needs none.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from threading import Lock, Thread
from typing import Any

from inviseobox.errors import LinkDown

MOST_THREADS = 24

Resolve = Callable[..., list[tuple[Any, ...]]]
"""Looks up as socket.getaddrinfo does."""
_Found = list[tuple[int, Any]]


@dataclass(frozen=True, slots=True)
class Address:
    """One address of a host, as the socket calls take it: AF_INET or AF_INET6, and the pair or quadruple."""

    family: int
    place: Any


class NameLookups:
    """The look-ups under way, by name."""

    def __init__(self, threads: int = MOST_THREADS, resolve: Resolve = socket.getaddrinfo) -> None:
        """Use at most that many threads, which live while there is something to look up."""
        self._threads = _Threads(threads)
        self._resolve = resolve
        self._under_way: dict[str, asyncio.Future[_Found]] = {}
        self._waiting: dict[str, int] = {}
        self._late: dict[str, _Found] = {}
        """What was found after everybody had left, for the next one who asks."""

    async def addresses(self, host: str, port: int) -> list[Address]:
        """Return the addresses of `host`, in the order in which they are to be tried.

        May be cancelled at any time. Raises LinkDown where the host has none.
        """
        try:
            found = _looked_up(socket.getaddrinfo, host, socket.AI_NUMERICHOST)
        except (socket.gaierror, ValueError):
            found = await self._by_name(host)
        return [Address(family, (place[0], port, *place[2:])) for family, place in found]

    async def _by_name(self, host: str) -> _Found:
        if (late := self._late.pop(host, None)) is not None:
            return late
        lookup = self._under_way.get(host)
        if lookup is None:
            loop = asyncio.get_running_loop()
            lookup = loop.run_in_executor(self._threads, _looked_up, self._resolve, host, 0)
            self._under_way[host] = lookup
            lookup.add_done_callback(lambda done: self._forget(host, done))
        self._waiting[host] = self._waiting.get(host, 0) + 1
        try:
            # Whoever waits may leave: the others, and the thread, go on.
            return await asyncio.shield(lookup)
        except (OSError, ValueError) as error:
            raise LinkDown(_reason(error)) from None
        finally:
            if host in self._waiting:
                self._waiting[host] -= 1

    def _forget(self, host: str, done: "asyncio.Future[_Found]") -> None:
        self._under_way.pop(host, None)
        waiting = self._waiting.pop(host, 0)
        if not done.cancelled() and done.exception() is None and not waiting:
            # Behind names that hang it may have come too late for those who asked.
            self._late[host] = done.result()


class _Threads(Executor):
    """Threads for which nobody waits at the end of the process, unlike those of a ThreadPoolExecutor."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._at_work = 0
        self._queue: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._lock = Lock()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        with self._lock:
            if self._at_work < self._most:
                try:
                    Thread(target=self._work, name="names", daemon=True).start()
                except RuntimeError as error:
                    # The machine has no thread left.
                    raise OSError(str(error)) from None
                self._at_work += 1
            self._queue.append((future, lambda: fn(*args, **kwargs)))
        return future

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._queue:
                    self._at_work -= 1
                    return
                future, work = self._queue.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                found = work()
            except (OSError, ValueError) as error:
                future.set_exception(error)
            else:
                future.set_result(found)


def _looked_up(resolve: Resolve, host: str, flags: int) -> _Found:
    found = resolve(host, None, type=socket.SOCK_STREAM, flags=flags)
    return [(family, place) for family, _, _, _, place in found]


def _reason(error: Exception) -> str:
    """Say why there is no address (getaddrinfo(3))."""
    if isinstance(error, ValueError):
        return "its host is not a valid name"
    match getattr(error, "errno", None):
        case socket.EAI_NONAME:
            return "its name is unknown (DNS)"
        case socket.EAI_NODATA:
            return "its name has no address (DNS)"
    return "its name cannot be resolved (DNS)"
