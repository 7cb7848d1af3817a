"""Names of hosts and their addresses.

A look-up cannot be abandoned: it keeps its thread until the resolver gives up. So the threads are bounded, one name has
one at most, and a numeric address needs none.
"""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from inviseobox.errors import LinkDown

MOST_THREADS = 24


@dataclass(frozen=True, slots=True)
class Address:
    """One address of a host, as the socket calls take it: AF_INET or AF_INET6, and the pair or quadruple."""

    family: int
    place: Any


class NameLookups:
    """The look-ups under way, by name."""

    def __init__(self, threads: int = MOST_THREADS) -> None:
        """Use at most that many threads, which are made when they are needed."""
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="names")
        self._under_way: dict[str, asyncio.Future[list[tuple[int, Any]]]] = {}

    def close(self) -> None:
        """Start no more look-ups; one that hangs goes on until the resolver gives up."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def addresses(self, host: str, port: int) -> list[Address]:
        """Return the addresses of `host`, in the order in which they are to be tried.

        May be cancelled at any time. Raises LinkDown where the host has none.
        """
        try:
            found = _looked_up(host, socket.AI_NUMERICHOST)
        except (socket.gaierror, UnicodeError):
            found = await self._by_name(host)
        return [Address(family, (place[0], port, *place[2:])) for family, place in found]

    async def _by_name(self, host: str) -> list[tuple[int, Any]]:
        lookup = self._under_way.get(host)
        if lookup is None:
            loop = asyncio.get_running_loop()
            lookup = self._under_way[host] = loop.run_in_executor(self._threads, _looked_up, host, 0)
            lookup.add_done_callback(lambda done: self._forget(host, done))
        try:
            # Whoever waits may leave: the others, and the thread, go on.
            return await asyncio.shield(lookup)
        except (socket.gaierror, UnicodeError) as error:
            raise LinkDown(_reason(error)) from None

    def _forget(self, host: str, done: "asyncio.Future[list[tuple[int, Any]]]") -> None:
        self._under_way.pop(host, None)
        if not done.cancelled():
            # Nobody may be left who waits for it.
            done.exception()


def _looked_up(host: str, flags: int) -> list[tuple[int, Any]]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=flags)
    return [(family, place) for family, _, _, _, place in found]


def _reason(error: Exception) -> str:
    """Say why there is no address (getaddrinfo(3))."""
    if isinstance(error, UnicodeError):
        return "its host is not a valid name"
    match getattr(error, "errno", None):
        case socket.EAI_NONAME:
            return "its name is unknown (DNS)"
        case socket.EAI_NODATA:
            return "its name has no address (DNS)"
    return "its name cannot be resolved (DNS)"
