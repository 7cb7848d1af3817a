"""The loop of a link: rounds on a schedule, each reading all that is on the link."""

import asyncio
import math
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Protocol

from inviseobox.acquisition.schedule import next_start
from inviseobox.health.health import Health
from inviseobox.records import Readings, Series, failed

Sink = Callable[[Readings], None]
"""Takes readings the moment their answer came: an Intake."""

REOPEN_PERIOD = 3.0
"""Seconds between two tries to open a link that is down, between poller."""
SKIP_PERIOD = 0.1
"""Seconds after a start that was skipped, where rounds follow each other without a pause."""
IDLE_PERIOD = 1.0
"""Seconds between the starts of two rounds at least, where a round had nothing to ask."""
MARGIN = 30.0
"""Seconds that anything may take beyond its worst case before the watchdog counts the link as hanging."""


class Outcome(Enum):
    """What a round found."""

    READ = "something was asked"
    IDLE = "nothing was due"
    DOWN = "the link cannot be opened"


class Poller(Protocol):
    """What is read over one link."""

    name: str

    async def poll_once(self, next_start: float) -> Outcome:
        """Read everything that is due; the round after this begins at `next_start` on the loop's clock.

        Every measurement gives one reading, good or failed. The heartbeat of `name` is kept.
        """

    async def reopen(self) -> bool:
        """Try to open a link that was down; return whether it is open."""

    async def close(self) -> None:
        """Leave the link."""


Skips = Callable[[], bool]
"""Says whether the start of a round is to be skipped, for what was read before is not on the disk yet."""


def never() -> bool:
    """Skip no round."""
    return False


async def poll(
    poller: Poller, period: float, health: Health, *, skips: Skips = never, longest: float = math.inf
) -> None:
    """Do a round at once and then every `period` seconds, for as long as it runs.

    Starts may be skipped as `skips` says, but never so many that `longest` seconds pass from one round to the next.
    """
    loop = asyncio.get_running_loop()
    start = loop.time()
    try:
        while True:
            began = loop.time()
            outcome = await poller.poll_once(start + period)
            start = next_start(start, period, loop.time())
            if outcome is Outcome.IDLE:
                start = max(start, loop.time() + IDLE_PERIOD)
            if outcome is Outcome.DOWN:
                start = await _reopened(poller, max(start, loop.time() + REOPEN_PERIOD), health)
            await _sleep_until(start, poller.name, health)
            while skips() and start + max(period, SKIP_PERIOD) - began < longest:
                start += max(period, SKIP_PERIOD)
                await _sleep_until(start, poller.name, health)
    finally:
        health.heartbeats.forget(poller.name)
        await poller.close()


async def _reopened(poller: Poller, start: float, health: Health) -> float:
    """Try to open a link that is down until its next round is due at `start`; return when that round begins."""
    loop = asyncio.get_running_loop()
    while loop.time() + REOPEN_PERIOD < start:
        await _sleep_until(loop.time() + REOPEN_PERIOD, poller.name, health)
        if await poller.reopen():
            return loop.time()
    return start


async def _sleep_until(start: float, name: str, health: Health) -> None:
    pause = max(0.0, start - asyncio.get_running_loop().time())
    health.heartbeats.expect(name, pause + MARGIN)
    await asyncio.sleep(pause)


class UnusablePoller:
    """The measurements that cannot be read as they are described: each read of them fails, so they are dead."""

    name = "unusable measurements"

    def __init__(self, series: Sequence[Series], sink: Sink) -> None:
        """Report `series`."""
        self._readings = failed(series)
        self._sink = sink

    async def poll_once(self, next_start: float) -> Outcome:
        """Record a failed read of each."""
        self._sink(self._readings)
        return Outcome.READ

    async def reopen(self) -> bool:
        """Return True: nothing is ever down."""
        return True

    async def close(self) -> None:
        """Leave nothing behind."""
