"""The loop that brings readings to the disk and seals each window when its end has come."""

import asyncio
import logging
from collections.abc import Callable

from inviseobox.buffer import Buffer
from inviseobox.clock import WallClock, utc_text
from inviseobox.delivery.window_ends import next_border
from inviseobox.errors import BufferFault
from inviseobox.health import Health

_log = logging.getLogger(__name__)

COMMIT_PERIOD = 5.0
"""Seconds between two commits; at a power cut no more raw readings than of this time are lost."""
_TICK = 1.0
"""Seconds between two looks at the wall clock, which may step."""
_ALLOWANCE = 60.0
"""Seconds that a commit may take on a slow disk before the watchdog counts it as hanging."""
_BEAT = "windows"


async def run(buffer: Buffer, clock: WallClock, interval: Callable[[], int], health: Health) -> None:
    """Commit and seal for as long as it runs. A full disk is waited out: everything stays in memory meanwhile."""
    loop = asyncio.get_running_loop()
    next_commit = loop.time()
    last_border = None
    while True:
        health.heartbeats.expect(_BEAT, _ALLOWANCE)
        now = clock()
        # Also differs when the clock stepped: sealing then moves the open window to where the clock says.
        border = next_border(now, interval())
        try:
            if border != last_border or buffer.is_overdue(now):
                for window in await buffer.seal(now):
                    _log.info("window %s closed, %d values to deliver", utc_text(window.end), window.fields)
                last_border = border
                health.backlog = await buffer.backlog()
            elif loop.time() >= next_commit:
                await buffer.commit()
                next_commit = loop.time() + COMMIT_PERIOD
        except BufferFault as error:
            health.troubles.begin("buffer", str(error), "readings stay in memory; is the disk full? (df -h /var/lib)")
            await asyncio.sleep(_TICK)
            continue
        health.troubles.end("buffer", "readings are written again")
        await asyncio.sleep(max(0.0, min(_TICK, border - clock(), next_commit - loop.time())))
