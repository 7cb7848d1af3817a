"""Where a reading goes the moment its answer came."""

from inviseobox.buffer import Buffer
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.health.health import Health
from inviseobox.records import Readings
from inviseobox.timekeeping.timekeeper import Timekeeper


class Intake:
    """Dates readings, brings them into the buffer, and lets Health know. It is a Sink."""

    def __init__(self, buffer: Buffer, devices: DevicesInForce, health: Health, time: Timekeeper) -> None:
        """Record in `buffer`, for windows as long as `devices` say, at the time that `time` tells."""
        self._buffer = buffer
        self._devices = devices
        self._health = health
        self._time = time

    def __call__(self, readings: Readings) -> None:
        """Take readings whose answer came just now."""
        stamp = self._time.stamp()
        self._buffer.record(stamp, self._devices.interval(), readings)
        self._health.note_readings(readings, self._time.now() if stamp.now is None else stamp.now)
