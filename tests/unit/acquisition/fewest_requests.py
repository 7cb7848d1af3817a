"""The fewest requests that cover some spans, by trying every way to group them: slow, and obviously right."""

from collections.abc import Callable, Sequence

from inviseobox.devices.registers import Span

Accepts = Callable[[int, int], bool]
"""Whether a device accepts a read of the addresses from the first up to, without, the second."""


def fewest_requests(spans: Sequence[Span], gap: int, limit: Callable[[Span], int], accepts: Accepts) -> int:
    """Count the requests of the best grouping; each span alone must be possible."""
    spans = sorted(set(spans))
    possible = [_is_possible(_members(spans, group), gap, limit, accepts) for group in range(1 << len(spans))]
    best = [0] + [len(spans)] * ((1 << len(spans)) - 1)
    for covered in range(1, 1 << len(spans)):
        lowest = covered & -covered
        group = covered
        while group:
            if group & lowest and possible[group]:
                best[covered] = min(best[covered], best[covered ^ group] + 1)
            group = (group - 1) & covered
    return best[-1]


def _members(spans: Sequence[Span], group: int) -> list[Span]:
    return [span for place, span in enumerate(spans) if group >> place & 1]


def _is_possible(group: Sequence[Span], gap: int, limit: Callable[[Span], int], accepts: Accepts) -> bool:
    if not group:
        return False
    if len({(span.unit, span.function) for span in group}) > 1:
        return False
    first, last = group[0].address, max(span.end for span in group)
    if last - first > limit(group[0]) or not accepts(first, last):
        return False
    return longest_gap(group) <= gap


def longest_gap(group: Sequence[Span]) -> int:
    """Return the longest run of addresses inside the group that none of its spans wants."""
    wanted = {address for span in group for address in range(span.address, span.end)}
    longest = run = 0
    for address in range(min(wanted), max(wanted)):
        run = 0 if address in wanted else run + 1
        longest = max(longest, run)
    return longest
