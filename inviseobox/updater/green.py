"""What of the service's work goes on, which the next start must do, too. Pure.

The service dates its work by a clock that may be stepped. A time not long before the one at which the status was
written is a sign of work; any other one proves nothing until it is seen to move on.
"""

from collections.abc import Callable, Iterable

from .observation import LinkState, Status
from .seen import Mark, Run, status_patience
from .state import Required

OLD = float("inf")
"""The age of a run that had time for everything."""


def required(status: Status | None, earlier: Status | None = None) -> Required:
    """Return what is green in a status, which is what the next start must do; nothing where there is none.

    What is not so young that it must be is green if it moved on since an `earlier` status of the same run.
    """
    if status is None:
        return Required()
    return _chosen(
        status,
        lambda name, link: _is_clear(link.last_good, status, _earlier_link(earlier, name), allowance(status.interval)),
        lambda name, limit: _is_clear(status.progress.get(name), status, _earlier_facet(earlier, name), limit),
    )


def is_open(status: Status | None, earlier: Status | None = None, age: float = OLD) -> bool:
    """Whether something may go on of which that cannot be told yet.

    The clock may have been stepped, or the run may be of so few seconds, its `age`, that it had no time for it.
    """
    if status is None:
        return False
    is_young = age < longest_pause(status)
    links = [name for name, link in status.links.items() if link.up and (is_young or link.last_good is not None)]
    facets = [name for name, _ in _limits(status.interval) if is_young or status.progress.get(name) is not None]
    known = required(status, earlier)
    return bool(links) and (len(known.links) < len(links) or any(name not in known.facets for name in facets))


def is_same(one: Required, other: Required) -> bool:
    """Whether the same is required, in whatever order the service tells of its links."""
    return one.facets == other.facets and set(one.links) == set(other.links)


def seen_green(run: Run, status: Status) -> Required:
    """Return what was seen to go on in a run of the service, whose last status this is."""
    return _chosen(
        status,
        lambda name, _: is_fresh(run.links, name, run, allowance(status.interval)),
        lambda name, limit: is_fresh(run.progress, name, run, limit),
    )


def required_at_boot(required: Required) -> Required:
    """Return what must be green after a boot: no link, for cables are moved while a machine is off."""
    return Required(required.facets, ())


def is_fresh(marks: dict[str, Mark], name: str, run: Run, allowance: float) -> bool:
    """Whether a mark has moved within so many seconds of the boot-time clock."""
    mark = marks.get(name)
    return mark is not None and run.rewritten_at - mark.last_at <= allowance + run.longest_rest


def allowance(interval: int) -> float:
    """Return the seconds within which polling, commits and links get somewhere: they are read twice a window."""
    return max(float(interval), 30.0)


def delivery_pace(interval: int) -> float:
    """Return the seconds between two deliveries: a window, the box's place in the queue, and the time it takes."""
    return interval + min(60.0, interval / 10) + 10


def longest_pause(status: Status) -> float:
    """Return the seconds in which all that goes on is seen to: until it gets somewhere and the status is written."""
    return max(delivery_pace(status.interval), allowance(status.interval)) + status_patience(status)


def _chosen(
    status: Status, is_green_link: Callable[[str, LinkState], bool], is_green: Callable[[str, float], bool]
) -> Required:
    """Choose the links that are up and give values; polling and commits where there is such a link, and delivery where
    readings are committed: for what has nothing to do is not to be missed.
    """
    links = [name for name, link in status.links.items() if link.up and is_green_link(name, link)]
    facets: list[str] = []
    for name, limit in _limits(status.interval) if links else ():
        if not is_green(name, limit):
            break
        facets.append(name)
    return Required(tuple(facets), tuple(links))


def _limits(interval: int) -> Iterable[tuple[str, float]]:
    """Return the facets, each before what needs it, with the seconds within which it gets somewhere."""
    usual = allowance(interval)
    return ("polling", usual), ("commits", usual), ("delivery", max(2.0 * interval + 60, 300))


def _is_clear(time: float | None, status: Status, earlier: float | None, limit: float) -> bool:
    if time is None:
        return False
    has_moved = earlier is not None and time != earlier
    # A time in the future is from before a step of the clock, and one long ago may be: how old it is cannot be told.
    return has_moved or -5 <= status.written_at - time <= limit


def _earlier_link(earlier: Status | None, name: str) -> float | None:
    link = earlier.links.get(name) if earlier else None
    return link.last_good if link else None


def _earlier_facet(earlier: Status | None, name: str) -> float | None:
    return earlier.progress.get(name) if earlier else None
