"""What a link's fresh connections need before they answer. Pure; times are seconds of a monotonic clock.

Some gateways swallow whatever comes within a second or three after a connect, and some serial devices start anew when
their port is opened. Closing such a connection at each silence, and asking at once on the next one, gives no value
ever.
"""

LONGEST_SETTLING = 3.0
"""Seconds of age up to which a connection that does not answer may still do so to the same request."""
LONGEST_PAUSE = 3.8
"""Seconds before the first request on a fresh connection, at most."""
MOST_SILENCES = 3
"""Silences in a row with which a connection of a link that settles is closed."""
_MARGIN = 0.2
_AT_ONCE = 0.2
"""Seconds of age up to which a connection counts as asked without a pause."""
_TRIED_WITHOUT = 10
"""Each so many fresh connections of a link that settles one is asked at once: it may have been another fault."""
_BETWEEN_TRIALS = 20.0
"""Seconds from one connection that nothing is known of, and that is asked again and again, to the next."""
_MOST_FAILED = 5
"""Fresh connections in a row without any answer, and no unit known to answer, after which nothing is known of them."""


class FreshConnections:
    """What is known of them: nothing, that they answer at once, or after how long a pause they do."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._pause: float | None = None
        self._failed = 0
        self._paused = 0
        self._tries_again = False
        self._tried_at = float("-inf")
        self._tried: set[int] = set()
        self._units: set[int] = set()
        self._unit: int | None = None
        self._answering: set[int] = set()
        """The units that answered when they were asked last."""
        self.opened(0.0)

    @property
    def settles(self) -> bool:
        """Whether they answer only after a pause."""
        return bool(self._pause)

    def opened(self, now: float) -> None:
        """Note that a connection was opened."""
        self._opened_at = self._asked_at = now
        self._asks = 0
        self.has_answered = False
        """Whether the connection answered yet."""
        self._silences = 0

    def pause(self, now: float) -> float:
        """Return the seconds to wait before the next request."""
        if self._asks or not self._pause:
            return 0.0
        self._paused += 1
        return 0.0 if self._paused % _TRIED_WITHOUT == 0 else max(0.0, self._opened_at + self._pause - now)

    def asked(self, unit: int, now: float) -> None:
        """Note that a request goes out, be it the same once more."""
        self._units.add(unit)
        self._unit = unit
        if not self._asks:
            self._tries_again = self.settles or self._is_worth_trying(unit, now)
        self._asks += 1
        self._asked_at = now

    def _is_worth_trying(self, unit: int, now: float) -> bool:
        """Return whether to find out if it answers later.

        It may be that the unit itself is dead, and all others, too: it is done now and then, for another unit each
        time.
        """
        if self._pause is not None or now - self._tried_at < _BETWEEN_TRIALS:
            return False
        if self._tried >= self._units:
            self._tried.clear()
        if unit in self._tried:
            return False
        self._tried.add(unit)
        self._tried_at = now
        return True

    def asks_again(self) -> bool:
        """Return whether the request that met with silence is worth asking again on the connection."""
        if self.has_answered or not self._tries_again:
            return False
        return self._asks < 2 or self._asked_at - self._opened_at < LONGEST_SETTLING

    def answered(self) -> bool:
        """Note a valid answer, or an exception; return whether the request had gone out more than once."""
        age = self._asked_at - self._opened_at
        is_first = not self.has_answered
        if is_first and self._asks == 1 and age <= _AT_ONCE:
            self._pause = 0.0
        elif is_first and self._asks > 1:
            self._pause = min(age + _MARGIN, LONGEST_PAUSE)
        if self._unit is not None:
            self._answering.add(self._unit)
        self.has_answered = True
        self._failed = 0
        self._silences = 0
        return is_first and self._asks > 1

    def stays_open(self) -> bool:
        """Note a silence or an invalid answer; return whether the connection is kept all the same."""
        if self._unit is not None:
            self._answering.discard(self._unit)
        self._silences += 1
        return self.settles and self.has_answered and self._silences < MOST_SILENCES

    def dropped(self) -> None:
        """Note that the connection was closed."""
        # While any unit answers, the silence of the others, which may be dead, tells nothing of the connection.
        if self._asks and not self.has_answered and not self._answering:
            self._failed += 1
            if self._failed == _MOST_FAILED:
                self._pause = None
                self._failed = 0
        self._asks = 0
