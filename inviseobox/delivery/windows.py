"""The loop that brings readings to the disk and seals each window when its end has come."""

import asyncio
import logging
from collections.abc import Callable

from inviseobox import events
from inviseobox.buffer import Buffer, Dropped, SealedWindow
from inviseobox.clock import WallClock, utc_text
from inviseobox.errors import BufferFault
from inviseobox.health.health import Health
from inviseobox.reports.window_ends import next_border

_log = logging.getLogger(__name__)

COMMIT_PERIOD = 5.0
"""Seconds between two commits; at a power cut no more raw readings than of this time are lost."""
_TICK = 1.0
"""Seconds between two looks at the wall clock, which may step."""
_ALLOWANCE = 60.0
"""Seconds that a commit may take on a slow disk before the watchdog counts it as hanging."""
_BEAT = "windows"


class Windows:
    """Commits and seals for as long as it runs."""

    def __init__(
        self, buffer: Buffer, clock: WallClock, interval: Callable[[], int], max_size: int, health: Health
    ) -> None:
        """Keep the file of `buffer` within `max_size` bytes; `interval` gives the length of a window in seconds."""
        self._buffer = buffer
        self._clock = clock
        self._interval = interval
        self._max_size = max_size
        self._health = health
        self._backwards: frozenset[str] = frozenset()
        self._lost_fields = 0

    async def run(self) -> None:
        """Commit and seal. A full disk is waited out: everything stays in memory meanwhile."""
        loop = asyncio.get_running_loop()
        next_commit = loop.time()
        last_border = None
        while True:
            self._health.heartbeats.expect(_BEAT, _ALLOWANCE)
            now = self._clock()
            # Also differs when the clock stepped: sealing then moves the open window to where the clock says.
            border = next_border(now, self._interval())
            try:
                if border != last_border or self._buffer.is_overdue(now):
                    await self._seal(now)
                    last_border = border
                elif loop.time() >= next_commit:
                    await self._buffer.commit()
                    next_commit = loop.time() + COMMIT_PERIOD
                    self._health.progress.commits = now
            except BufferFault as error:
                advice = "readings stay in memory; is the disk full? (df -h /var/lib)"
                self._health.troubles.begin(events.BUFFER(), "buffer", str(error), advice)
                self._report_dropped()
                await asyncio.sleep(_TICK)
                continue
            self._health.troubles.end("buffer", "readings are written again")
            self._health.troubles.end("memory", f"has room again; {self._buffer.dropped} readings were lost")
            await asyncio.sleep(max(0.0, min(_TICK, border - self._clock(), next_commit - loop.time())))

    async def _seal(self, now: float) -> None:
        sealed = await self._buffer.seal(now)
        self._health.progress.commits = now
        for window in sealed:
            _log.info("window %s closed, %d values to deliver", utc_text(window.end), window.fields)
            self._report_backwards(window)
        dropped = await self._buffer.enforce_max_size(self._max_size) if sealed else None
        self._health.backlog = await self._buffer.backlog()
        if dropped is not None:
            self._health.note_window()
            self._report_capped(dropped)

    def _report_capped(self, dropped: Dropped) -> None:
        """Say once that the file is full, and in the end what that cost."""
        if dropped.deliveries or dropped.rejected:
            self._lost_fields += dropped.fields + dropped.rejected
            cause = f"full (buffer.max_size): {self._lost_fields} values that the server did not take were dropped"
            advice = "does the server take anything? (systemctl status inviseobox)"
            self._health.troubles.begin(events.CAPPED(), "buffer size", cause, advice)
        elif self._health.backlog <= 1:
            # Not at the first window that found room, for what was dropped may have left room for just that one.
            self._health.troubles.end("buffer size", f"has room again; {self._lost_fields} values were lost")
            self._lost_fields = 0

    def _report_dropped(self) -> None:
        """Say once that memory is full, too."""
        if self._buffer.dropped:
            cause = "full of readings that cannot be written; the oldest are dropped"
            self._health.troubles.begin(events.MEMORY(), "memory", cause)

    def _report_backwards(self, window: SealedWindow) -> None:
        """Name the measurements that began to run backwards; one that goes on doing so is not named again."""
        for device, measurement in self._health.inventory.measurements:
            if measurement.series.measurement in window.backwards - self._backwards:
                _log.warning(
                    "%s, %s: it ran backwards in the window %s; was the meter replaced or reset?",
                    device.name,
                    measurement.name,
                    utc_text(window.end),
                    extra=events.METER_BACKWARDS(
                        device=device.name,
                        device_id=device.id,
                        measurement=measurement.name,
                        measurement_id=measurement.series.measurement,
                        window=utc_text(window.end),
                    ),
                )
        self._backwards = window.backwards
