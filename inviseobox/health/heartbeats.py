"""The promises of the loops and links to show progress, by which the watchdog is fed."""

from inviseobox.clock import MonotonicClock, loop_clock


class Heartbeats:
    """When each loop and link promised to show progress next."""

    def __init__(self, now: MonotonicClock = loop_clock) -> None:
        """Begin with no promises."""
        self._now = now
        self._due: dict[str, float] = {}

    def of(self, who: str) -> "Heartbeat":
        """Return the heartbeat of a loop or link, which promises nothing yet."""
        return Heartbeat(self, who)

    def expect(self, who: str, within: float) -> None:
        """Note that `who` just made progress and will again within this many seconds."""
        self._due[who] = self._now() + within

    def forget(self, who: str) -> None:
        """Note that `who` ended and promises nothing any more."""
        self._due.pop(who, None)

    def overdue(self) -> list[str]:
        """Name those that did not keep their promise."""
        now = self._now()
        return sorted(who for who, due in self._due.items() if due < now)


class Heartbeat:
    """The heartbeat of one loop or link."""

    def __init__(self, heartbeats: Heartbeats, who: str) -> None:
        """Make promises in the name of `who`."""
        self._heartbeats = heartbeats
        self._who = who

    def expect(self, within: float) -> None:
        """Note that there was progress just now, and that there will be again within this many seconds."""
        self._heartbeats.expect(self._who, within)

    def forget(self) -> None:
        """Note that no progress is to be expected any more."""
        self._heartbeats.forget(self._who)
