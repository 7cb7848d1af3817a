"""Where a reading goes the moment its answer came."""

from collections.abc import Sequence

from inviseobox.buffer import Buffer
from inviseobox.clock import WallClock, boot_clock
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.health.health import Health
from inviseobox.records import Reading, Stamp


class Intake:
    """Dates readings, brings them into the buffer, and lets Health know. It is a Sink."""

    def __init__(self, buffer: Buffer, devices: DevicesInForce, health: Health, clock: WallClock) -> None:
        """Record in `buffer`, for windows as long as `devices` say, at the time of `clock`."""
        self._buffer = buffer
        self._devices = devices
        self._health = health
        self._clock = clock

    def __call__(self, readings: Sequence[Reading]) -> None:
        """Take readings whose answer came just now."""
        now = self._clock()
        self._buffer.record(Stamp(now, boot_clock()), self._devices.interval(), readings)
        self._health.note_readings(readings, now)
