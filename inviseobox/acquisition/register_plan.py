"""Which registers to ask for in one request. Pure.

A request reads a run of neighbouring addresses of one unit with one function code: at most 125 registers or 2,000
bits (MODBUS Application Protocol V1.1b3, sections 6.1 to 6.4).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from inviseobox.devices.registers import MAX_BITS, MAX_REGISTERS, Span


@dataclass(frozen=True, slots=True)
class Request:
    """One read, and the wanted spans that its answer covers."""

    span: Span
    wanted: tuple[Span, ...]

    def __hash__(self) -> int:
        """Return what is equal for equal ones."""
        return hash(self.span)


def plan(wanted: Iterable[Span], *, max_registers: int = MAX_REGISTERS, gap: int = 0) -> list[Request]:
    """Cover every wanted span with the fewest requests.

    `max_registers` is the longest read in registers; bit reads may be 16 times as long, up to 2,000. `gap` is the
    number of unused addresses that a request may bridge between two wanted ones. A wanted span longer than the limit
    still gets a request of its own, for it cannot be cut. Equal spans share one request.

    Taking each span, in order of address, into the open request while it fits is optimal here, because a request
    that starts at the lowest uncovered address cannot gain from ending earlier.
    """
    requests: list[Request] = []
    group: list[Span] = []
    end = 0
    for span in sorted(set(wanted)):
        limit = min(16 * max_registers, MAX_BITS) if span.function.reads_bits else max_registers
        fits = (
            group
            and (group[0].unit, group[0].function) == (span.unit, span.function)
            and span.address - end <= gap
            and (span.end <= end or span.end - group[0].address <= limit)
        )
        if group and not fits:
            requests.append(_request(group, end))
            group = []
        end = max(end, span.end) if group else span.end
        group.append(span)
    if group:
        requests.append(_request(group, end))
    return requests


def _request(group: list[Span], end: int) -> Request:
    first = group[0]
    return Request(Span(first.unit, first.function, first.address, end - first.address), tuple(group))
