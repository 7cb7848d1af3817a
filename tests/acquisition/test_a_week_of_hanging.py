"""What a week brings: thousands of handshakes, names and hosts that hang leave nothing behind."""

import asyncio
import socket
import threading
from typing import Any

from inviseobox.errors import LinkDown, NoAnswer
from inviseobox.network.http_client import HttpClient, Limits, tls_context
from inviseobox.network.http_connections import HttpConnections
from inviseobox.network.name_lookup import MOST_THREADS, NameLookups
from tests.support.leftovers import black_hole, held, never_reading
from tests.support.virtual_time import until

ROUNDS = 40
SIDE_BY_SIDE = 25
KINDS = 5


class HangingNames:
    """A resolver whose names hang for a moment and then are unknown."""

    def __init__(self) -> None:
        self.moment = threading.Event()

    def __call__(self, *arguments: Any, **more: Any) -> list[tuple[Any, ...]]:
        self.moment.wait(0.05)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


async def given_up(client: HttpClient, url: str, number: int) -> None:
    """Ask in vain: every third time whoever asks goes away, else time is up."""
    content = bytes(100_000) if number % 2 else None
    request = client.request("POST" if content else "GET", url, Limits(0.01, 1000), content=content)
    try:
        async with asyncio.timeout(0.005 if number % 3 == 0 else 10):
            await request
    except (NoAnswer, LinkDown, TimeoutError):
        return
    raise AssertionError(f"{url} answered")


def test_thousands_of_requests_that_hang_leave_nothing_behind() -> None:
    """Descriptors, threads and tasks are as many at the end as after a quarter."""

    async def scenario() -> None:
        seen: list[tuple[int, int, int]] = []
        loop = asyncio.get_running_loop()
        with black_hole() as full, never_reading() as mute:
            connections = HttpConnections(tls_context(None, verify=False), NameLookups(resolve=HangingNames()))
            client = HttpClient(connections, headers={})
            before = held()
            for number in range(ROUNDS):
                urls = [f"http://127.0.0.1:{full}/", f"https://127.0.0.1:{full}/", f"http://127.0.0.1:{mute}/"]
                urls += [f"https://127.0.0.1:{mute}/", f"http://{number}.hung/"]
                assert len(urls) == KINDS
                await asyncio.gather(*(given_up(client, url, one) for url in urls for one in range(SIDE_BY_SIDE)))
                assert held()[1] <= before[1] + MOST_THREADS
                if number in (ROUNDS // 4, ROUNDS - 1):
                    await until(lambda: all(now <= then for now, then in zip(held(), before, strict=True)), 5)
                    seen.append(held())
            assert seen[0] == seen[1] == before
            # Timers that were cancelled are forgotten too, those of handshakes above all.
            assert len(loop._scheduled) < 500  # type: ignore[attr-defined]
            await client.close()

    asyncio.run(scenario())
