"""What was seen of a service while it is watched, and when. Pure; times are seconds of the boot-time clock.

A progress is dated by when it, or its change, was first seen: no step of the wall clock makes anything old or new.
"""

from dataclasses import dataclass

from .observation import NotReached, Observation, Reached, Status
from .state import Probation

_MOST_SAMPLES = 128
STATUS_PATIENCE = 60.0
"""Seconds after which a status that is not written again is missed."""
_STATUS_BYTES_A_SECOND = 5_000
"""A large status is written more seldom: the service writes twice as many, on the average."""


@dataclass(slots=True)
class Mark:
    """A time in the status that moves on with each progress: when it was first and last seen to, and how often."""

    value: float
    first_at: float
    last_at: float
    count: int = 1
    longest: float = 0.0

    def move(self, value: float, at: float) -> None:
        """Note that at `at` the time is `value`."""
        if value != self.value:
            self.value = value
            self.longest = max(self.longest, at - self.last_at)
            self.last_at = at
            self.count += 1


@dataclass(slots=True)
class ServerSeen:
    """What the server answered to the updater: last, since when without a failure, and whether it ever failed."""

    last: Reached | NotReached | None = None
    reached_since: float = 0.0
    has_failed: bool = False

    def note(self, answer: Reached | NotReached | None, at: float) -> None:
        """Take in an answer; None: it was not asked."""
        if answer is None:
            return
        if isinstance(answer, NotReached):
            self.has_failed = True
        elif not isinstance(self.last, Reached):
            self.reached_since = at
        self.last = answer


class Run:
    """What was seen of one run of the service, which systemd's invocation id names."""

    def __init__(self, invocation_id: str) -> None:
        """Begin with nothing seen."""
        self.invocation_id = invocation_id
        self.ready_at: float | None = None
        self.status: Status | None = None
        self.rewritten_at = 0.0
        self.longest_rest = 0.0
        self.progress: dict[str, Mark] = {}
        self.links: dict[str, Mark] = {}
        self.memory: list[tuple[float, int]] = []
        self._every = 1
        self._to_skip = 0

    @property
    def status_patience(self) -> float:
        """Seconds within which the status is written again."""
        return status_patience(self.status)

    def note(self, observation: Observation) -> None:
        """Take in what is seen of it next."""
        if self.ready_at is None and is_active(observation):
            self.ready_at = observation.at
        if observation.status is not None:
            self._note_status(observation.status, observation.at)
        if observation.rss_bytes is not None and self.ready_at is not None:
            self._note_memory(observation.at, observation.rss_bytes)

    def _note_status(self, status: Status, at: float) -> None:
        if self.status is not None:
            if status.stamp == self.status.stamp:
                return
            self.longest_rest = max(self.longest_rest, at - self.rewritten_at)
        self.status, self.rewritten_at = status, at
        for name, value in status.progress.items():
            _move(self.progress, name, value, at)
        for name, link in status.links.items():
            _move(self.links, name, link.last_good, at)

    def _note_memory(self, at: float, held: int) -> None:
        if self._to_skip:
            self._to_skip -= 1
            return
        self.memory.append((at, held))
        if len(self.memory) >= _MOST_SAMPLES:
            del self.memory[1::2]
            self._every *= 2
        self._to_skip = self._every - 1


class Seen:
    """What was seen of a service since the boot-time clock showed `began`."""

    def __init__(self, probation: Probation, began: float) -> None:
        """Begin to watch."""
        self._not_this = probation.invocation_id
        self.began = began
        self.last: Observation | None = None
        self.run: Run | None = None
        self.restarts = 0
        self.last_failure: Observation | None = None
        self.ran_out_of_memory = False
        self.not_ready_since: float | None = None
        self.inactive_since: float | None = None
        self.server = ServerSeen()
        self._count: int | None = None

    def note(self, observation: Observation) -> None:
        """Take in what is seen next."""
        self.last = observation
        self.server.note(observation.server, observation.at)
        is_inactive = observation.active_state in ("inactive", "failed")
        self.inactive_since = _since(self.inactive_since, observation.at) if is_inactive else None
        identity = observation.invocation_id
        if not identity or identity == self._not_this:
            return
        if self.run is None or self.run.invocation_id != identity:
            self.run = Run(identity)
        self._note_restarts(observation)
        is_ready = is_active(observation) or is_inactive
        self.not_ready_since = None if is_ready else _since(self.not_ready_since, observation.at)
        self.run.note(observation)

    def _note_restarts(self, observation: Observation) -> None:
        """Count what systemd restarted; a restart that a person asked for begins its count anew."""
        if observation.result != "success":
            self.last_failure = observation
            self.ran_out_of_memory = self.ran_out_of_memory or observation.result == "oom-kill"
        count, self._count = observation.n_restarts, self._count
        if self._count is not None:
            self.restarts += count - self._count if count >= self._count else count
        self._count = count


def _move(marks: dict[str, Mark], name: str, value: float | None, at: float) -> None:
    if value is None:
        return
    known = marks.get(name)
    if known is not None:
        known.move(value, at)
    else:
        marks[name] = Mark(value, at, at)


def status_patience(status: Status | None) -> float:
    """Return the seconds within which a status like this one is written again."""
    return max(STATUS_PATIENCE, status.size / _STATUS_BYTES_A_SECOND if status else 0.0)


def _since(known: float | None, now: float) -> float:
    return now if known is None else known


def is_active(observation: Observation) -> bool:
    """Whether the service said that it is ready."""
    return observation.active_state in ("active", "reloading", "refreshing")
