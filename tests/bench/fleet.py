"""How often ten thousand boxes knock at one server: `python3 -m tests.bench.fleet`.

On paper: every box closes its window at the same moment, as far as its clock is right, and then sends its status and
its values, one after the other. The device list is fetched once a window, counted from the start of each box.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from inviseobox.delivery.upload import start_offset

BOXES = 10_000
INTERVAL = 1800
CLOCK_ERROR = 0.05
"""Seconds by which a clock that is kept by NTP is off, as a standard deviation."""
SEALING = (0.01, 0.5)
"""Seconds that closing a window takes, on a fast and on a slow disk."""
ANSWER = (0.03, 0.3)
"""Seconds until the answer to a request has come, over a good and over a poor line."""

Offset = Callable[[str, int], float]
"""Seconds that the box with this token waits after a window of so many seconds."""


@dataclass(frozen=True, slots=True)
class Load:
    """Requests in the busiest second, and how many seconds of the interval see any status or value."""

    peak: int
    busy_seconds: int


def at_once(token: str, interval: int) -> float:
    """Return no offset."""
    return 0.0


def simulate(boxes: int, interval: int, offset: Offset, dice: random.Random) -> Load:
    """Count the requests of one window of `interval` seconds by the second."""
    deliveries: Counter[int] = Counter()
    lists: Counter[int] = Counter()
    for _ in range(boxes):
        token = dice.randbytes(32).hex()
        status = dice.gauss(0, CLOCK_ERROR) + dice.uniform(*SEALING) + offset(token, interval)
        values = status + dice.uniform(*ANSWER)
        deliveries.update((int(status // 1), int(values // 1)))
        lists[int(dice.uniform(0, interval))] += 1
    return Load(max((deliveries + lists).values()), len(deliveries))


def chance(name: str) -> random.Random:
    """Return dice that fall the same in each run."""
    return random.Random(f"fleet {name}")  # noqa: S311


def figures() -> dict[str, float]:
    """Return the requests in the busiest second with and without the offset."""
    offsets: dict[str, Offset] = {"without": at_once, "with": start_offset}
    return {f"fleet {name}": simulate(BOXES, INTERVAL, offset, chance(name)).peak for name, offset in offsets.items()}


if __name__ == "__main__":
    print(f"{BOXES} boxes, windows of {INTERVAL} s; requests in the busiest second")
    for name, peak in figures().items():
        print(f"{name.removeprefix('fleet ')} the offset: {peak:.0f}")
