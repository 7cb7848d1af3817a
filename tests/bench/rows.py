"""The rows of the table: what each figure is called, its unit, and what it is to keep to. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: the name it is measured under, and how a person is shown it.

    `bound` is what it is to be at most, or at least, where `wants` is "more".
    """

    name: str
    title: str
    unit: str
    bound: float | None = None
    wants: Literal["less", "more"] = "less"
    digits: int = 1

    def meets(self, figure: float) -> bool | None:
        """Whether the bound is kept; None where there is none."""
        if self.bound is None:
            return None
        return figure <= self.bound if self.wants == "less" else figure >= self.bound


def _fast(name: str, in_time: float | None, peak: float | None) -> list[Row]:
    return [
        Row(f"polled {name}", f"{name}: readings polled", "1/s", None, "more", 0),
        Row(f"in time {name}", f"{name}: of them delivered in time", "1/s", in_time, "more", 0),
        Row(f"cpu {name}", f"{name}: CPU for 100,000 readings", "s", None, "less", 2),
        Row(f"ratio pymodbus {name}", f"{name}: times the bare pymodbus", "", 4 if name == "L" else None, "less", 1),
        Row(f"ratio libmodbus {name}", f"{name}: times the bare libmodbus", "", None, "less", 1),
        Row(f"peak rss {name}", f"{name}: memory, peak", "MB", peak),
        Row(f"rss growth {name}", f"{name}: memory, second half over first", "MB"),
        Row(f"written {name}", f"{name}: written by the process a reading", "B"),
        Row(f"site cpu {name}", f"{name}: CPU of the simulated site", "% core"),
    ]


def _peers(name: str) -> list[Row]:
    return [
        row
        for peer in ("pymodbus", "libmodbus")
        for row in (
            Row(f"polled {name} {peer}", f"{name}: readings polled, {peer}", "1/s", None, "more", 0),
            Row(f"cpu {name} {peer}", f"{name}: CPU for 100,000 readings, {peer}", "s", None, "less", 3),
        )
    ]


def _line(layout: str, bound: float, who: str) -> list[Row]:
    ours = who == "inviseobox"
    title = f"{layout}, {who}"
    return [
        Row(f"line {layout} {who}", f"{title}: readings", "1/s", bound if ours else None, "more"),
        Row(f"utilisation {layout} {who}", f"{title}: use of the line", "%", None, "more"),
        Row(f"violations {layout} {who}", f"{title}: violations of the silence", "", 0 if ours else None, "less", 0),
        Row(f"line late {layout} {who}", f"{title}: held up by the line itself", "%"),
    ]


def _calm(name: str, share: float, memory: float) -> list[Row]:
    return [
        Row(f"share {name}", f"{name}: share of a core", "%", share, "less", 2),
        Row(f"idle rss {name}", f"{name}: memory", "MB", memory),
        Row(f"all written {name}", f"{name}: written a reading, sealing included", "B", 24 if name == "L" else None),
        Row(f"calm written {name}", f"{name}: written a reading, first minutes", "B"),
        Row(
            f"all device bytes {name}",
            f"{name}: to the device, sealing included",
            "MB/day",
            140 if name == "S" else None,
        ),
        Row(f"device bytes {name}", f"{name}: to the device, first minutes", "MB/day"),
        Row(f"all device flushes {name}", f"{name}: flushes, sealing included", "1/min", 9 if name == "S" else None),
        Row(f"device flushes {name}", f"{name}: flushes, first minutes", "1/min"),
    ]


SECTIONS: Mapping[str, list[Row]] = {
    "As fast as it goes, windows of 10 s": [*_fast("S", None, None), *_fast("L", 60_000, 120)],
    "Bare clients": [*_peers("S"), *_peers("L")],
    "The event loop, L as fast as it goes": [
        Row("own stall L", "longest stall, waiting for a processor taken off", "ms", 50),
        Row("stall L", "longest stall, all of it", "ms"),
        Row("start stall L", "longest stall until the first window ends", "ms"),
    ],
    "Rounds of 10 s, windows of 1,800 s": [*_calm("S", 0.15, 46), *_calm("L", 0.8, 60)],
    "Sealing a window of L, 1,800 rounds": [
        Row("sealing seconds", "from begin to end", "s", None, "less", 2),
        Row("sealing cpu", "CPU", "s", 6, "less", 2),
        Row("sealing commit", "longest commit meanwhile", "s", 1, "less", 2),
        Row("sealing stall", "longest stall of the event loop meanwhile", "ms", 50),
        Row("sealing rss", "memory, peak", "MB"),
    ],
    "Start, backlog, one dead unit": [
        Row("start", "start to first request, list cached", "s", 0.4, "less", 2),
        Row("backlog", "backlog: values delivered", "1/s", 80_000, "more", 0),
        Row("backlog rss", "backlog: memory, peak", "MB"),
        Row("dead unit", "readings that the others keep, one unit dead", "%", None, "more"),
    ],
    "A serial line of 9600 8N1; possible are 177.8 merged, 40.0 scattered": [
        row
        for layout, bound in (("merged", 175.0), ("scattered", 39.0))
        for who in ("inviseobox", "pymodbus", "libmodbus")
        for row in _line(layout, bound, who)
    ],
    "Ten thousand boxes, windows of 1,800 s": [
        Row("fleet without", "requests in the busiest second, without the offset", "1/s", None, "less", 0),
        Row("fleet with", "requests in the busiest second, with it", "1/s", None, "less", 0),
    ],
    "Simulated time, rounds of 10 s: three hours of S; in bench-long a day of each": [
        Row("day growth S", "S: memory at the end over that after a sixth", "MB"),
        Row("day growth L", "L: memory at the end over that after a sixth", "MB"),
    ],
}
"""All figures that there may be, in the order in which a person reads them."""


def with_ratios(figures: Figures) -> dict[str, float]:
    """Add the figures that follow from others, where those were measured."""
    found = dict(figures)
    for name in ("S", "L"):
        for peer in ("pymodbus", "libmodbus"):
            if own_and_its := _all(figures, f"cpu {name}", f"cpu {name} {peer}"):
                found[f"ratio {peer} {name}"] = own_and_its[0] / max(1e-9, own_and_its[1])
    return found


def _all(figures: Figures, *names: str) -> list[float]:
    return [figures[name] for name in names] if all(name in figures for name in names) else []


def table(figures: Figures, before: Figures, *, is_judged: bool) -> Iterator[str]:
    """Yield the lines of the table; `before` are the figures of an earlier run. What was not measured shows as such.

    Whether a bound is kept is shown only if the run `is_judged`: a tiny one says nothing about that.
    """
    yield _line_of("", "", "unit", "bound", "", "before", "change")
    for section, rows in SECTIONS.items():
        yield f"\n{section}"
        for row in rows:
            yield _shown(row, figures.get(row.name), before.get(row.name), is_judged=is_judged)


def _shown(row: Row, figure: float | None, before: float | None, *, is_judged: bool) -> str:
    bound, kept = "", ""
    if row.bound is not None:
        bound = f"{'<=' if row.wants == 'less' else '>='} {_number(row.bound, 2 if row.bound < 1 else 0)}"
    if figure is None:
        return _line_of(row.title, "not measured", row.unit, bound, "", "", "")
    if is_judged and (meets := row.meets(figure)) is not None:
        kept = "kept" if meets else "MISSED"
    earlier = change = ""
    if before is not None:
        earlier = _number(before, row.digits)
        change = f"{(figure - before) / before * 100:+.0f} %" if before else ""
    return _line_of(row.title, _number(figure, row.digits), row.unit, bound, kept, earlier, change)


def _number(figure: float, digits: int) -> str:
    return f"{figure:,.{digits}f}"


def _line_of(title: str, figure: str, unit: str, bound: str, kept: str, before: str, change: str) -> str:
    return f"  {title:<52}{figure:>12} {unit:<7}{bound:>11} {kept:<7}{before:>11}{change:>8}".rstrip()
