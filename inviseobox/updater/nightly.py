"""The nightly window, in which the service may be restarted. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime, time

DAY = 86_400.0
_WINDOW = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Window:
    """From `begin` to `end`, local time; it may go over midnight."""

    begin: time
    end: time


USUAL = Window(time(2), time(5))


def parse(text: str) -> Window | None:
    """Read "02:00-05:00"; an empty text is None: at any time. Raises ValueError."""
    if not text:
        return None
    found = _WINDOW.fullmatch(text)
    if not found:
        raise ValueError("it is not two times of day")
    hour, minute, end_hour, end_minute = map(int, found.groups())
    window = Window(time(hour, minute), time(end_hour, end_minute))
    if window.begin == window.end:
        raise ValueError("it begins when it ends")
    return window


def is_open(window: Window | None, local: datetime) -> bool:
    """Whether the window is open at this local time."""
    if window is None:
        return True
    now = local.time()
    if window.begin < window.end:
        return window.begin <= now < window.end
    return now >= window.begin or now < window.end


def due(window: Window | None, local: datetime, waited: float) -> bool:
    """Whether what has waited for so many seconds is to be done now: in the window, after a day at any time."""
    return waited >= DAY or is_open(window, local)
