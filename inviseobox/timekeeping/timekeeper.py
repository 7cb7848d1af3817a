"""The time by which everything is dated: the wall clock as far as it is right, else what its witnesses say."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import inviseobox
from inviseobox.buffer import Buffer
from inviseobox.clock import UptimeClock, WallClock, boot_clock, system_clock
from inviseobox.errors import BufferFault
from inviseobox.events import Trouble
from inviseobox.health.health import ClockWitness, Health
from inviseobox.health.troubles import BOX
from inviseobox.host import time_synchronisation
from inviseobox.host.boot import boot_id
from inviseobox.records import Dating, Stamp
from inviseobox.timekeeping.clock_troubles import clock_trouble, server_clock_trouble
from inviseobox.timekeeping.note import Note, read_note
from inviseobox.timekeeping.witnesses import TOLERANCE, Judgement, Witnesses

_log = logging.getLogger(__name__)

BUILT = datetime.fromisoformat(inviseobox.BUILT).timestamp()
_SETTING = "clock"
_LOOK_PERIOD = 0.5
"""Seconds between two looks at the witnesses for the sake of a stamp, while the clock is not stepped."""
_STEP = 0.01
"""Seconds by which two clocks that tick alike may seem to differ."""
_NOTE_PERIOD = 300.0
"""Seconds between two times that what is known is written, where nothing else asks for it."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """The machine's clocks, what names this run of its kernel, and when the time synchronisation set the wall clock."""

    boot: str
    wall: WallClock = system_clock
    uptime: UptimeClock = boot_clock
    synchronised_at: Callable[[], float | None] = time_synchronisation.last_set


def system_clocks(environment: Mapping[str, str]) -> Clocks:
    """Return the clocks of this machine."""
    return Clocks(boot_id(environment))


class Timekeeper:
    """Says what the time is, hears the witnesses, and keeps what they said for the next start."""

    def __init__(
        self, clocks: Clocks, buffer: Buffer, health: Health, note: Note | None = None, *, built: float = BUILT
    ) -> None:
        """Go on from what was noted before; keep notes in `buffer`, and tell `health` what is wrong with the clock."""
        note = note or Note()
        self._clocks = clocks
        self._buffer = buffer
        self._health = health
        self._started = clocks.uptime()
        self._witnesses = Witnesses(note, clocks.boot, built, self._started)
        self._noted = note
        self._noted_at = self._started
        self._last: tuple[Judgement, float, float] | None = None

    @classmethod
    async def opened(cls, clocks: Clocks, buffer: Buffer, health: Health) -> "Timekeeper":
        """Begin with what `buffer` holds of earlier runs."""
        try:
            text = await buffer.setting(_SETTING) or ""
        except BufferFault as error:
            # The witnesses will say it again.
            _log.debug("what was known of the clock cannot be read: %s", error)
            text = ""
        return cls(clocks, buffer, health, read_note(text))

    def stamp(self) -> Stamp:
        """Return the stamp of what happens at this moment.

        The judgement of just before holds while no clock was stepped: readings come by the thousand.
        """
        if self._last is not None:
            judgement, last_wall, last_uptime = self._last
            wall, uptime = self._clocks.wall(), self._clocks.uptime()
            passed = uptime - last_uptime
            if 0 <= passed < _LOOK_PERIOD and abs(wall - last_wall - passed) < _STEP:
                return Stamp(None if judgement.now is None else judgement.now + passed, uptime)
        judgement, uptime = self._judge()
        return Stamp(judgement.now, uptime)

    def now(self) -> float:
        """Return the time in seconds since the epoch; where it is not known, what the wall clock says."""
        judgement, _ = self._judge()
        return self._clocks.wall() if judgement.now is None else judgement.now

    def dating(self, interval: int) -> Dating | None:
        """Return by what windows of `interval` seconds may be sealed now; None while that has to wait.

        It waits while the time is not known, and for a moment after the start while no witness was heard in this boot,
        so that the first of them comes before a window is closed.
        """
        judgement, uptime = self._judge()
        is_early = uptime - self._started < min(60.0, interval / 10)
        if judgement.now is None or (is_early and not self._witnesses.is_witnessed):
            return None
        # What waits from an earlier boot was read before this one began, also where nobody ever confirmed a time.
        booted = judgement.now - uptime
        before = self._witnesses.confirmed_before
        confirmed = booted if before is None else min(before, booted)
        return Dating(judgement.now, uptime, is_witnessed=self._witnesses.is_witnessed, confirmed=confirmed)

    def hear_server(self, offset: float, doubt: float = 0.5) -> None:
        """Take in the server's time minus the boot-time clock, of an answer that is the server's own.

        It may be off by `doubt` seconds.
        """
        self._judge()
        self._last = None
        wall, uptime = self._clocks.wall(), self._clocks.uptime()
        if not self._witnesses.hear_server(offset, wall, uptime, doubt):
            return
        self._health.clock_error = ahead = self._witnesses.ahead_of_server(wall, uptime)
        if ahead is not None and abs(ahead) <= TOLERANCE:
            self._health.clock_witness = ClockWitness(wall, "the server")

    def look(self, max_size: int) -> None:
        """Tell what is wrong with the clock, and note what is known; `max_size` are the bytes that the buffer may take.

        To be called every few seconds.
        """
        judgement, uptime = self._judge()
        if judgement.now is None and self._buffer.waiting > max_size / 4:
            self._witnesses.believe()
            self._last = None
            judgement, uptime = self._judge()
        self._health.dated_by = judgement.basis.value
        self._show("clock", clock_trouble(judgement, self._witnesses.least))
        ahead_of_server = self._witnesses.ahead_of_server(self._clocks.wall(), uptime)
        self._show("server's clock", server_clock_trouble(judgement, ahead_of_server))
        if self._witnesses.note.has_news_since(self._noted) or uptime - self._noted_at >= _NOTE_PERIOD:
            self.keep()

    def keep(self) -> None:
        """Note what is known, with the next commit."""
        note = self._witnesses.note
        if note != self._noted:
            self._buffer.record_setting(_SETTING, note.text)
            self._noted = note
        self._noted_at = self._clocks.uptime()

    def _show(self, key: str, trouble: Trouble | None) -> None:
        """Note what is wrong with a clock; a trouble of another kind gives way, and takes no line itself."""
        troubles = self._health.troubles
        if trouble is None:
            troubles.end(key)
            return
        present = troubles.of(BOX).get(key)
        if present is not None and present.kind is not trouble.kind:
            troubles.give_way(key)
        troubles.begin(key, trouble)

    def _judge(self) -> tuple[Judgement, float]:
        """Return what the time is, and the boot-time clock at that moment."""
        wall, uptime = self._clocks.wall(), self._clocks.uptime()
        if self._witnesses.look(self._clocks.synchronised_at(), wall, uptime):
            self._health.clock_witness = ClockWitness(wall, "the time synchronisation")
        judgement = self._witnesses.judge(wall, uptime)
        self._last = judgement, wall, uptime
        return judgement, uptime
