"""Whether a version that is being watched is good. Pure: what was seen is judged, by the boot-time clock alone."""

from dataclasses import dataclass

from . import faults
from .green import allowance, delivery_pace, is_fresh, seen_green
from .memory_growth import growth, is_growing
from .observation import NotReached, Observation, Reached, Status
from .seen import Mark, Run, Seen, is_active
from .state import Cause, Probation, Required
from .texts import clean

READY_WITHIN = 180.0
MOST_RESTARTS = 3
SHORTEST = 120.0
LONGEST_AT_LEAST = 180.0
_SETTLED = 10.0
"""Seconds after which a service that is not active is not just about to be started."""
_STARTED_WITHIN = 600.0
_CONFIGURATION = 78
"""sysexits' EX_CONFIG, by which the service says that its configuration is wrong."""
_BACK_OFF = 300.0
"""The service asks a server that failed again after five minutes at the latest."""
_SLACK = 60.0
_MEMORY_SHARE = 0.9
_GROWN_WITHIN = 1800.0

_NOTHING = Required()


@dataclass(frozen=True, slots=True)
class Undecided:
    """Go on looking. `needs_restart`: the process of the version before still runs; restart the service."""

    needs_restart: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """All that can be judged is well; the rest waits for something that is not the version's fault."""

    cause: str


@dataclass(frozen=True, slots=True)
class Good:
    """The version does what it must. `required` is what it is seen to do: the measure of its next start."""

    required: Required


@dataclass(frozen=True, slots=True)
class Bad:
    """The version does not do what it must; one English line says what, its root cause first.

    `missing` is what the version before must be seen to do for this to be its successor's fault.
    """

    reason: str
    missing: Required = _NOTHING


Judgement = Undecided | Waiting | Good | Bad


def judge(probation: Probation, seen: Seen, now: float) -> Judgement:
    """Judge the version by what was seen up to `now`, in seconds of the boot-time clock."""
    last = seen.last
    if last is None:
        return Undecided()
    early = _fault(seen, now) or _inactive(probation, seen, last, now)
    if early is not None:
        return early
    if seen.run is None:
        return _not_begun(seen, last, now)
    if seen.run.ready_at is None or not is_active(last):
        return Undecided()
    return _by_work(probation, seen, seen.run, now)


def _fault(seen: Seen, now: float) -> Bad | None:
    """Find what condemns a version at once, whatever its work."""
    last = seen.last
    if seen.ran_out_of_memory:
        return Bad("it took more memory than it may (oom-kill)")
    if last and last.rss_bytes and last.memory_max and last.rss_bytes >= _MEMORY_SHARE * last.memory_max:
        return Bad(
            f"it holds {faults.mega(last.rss_bytes)} of the {faults.mega(last.memory_max)} of memory that it may"
        )
    if seen.restarts >= MOST_RESTARTS:
        return Bad(f"it was restarted {seen.restarts} times: {faults.how_it_ended(seen.last_failure)}")
    if seen.not_ready_since is not None and now - seen.not_ready_since > READY_WITHIN:
        return Bad(f"it is not ready after {READY_WITHIN:.0f} s")
    return None


def _inactive(probation: Probation, seen: Seen, last: Observation, now: float) -> Judgement | None:
    """Judge a service that does not run; None where it does."""
    if seen.inactive_since is None:
        return None
    if now - seen.inactive_since < _SETTLED:
        return Undecided()
    is_same = bool(probation.configuration) and last.configuration == probation.configuration
    if last.result == "condition":
        return Bad("a condition of its unit keeps systemd from starting it")
    if seen.run is None:
        return Waiting("the service was stopped")
    if last.result == "exec-condition":
        if is_same:
            return Bad("it says that it is not configured, with the configuration that the version before took")
        return Waiting("the service is not configured")
    if last.result == "exit-code" and last.exit_status == _CONFIGURATION:
        if is_same:
            return Bad("it refuses the configuration that the version before took (exit status 78)")
        return Waiting("the configuration of the service was changed and is wrong")
    if last.active_state == "failed":
        return Bad(f"it does not run: {faults.how_it_ended(last)}")
    return Waiting("the service was stopped")


def _not_begun(seen: Seen, last: Observation, now: float) -> Judgement:
    if now - seen.began > _STARTED_WITHIN:
        runs = "the process of the version before still runs" if is_active(last) else "the service is not started"
        return Waiting(runs)
    return Undecided(needs_restart=is_active(last))


def _by_work(probation: Probation, seen: Seen, run: Run, now: float) -> Judgement:
    """Judge a service that is ready by what it does."""
    elapsed = now - (now if run.ready_at is None else run.ready_at)
    status = run.status
    longest = LONGEST_AT_LEAST
    if status is not None:
        longest = max(2.0 * status.interval, LONGEST_AT_LEAST, 2 * run.status_patience)
    if elapsed < SHORTEST:
        return Undecided()
    unwritten = _unwritten(probation, run, now)
    if unwritten or status is None:
        return Bad(unwritten, probation.required) if elapsed >= longest else Undecided()
    if elapsed < longest:
        is_done = _is_steady(probation.required, run, status) and not is_growing(run.memory)
        return Good(seen_green(run, status)) if is_done else Undecided()
    missing = _missing(probation.required, run, status)
    delivery = _delivery(probation, seen, run, status, now)
    if isinstance(delivery, Bad):
        missing = Required((*missing.facets, "delivery"), missing.links)
    if "polling" in missing.facets and _is_unplugged(probation, status):
        return Waiting("no link is up")
    if missing != _NOTHING:
        return Bad(faults.missing(missing, probation.required), missing)
    return _by_memory(seen, run, elapsed) or delivery or Good(seen_green(run, status))


def _is_unplugged(probation: Probation, status: Status) -> bool:
    """Whether it may be the cables, after a boot, that nothing is read: the service says that no link is up.

    The older version, after a newer one was taken back, is judged as it is: nothing is taken back for it.
    """
    is_after_boot = not probation.required.links and probation.cause is not Cause.BACK
    return is_after_boot and bool(status.links) and not any(link.up for link in status.links.values())


def _by_memory(seen: Seen, run: Run, elapsed: float) -> Judgement | None:
    """Judge a service by the growth of its memory; None where that is no reason for anything."""
    limit = seen.last.memory_max if seen.last else None
    if limit is None or not is_growing(run.memory):
        return None
    # A large site takes its time until everything is in memory once.
    if elapsed < _GROWN_WITHIN:
        return Undecided()
    rate = growth(run.memory, limit)
    return Bad(f"its memory grows by {faults.mega(rate)} an hour") if rate is not None else None


def _unwritten(probation: Probation, run: Run, now: float) -> str:
    """Say what is wrong with the status as a whole, empty where nothing is."""
    if run.status is None:
        return "it writes no status"
    if not _is_version(run.status.version, probation.version):
        return f"it runs as version {clean(run.status.version, 40)}"
    if now - run.rewritten_at > max(run.status_patience, run.longest_rest + _SLACK):
        return "it writes no status any more"
    return ""


def _is_version(told: str, version: str) -> bool:
    """Whether a program that tells this version is that of the package of that version (deb-version(7))."""
    return told in (version, version.partition(":")[2] or version, version.rpartition("-")[0])


def _missing(required: Required, run: Run, status: Status) -> Required:
    """Return what is not green again, apart from delivery."""
    limit = allowance(status.interval)
    facets = [name for name in required.facets if name != "delivery" and not is_fresh(run.progress, name, run, limit)]
    # What is not in the list of devices any more is not to be read.
    links = [name for name in required.links if name in status.links and not is_fresh(run.links, name, run, limit)]
    return Required(tuple(facets), tuple(links))


def _delivery(probation: Probation, seen: Seen, run: Run, status: Status, now: float) -> Judgement | None:
    """Judge delivery, which is missed only where the server was there for it; None: it is as it must be."""
    if "delivery" not in probation.required.facets or _delivers(run, status):
        return None
    match seen.server.last:
        case None:
            return Waiting("the server was not asked")
        case NotReached(cause):
            return Waiting(cause)
        case Reached():
            mark = run.progress.get("delivery")
            since = max(
                seen.server.reached_since, now if run.ready_at is None else run.ready_at, mark.last_at if mark else 0.0
            )
            patience = delivery_pace(status.interval) + run.longest_rest + _SLACK
            if seen.server.has_failed or probation.waits_for:
                patience += _BACK_OFF + _SLACK
            return Bad(faults.FACETS["delivery"]) if now - since > patience else Undecided()


def _delivers(run: Run, status: Status) -> bool:
    """Whether two windows were delivered, and the last one not long ago.

    Two, for what waited from before may go out although nothing new will.
    """
    mark = run.progress.get("delivery")
    if mark is None or run.rewritten_at - mark.last_at > delivery_pace(status.interval) + run.longest_rest:
        return False
    return mark.last_at - mark.first_at >= status.interval / 2


def _is_steady(required: Required, run: Run, status: Status) -> bool:
    """Whether all that is required goes on at its own pace, so that there is nothing more to wait for."""
    marks = [run.progress.get(name) for name in required.facets if name != "delivery"]
    marks += [run.links.get(name) for name in required.links if name in status.links]
    if not all(mark is not None and _keeps_pace(mark, run) for mark in marks):
        return False
    return "delivery" not in required.facets or _delivers(run, status)


def _keeps_pace(mark: Mark, run: Run) -> bool:
    return mark.count >= 3 and run.rewritten_at - mark.last_at <= 2 * mark.longest + run.longest_rest
