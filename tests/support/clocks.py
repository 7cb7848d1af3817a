"""Clocks for tests: of a machine that was started at the epoch, and one that a test steps in another process."""

from inviseobox.buffer import Buffer
from inviseobox.clock import WallClock
from inviseobox.health.health import Health
from inviseobox.timekeeping.timekeeper import Clocks, Timekeeper


def timekeeper(clock: WallClock, buffer: Buffer, health: Health) -> Timekeeper:
    """Return one that believes `clock` whatever it says, for no witness is heard and the program is as old as time."""
    return Timekeeper(Clocks("boot", clock, clock, lambda: None), buffer, health, built=0.0)
