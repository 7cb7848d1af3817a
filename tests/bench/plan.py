"""How much a benchmark measures, and in which order."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from . import buffer_runs, daemon_runs, fleet, instruments, peers
from .daemon_runs import Figures
from .workloads import SMALL_L, L, S, Workload

Step = tuple[str, Callable[[], Figures]]


@dataclass(frozen=True, slots=True)
class Size:
    """How long each part is; times in seconds, windows of `interval` seconds."""

    large: Workload
    """What stands for L."""
    repeats: int
    """Interleaved runs, whose medians count."""
    interval: int
    windows_s: int
    windows_l: int
    bare: float
    line: float
    calm: float
    calm_period: float
    sealing_rounds: int
    starts: int
    backlog_windows: int
    dead: float


SHORT = Size(SMALL_L, 1, 1, 1, 1, 0.3, 1.0, 1.5, 0.5, 10, 1, 3, 3.0)
USUAL = Size(L, 3, 10, 3, 6, 4.0, 25.0, 180.0, 10.0, 1800, 5, 60, 60.0)
HOUR = Size(L, 1, 10, 3, 360, 4.0, 120.0, 3 * 3600.0, 10.0, 1800, 9, 600, 600.0)
SIZES = {"short": SHORT, "usual": USUAL, "long": HOUR}


def _interleaved(size: Size) -> Iterator[Step]:
    for workload, windows in ((S, size.windows_s), (size.large, size.windows_l)):
        yield (
            f"{workload.name} as fast as it goes",
            partial(daemon_runs.as_fast_as_it_goes, workload, size.interval, windows),
        )
        for peer in peers.PEERS:
            yield f"{workload.name}, bare {peer}", partial(peers.over_tcp, peer, workload, size.bare)


def _once(size: Size) -> Iterator[Step]:
    large = size.large
    yield "event loop", partial(daemon_runs.longest_stall, large, size.interval, min(3, size.windows_l))
    yield "calm rounds", partial(daemon_runs.steady, (S, large), size.calm_period, size.calm)
    rounds = max(1, size.sealing_rounds // 10)
    for workload in (S, large):
        yield f"what a window of {workload.name} writes", partial(buffer_runs.bytes_of_a_window, workload, rounds, 10)
    yield "sealing", partial(buffer_runs.sealing, large, size.sealing_rounds)
    yield "start", partial(daemon_runs.start, size.starts)
    yield "backlog", partial(buffer_runs.backlog, large.measurements, size.backlog_windows)
    yield "dead unit", partial(daemon_runs.one_dead_unit, S, 1.0, size.dead)
    yield "line, whether it sees violations", instruments.line_sees_violations
    for layout in ("merged", "scattered"):
        yield f"line, {layout}", partial(daemon_runs.over_the_line, layout, size.line)
        for peer in peers.PEERS:
            yield f"line, {layout}, bare {peer}", partial(peers.over_the_line, peer, layout, size.line)
    yield "fleet", fleet.figures


def steps(size: Size) -> Iterator[Step]:
    """Yield all that is measured, each with its name; the interleaved runs come first, again and again."""
    for number in range(size.repeats):
        for name, step in _interleaved(size):
            yield f"{name} ({number + 1} of {size.repeats})", step
    yield from _once(size)


def medians(measured: list[Figures]) -> Figures:
    """Return the median of each figure."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for figures in measured:
        for name, figure in figures.items():
            found[name].append(figure)
    return {name: statistics.median(values) for name, values in found.items()}
