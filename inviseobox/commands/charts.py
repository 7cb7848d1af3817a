"""Values as a line of levels, and as a plot, in the characters that a terminal has. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite

Values = Sequence[float | None]
"""One after the other in time; None where there was none."""


def sparkline(values: Values, levels: str) -> str:
    """Draw each value as one of `levels`, from the lowest to the highest of them; a space where there is none.

    All the same: in the middle. Empty without any value.
    """
    scale = _Scale.of(values)
    if scale is None:
        return ""
    return "".join(" " if value is None else levels[scale.step(value, len(levels))] for value in values)


def plot(values: Values, levels: str, cells: int, rows: int, labels: tuple[str, str]) -> list[str]:
    """Draw bars in `rows` lines of `cells`, the highest and the lowest value beside them, as `labels` write them.

    Where there are more values than cells, a bar is the mean of several. Empty without any value.
    """
    side = max(map(len, labels)) + 1
    bars = gathered(values, max(1, cells - side - 1))
    scale = _Scale.of(bars)
    if scale is None:
        return []
    # The lowest value is seen, too.
    heights = [None if bar is None else 1 + scale.step(bar, rows * len(levels)) for bar in bars]
    lines = []
    for row in range(rows - 1, -1, -1):
        label = labels[0] if row == rows - 1 else labels[1] if row == 0 else ""
        drawn = "".join(_part(height, row, levels) for height in heights)
        lines.append(f"{label:>{side - 1}} |{drawn}".rstrip())
    return lines


def gathered(values: Values, most: int) -> list[float | None]:
    """Return at most `most` values: the means of neighbours where there are more."""
    if len(values) <= most:
        return list(values)
    borders = [place * len(values) // most for place in range(most + 1)]
    return [_mean(values[begin:end]) for begin, end in pairwise(borders)]


def _mean(values: Values) -> float | None:
    there = [value for value in values if value is not None]
    # Divided first: the sum of large ones is none.
    return sum(value / len(there) for value in there) if there else None


def _part(height: int | None, row: int, levels: str) -> str:
    """Return what is seen of a bar in a row, counted from below."""
    within = 0 if height is None else height - row * len(levels)
    return levels[min(within, len(levels)) - 1] if within > 0 else " "


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float

    @classmethod
    def of(cls, values: Values) -> "_Scale | None":
        there = [value for value in values if value is not None and isfinite(value)]
        return cls(min(there), max(there)) if there else None

    def step(self, value: float, steps: int) -> int:
        """Return which of `steps` a value is on; the middle one where all are the same."""
        # Halved: the difference of large ones is none.
        span = self.high / 2 - self.low / 2
        if not span > 0:
            return steps // 2
        return min(steps - 1, max(0, int((value / 2 - self.low / 2) / span * steps)))
