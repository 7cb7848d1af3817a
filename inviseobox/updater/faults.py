"""What is said of a version that does not do what it must: English, one line. Pure."""

from collections.abc import Iterable

from .observation import Observation
from .state import Required
from .texts import clean

_MOST_NAMED = 5
FACETS = {
    "polling": "nothing is read any more",
    "commits": "readings are not written to the disk any more",
    "delivery": "nothing is delivered any more",
}
_RESULTS = {
    "watchdog": "it hung, and systemd's watchdog ended it",
    "oom-kill": "it took more memory than it may",
    "timeout": "it did not start or stop in time",
    "start-limit-hit": "it was started too often",
    "success": "it ended by itself",
}


def missing(gone: Required, required: Required) -> str:
    """Say what is missing, the root first: what nothing is read from takes the others with it."""
    found = [FACETS[name] for name in ("polling",) if name in gone.facets]
    count = len(gone.links)
    if count and not (found and count == len(required.links)):
        verb = "is" if count == 1 else "are"
        found.append(f"{count} of {len(required.links)} links {verb} not read any more: {_names(gone.links)}")
    found += [FACETS[name] for name in ("commits", "delivery") if name in gone.facets]
    return "; ".join(found)


def _names(links: Iterable[str]) -> str:
    names = [clean(name) for name in links]
    shown = ", ".join(names[:_MOST_NAMED])
    if len(names) > _MOST_NAMED:
        shown += f" and {len(names) - _MOST_NAMED} others"
    return shown


def how_it_ended(observation: Observation | None) -> str:
    """Say how the service ended."""
    if observation is None:
        return _RESULTS["success"]
    if observation.result == "exit-code":
        return f"it ended with exit status {observation.exit_status}"
    return _RESULTS.get(observation.result, f"it ended ({clean(observation.result, 40)})")


def mega(size: float) -> str:
    """Say how many megabytes these bytes are."""
    return f"{size / 1_000_000:.0f} MB"
