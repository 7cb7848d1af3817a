"""How many connections may be being opened at the same time, shared fairly between hosts."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

MOST_OPENINGS = 256
"""Hosts that are being connected to at the same time, of those that let us in the last time."""
MOST_SUSPECT_OPENINGS = 64
"""The same of those that did not: they may take long, and the others must not notice."""
_SIGN_PERIOD = 20.0
"""Seconds after which whoever waits for its turn says so again."""


class Openings:
    """The turns to open a connection. Whoever comes first is served first."""

    def __init__(self, usual: int = MOST_OPENINGS, suspect: int = MOST_SUSPECT_OPENINGS) -> None:
        """Begin with none under way."""
        self._usual = asyncio.Semaphore(usual)
        self._suspect = asyncio.Semaphore(suspect)

    def _turns(self, is_suspect: bool) -> asyncio.Semaphore:
        return self._suspect if is_suspect else self._usual

    def are_all_taken(self, is_suspect: bool) -> bool:
        """Whether there is no turn to be had at once."""
        return self._turns(is_suspect).locked()

    @asynccontextmanager
    async def turn(self, is_suspect: bool, waiting: Callable[[], None]) -> AsyncIterator[None]:
        """Wait for a turn and have it until the block ends; `waiting` is called every few seconds meanwhile."""
        turns = self._turns(is_suspect)
        waiting()
        acquired = asyncio.ensure_future(turns.acquire())
        try:
            while not acquired.done():
                await asyncio.wait({acquired}, timeout=_SIGN_PERIOD)
                waiting()
        except BaseException:
            if not acquired.cancel() and acquired.result():
                turns.release()
            raise
        try:
            yield
        finally:
            turns.release()
