"""The loop that brings readings to the disk and seals each window when its end has come."""

import asyncio
import logging

from inviseobox import events
from inviseobox.buffer import Buffer, Dropped, SealedWindow
from inviseobox.clock import utc_text
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.errors import BufferFault
from inviseobox.health.health import Health
from inviseobox.records import Dating
from inviseobox.reports.window_ends import next_border
from inviseobox.timekeeping.timekeeper import Timekeeper

_log = logging.getLogger(__name__)

COMMIT_PERIOD = 5.0
"""Seconds for which readings wait in memory for a commit; at a power cut no more than those of this time are lost."""
IDLE_PERIOD = 60.0
"""Seconds between two commits while there is nothing to write: only to see that the disk still takes some."""
COMMIT_COUNT = 50_000
"""Readings in memory that are brought to the disk without waiting for that."""
_TICK = 1.0
"""Seconds between two looks at the time, for the clock may step."""
_ALLOWANCE = 60.0
"""Seconds that a commit may take on a slow disk before the watchdog counts it as hanging."""
_BEAT = "windows"


class Windows:
    """Commits and seals for as long as it runs."""

    def __init__(
        self, buffer: Buffer, time: Timekeeper, devices: DevicesInForce, max_size: int, health: Health
    ) -> None:
        """Keep the file of `buffer` within `max_size` bytes; a window is as long as `devices` say.

        What the time is `time` tells.
        """
        self._buffer = buffer
        self._time = time
        self._devices = devices
        self._max_size = max_size
        self._health = health
        self._heartbeat = health.heartbeats.of(_BEAT)
        self._backwards: frozenset[str] = frozenset()
        self._lost_fields = 0

    async def run(self) -> None:
        """Commit and seal. A full disk is waited out: everything stays in memory meanwhile."""
        loop = asyncio.get_running_loop()
        next_commit = next_idle_commit = loop.time()
        last_border = None
        while True:
            self._beat()
            if self._buffer.is_idle and loop.time() < next_idle_commit:
                next_commit = min(loop.time() + COMMIT_PERIOD, next_idle_commit)
            interval = self._devices.interval()
            # While nobody knows the time, nothing is sealed: readings are brought to the disk, where they wait.
            dating = self._time.dating(interval)
            # Also differs when the clock stepped: sealing then moves the open window to where the clock says.
            border = next_border(dating.now, interval) if dating else None
            try:
                if dating and (border != last_border or self._buffer.is_overdue(dating.now)):
                    await self._seal(dating)
                    last_border = border
                elif loop.time() >= next_commit or self._buffer.pending >= COMMIT_COUNT:
                    await self._buffer.commit()
                    next_commit = loop.time() + COMMIT_PERIOD
                    next_idle_commit = loop.time() + IDLE_PERIOD
                    self._health.progress.commits = self._time.now()
                    self._health.disk_free = await self._buffer.disk_free()
            except BufferFault as error:
                self._report_unwritable(error)
                await asyncio.sleep(_TICK)
                continue
            self._health.troubles.end("buffer")
            self._health.troubles.end("memory", f"{self._buffer.dropped} readings were lost")
            to_border = _TICK if border is None else border - self._time.now()
            await asyncio.sleep(max(0.0, min(_TICK, to_border, next_commit - loop.time())))

    def _beat(self) -> None:
        self._heartbeat.expect(_ALLOWANCE)

    async def _seal(self, dating: Dating) -> None:
        self._time.keep()
        sealed = await self._buffer.seal(dating)
        self._health.progress.commits = dating.now
        for window in sealed:
            _log.info("window %s closed, %d values to deliver", utc_text(window.end), window.fields)
            self._report_backwards(window)
        dropped = await self._buffer.enforce_max_size(self._max_size, self._beat) if sealed else None
        self._health.backlog = await self._buffer.backlog()
        self._health.backlog_bytes = await self._buffer.backlog_bytes()
        if dropped is not None:
            self._health.note_window()
            self._report_capped(dropped)

    def _report_capped(self, dropped: Dropped) -> None:
        """Say once that the file is full, and in the end what that cost."""
        if dropped.deliveries or dropped.rejected:
            self._lost_fields += dropped.fields + dropped.rejected
            cause = f"full (buffer.max_size): {self._lost_fields} values that the server did not take were dropped"
            self._health.troubles.begin("buffer size", events.CAPPED(cause))
        elif self._health.backlog <= 1:
            # Not at the first window that found room, for what was dropped may have left room for just that one.
            self._health.troubles.end("buffer size", f"{self._lost_fields} values were lost")
            self._lost_fields = 0

    def _report_unwritable(self, error: BufferFault) -> None:
        """Say once that nothing can be written, and that memory is full, too."""
        advice = "readings stay in memory; is the disk full? (df -h /var/lib)"
        self._health.troubles.begin("buffer", events.BUFFER(str(error)).advising(advice))
        if self._buffer.dropped:
            cause = "full of readings that cannot be written; the oldest are dropped"
            self._health.troubles.begin("memory", events.MEMORY(cause))

    def _report_backwards(self, window: SealedWindow) -> None:
        """Name the measurements that began to run backwards; one that goes on doing so is not named again."""
        for identity in sorted(window.backwards - self._backwards):
            listed = self._devices.find(identity)
            if listed is not None:
                end = utc_text(window.end)
                _log.warning(
                    "%s: it ran backwards in the window %s; was the meter replaced or reset?",
                    listed.label,
                    end,
                    extra=events.METER_BACKWARDS.fields(listed.about.in_window(end)),
                )
        self._backwards = window.backwards
