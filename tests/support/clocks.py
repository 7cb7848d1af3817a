"""Clocks for tests: one that is believed whatever it says, and those of a machine on which a test sets the clock."""

import json
import os
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from inviseobox.buffer import Buffer
from inviseobox.clock import WallClock
from inviseobox.health.health import Health
from inviseobox.host import time_synchronisation
from inviseobox.timekeeping.timekeeper import Clocks, Timekeeper

MACHINE = "machine"
"""The file in which a Machine lives."""


def timekeeper(clock: WallClock, buffer: Buffer, health: Health) -> Timekeeper:
    """Return one that believes `clock` whatever it says, for no witness is heard and the program is as old as time."""
    return Timekeeper(Clocks("boot", clock, clock, lambda: None), buffer, health, built=0.0)


class Machine:
    """A machine that starts now, whose clock is `ahead` of the true one; it lives in files of `folder`.

    A daemon in another process sees it through `clocks_of(folder)`.
    """

    def __init__(self, folder: Path, ahead: float = 0.0) -> None:
        self._folder = folder
        self.boot(ahead)

    def boot(self, ahead: float = 0.0) -> None:
        """Start it anew, with a clock that is `ahead` of the true one; nothing has synchronised it yet."""
        (self._folder / "synchronized").unlink(missing_ok=True)
        self._state: dict[str, Any] = {"boot": uuid4().hex, "started": _uptime(), "ahead": ahead}
        self._write()

    def step(self, ahead: float) -> None:
        """Set the clock so that it is `ahead` of the true one."""
        self._state["ahead"] = ahead
        self._write()

    def synchronise(self) -> None:
        """Set the clock right, and leave the file of which systemd-timesyncd.service(8) tells."""
        self.step(0.0)
        new = self._folder / "synchronized.new"
        new.touch()
        os.utime(new, (time.time(), time.time()))
        new.replace(self._folder / "synchronized")

    def _write(self) -> None:
        new = self._folder / "machine.new"
        new.write_text(json.dumps(self._state))
        new.replace(self._folder / MACHINE)


def clocks_of(folder: Path) -> Clocks:
    """Return the clocks of the machine that lives in `folder`."""

    def state() -> dict[str, Any]:
        read: dict[str, Any] = json.loads((folder / MACHINE).read_text())
        return read

    return Clocks(
        state()["boot"],
        lambda: time.time() + float(state()["ahead"]),
        lambda: _uptime() - float(state()["started"]),
        lambda: time_synchronisation.last_set(folder / "synchronized"),
    )


def _uptime() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
