"""Physical quantities as pure functions of time: deterministic, restless, different from window to window."""

import math
from collections.abc import Callable
from dataclasses import dataclass

Signal = Callable[[float], float]
"""The value of a quantity at a time in seconds since the site was switched on."""

# Frequencies without a common period, so that two windows of any length see different values.
_PARTIALS = ((0.6, 1.0), (0.3, 2.618033988749895), (0.1, 7.38905609893065))


@dataclass(frozen=True, slots=True)
class Wave:
    """Swings around `mean` by at most `swing`; the slowest part takes `period` seconds."""

    mean: float
    swing: float
    period: float
    phase: float = 0.0

    def __call__(self, t: float) -> float:
        omega = math.tau / self.period
        return self.mean + self.swing * sum(
            share * math.sin(factor * omega * t + self.phase) for share, factor in _PARTIALS
        )

    def integral(self, t: float) -> float:
        """Return the area under the wave from 0 to `t`."""
        omega = math.tau / self.period
        return self.mean * t + self.swing * sum(
            share * (math.cos(self.phase) - math.cos(factor * omega * t + self.phase)) / (factor * omega)
            for share, factor in _PARTIALS
        )


@dataclass(frozen=True, slots=True)
class Counter:
    """Counts up from `start`: `scale` times what `flow`, a rate per second above 0, has moved since."""

    start: float
    flow: Wave
    scale: float = 1.0

    def __call__(self, t: float) -> float:
        return self.start + self.scale * self.flow.integral(t)
