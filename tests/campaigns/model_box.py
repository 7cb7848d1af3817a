"""The real buffer and upload, which run as in the daemon, in a loop of virtual time; and what was read of a meter."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from inviseobox.buffer import Buffer
from inviseobox.delivery.upload import Upload
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.health.health import Health
from inviseobox.records import Aggregate, Dating, Series, Stamp
from tests.support.virtual_time import VirtualTimeLoop

from .model_server import ModelServer

_T = TypeVar("_T")
_MOMENT = 1e-3


class _Loop(VirtualTimeLoop):
    """Its time is made of jumps only, so that each run is the same."""

    def time(self) -> float:
        return self._jumped


class Box:
    """A box on its file; `wall_clock` at the beginning is in seconds since the epoch."""

    def __init__(self, server: ModelServer, wall_clock: float) -> None:
        """Begin with an empty file, and deliver to `server`."""
        self._loop = _Loop()
        self._folder = Path(tempfile.mkdtemp(prefix="inviseobox-life-", dir="/dev/shm"))
        self.server = server
        self._ahead = wall_clock
        self._boots = 0
        self._booted = 0.0
        self.is_known = True
        """Whether the time is known; while it is not, readings wait."""
        self.is_witnessed = False
        self.confirmed: float | None = None
        """The newest time that a witness confirmed."""
        self._confirmed_before: float | None = None
        self._open()

    @property
    def now(self) -> float:
        """Return what the wall clock says."""
        return self._ahead + self._loop.time()

    def set_clock(self, now: float) -> None:
        """Set the wall clock, which nobody confirms."""
        self._ahead = now - self._loop.time()
        self.is_witnessed = False

    def witness(self, now: float) -> None:
        """Let a witness say what time it is; the clock is dated by it from now on."""
        self.set_clock(now)
        self.is_known = self.is_witnessed = True
        self.confirmed = now if self.confirmed is None else max(self.confirmed, now)

    def stamp(self) -> Stamp:
        """Return the stamp of an answer that comes now."""
        return Stamp(self.now if self.is_known else None, self._uptime)

    def dating(self) -> Dating:
        """Return what is known of the time, where it is known."""
        assert self.is_known
        return Dating(self.now, self._uptime, self.is_witnessed, self._confirmed_before)

    @property
    def _uptime(self) -> float:
        return self._loop.time() - self._booted

    def do(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Do some work, and let the upload go on until it waits for time to pass."""

        async def settled() -> _T:
            result = await work
            await asyncio.sleep(_MOMENT)
            return result

        result = self._loop.run_until_complete(settled())
        if self._uploading.done():
            self._uploading.result()
        return result

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.do(asyncio.sleep(seconds))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the database."""
        return self.buffer._thread.submit(lambda: list(self.buffer._database.rows(sql))).result()

    def reboot(self, *, is_known: bool) -> None:
        """Let the boot-time clock begin anew, for the process that is started next."""
        self._boots += 1
        self._booted = self._loop.time()
        self.is_known = is_known
        self.is_witnessed = False
        self._confirmed_before = self.confirmed

    def crash(self) -> None:
        """End the process at once, which gives up its hold on the file, and start it."""
        self._stop_upload()
        thread = self.buffer._thread
        thread.submit(self.buffer._database._connection.close).result()
        os.close(self.buffer._database._file._lock)
        thread.shutdown()
        self._open()

    def restart(self) -> None:
        """End the process in order, and start it."""
        self._stop_upload()
        self._loop.run_until_complete(self.buffer.close())
        self._open()

    def remove(self) -> None:
        """End the process for good."""
        self._stop_upload()
        self._loop.run_until_complete(self.buffer.close())
        self._loop.close()
        shutil.rmtree(self._folder)

    def _open(self) -> None:
        self.buffer = self._loop.run_until_complete(Buffer.open(str(self._folder / "data.db"), f"boot {self._boots}"))
        health = Health(self._loop.time)
        upload = Upload(self.buffer, self.server, DevicesInForce(), health, lambda: self.now, lambda: 0.0)
        self.server.begin_again()
        self._uploading = self._loop.create_task(upload.run())

    def _stop_upload(self) -> None:
        async def stop() -> None:
            self._uploading.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._uploading

        self._loop.run_until_complete(stop())


@dataclass
class GoodReadings:
    """The good readings of one measurement, with their way, in order: safe on the disk, or lost by a crash."""

    durable: list[tuple[int, Decimal]] = field(default_factory=list)
    in_memory: list[tuple[int, Decimal]] = field(default_factory=list)

    def moved(self) -> Decimal:
        """Add up what was seen to move: from each reading to the next where both came in the same way."""
        pairs = pairwise(self.durable)
        return sum((later - value for (way, value), (same, later) in pairs if same == way), Decimal(0))


def series(name: str, address: int, alias: int) -> Series:
    """Return the series of one address, under one of the three names of its class."""
    names = [f"address {address}, class {number}" for number in range(3)]
    fingerprint = names.pop(alias)
    return Series(name, "device", fingerprint, tuple(Aggregate), tuple(names))
