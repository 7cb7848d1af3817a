"""The nightly window, in which the service may be restarted. Pure."""

from dataclasses import dataclass
from datetime import datetime, time

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Window:
    """From `begin` to `end`, local time; it may go over midnight."""

    begin: time
    end: time


def parse(text: str) -> Window | None:
    """Read "02:00-05:00"; an empty text is None: at any time. Raises ValueError."""
    raise NotImplementedError


def is_open(window: Window | None, local: datetime) -> bool:
    """Whether the window is open at this local time."""
    raise NotImplementedError


def due(window: Window | None, local: datetime, waited: float) -> bool:
    """Whether what has waited for so many seconds is to be done now: in the window, after a day at any time."""
    raise NotImplementedError
