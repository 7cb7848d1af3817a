"""Whether the wall clock is right, by those who can know it. Pure.

The boot-time clock starts with the machine and is never set, and both clocks tick alike. So the offset, the wall clock
minus the boot-time clock, changes only where the wall clock is stepped, and a witness that once saw the clock right
knows the time from then on, until the machine is started anew. The witnesses, the strongest first: the time
synchronisation, the server, the newest time that one of them confirmed, the date at which the program was built.
"""

from dataclasses import dataclass
from enum import StrEnum

from inviseobox.timekeeping.note import Note, Synchronised

TOLERANCE = 60.0
"""Seconds by which a clock that is right may differ from a witness."""
LONGEST_WAIT = 86_400.0
"""Seconds for which readings wait for a witness, in all."""
_ROUNDING = 0.5
"""Seconds by which a Date may be off, for it counts whole seconds."""
_CENTURY = 100 * 365.25 * 86_400.0


class Basis(StrEnum):
    """By what readings are dated; the values are the words of status.json."""

    CONFIRMED = "confirmed clock"
    SYNCHRONISATION = "time synchronisation"
    SERVER = "server"
    UNCONFIRMED = "unconfirmed clock"
    BELIEVED = "believed clock"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The time in seconds since the epoch, None where it is not known, and by what; `ahead` is the clock's error."""

    basis: Basis
    now: float | None
    ahead: float = 0.0


class Witnesses:
    """What the witnesses have said. `wall` is in seconds since the epoch, `uptime` in those of the boot-time clock."""

    def __init__(self, note: Note, boot: str, built: float, uptime: float) -> None:
        """Go on from what was noted, in the run of the kernel that `boot` names; the program was `built` then."""
        is_same_boot = note.boot == boot
        self._boot = boot
        self._built = built
        self._synchronised = note.synchronised if is_same_boot else None
        self._server = note.server if is_same_boot else None
        self._confirmed = note.confirmed if self._is_possible(note.confirmed) else None
        self._before = note.before if is_same_boot else self._confirmed
        self._waited = note.waited
        self._uptime = uptime
        self._seen = self._synchronised.at if self._synchronised else None
        self._seen_until = 0.0

    @property
    def is_witnessed(self) -> bool:
        """Whether the time synchronisation or the server has told the time in this boot."""
        return self._synchronised is not None or self._server is not None

    @property
    def confirmed_before(self) -> float | None:
        """The newest time that a witness had confirmed before this boot."""
        return self._before

    @property
    def least(self) -> float:
        """The newest time that is known to be over, if no witness erred: a clock that lies before it is wrong."""
        return self._built if self._confirmed is None else max(self._built, self._confirmed)

    def ahead_of_server(self, wall: float, uptime: float) -> float | None:
        """Return by how much the clock is ahead of the server's; None where the server told none in this boot."""
        return None if self._server is None else wall - uptime - self._server

    @property
    def note(self) -> Note:
        """What is to be known at the next start."""
        return Note(self._boot, self._synchronised, self._server, self._confirmed, self._before, self._waited)

    def judge(self, wall: float, uptime: float) -> Judgement:
        """Say what the time is."""
        offset = wall - uptime
        known = [(Basis.SYNCHRONISATION, self._synchronised.offset)] if self._synchronised else []
        known += [(Basis.SERVER, self._server)] if self._server is not None else []
        if any(abs(offset - right) <= TOLERANCE for _, right in known):
            return Judgement(Basis.CONFIRMED, wall)
        for basis, right in known:
            return Judgement(basis, uptime + right, offset - right)
        if wall >= self.least - TOLERANCE:
            return Judgement(Basis.UNCONFIRMED, wall)
        if self._waited >= LONGEST_WAIT:
            return Judgement(Basis.BELIEVED, wall)
        return Judgement(Basis.NOTHING, None)

    def look(self, synchronised_at: float | None, wall: float, uptime: float) -> bool:
        """Look at when the time synchronisation set the clock last; return whether it has confirmed it since.

        It did so at most as long ago as the last look, or the start; where the clock says otherwise it was stepped
        since, and nobody knows what it was then. A time synchronisation that is not there any more says nothing.
        """
        if self.judge(wall, uptime).basis is Basis.NOTHING:
            self._waited += max(0.0, uptime - self._uptime)
        self._uptime = uptime
        since, self._seen_until = self._seen_until, uptime
        if synchronised_at == self._seen:
            return False
        self._seen = synchronised_at
        if synchronised_at is None:
            self._synchronised = None
            return False
        if not -TOLERANCE <= wall - synchronised_at <= uptime - since + TOLERANCE:
            return False
        self._synchronised = Synchronised(synchronised_at, wall - uptime)
        self._confirm(wall)
        return True

    def hear_server(self, offset: float, wall: float, uptime: float, doubt: float = _ROUNDING) -> bool:
        """Take in the server's time minus the boot-time clock, to within `doubt` seconds; return whether that can be.

        A time before the program was built, or a century after it, is no time. An answer that took long says no other
        time than one that came at once, if it may be the same: else readings would be dated back and forth.
        """
        if not self._is_possible(offset + uptime):
            return False
        if self._server is None or abs(offset - self._server) > doubt + _ROUNDING:
            self._server = offset
        now = self.judge(wall, uptime).now
        self._confirm(now if now is not None else offset + uptime)
        return True

    def believe(self) -> None:
        """Wait no longer: the clock is believed until a witness says otherwise."""
        self._waited = max(self._waited, LONGEST_WAIT)

    def _confirm(self, now: float) -> None:
        self._confirmed = now
        self._waited = 0.0

    def _is_possible(self, time: float | None) -> bool:
        return time is not None and self._built - TOLERANCE <= time <= self._built + _CENTURY
