"""What the box must not forget, in one SQLite file; the only place where its loops meet.

All of SQLite runs in one thread, so a disk that blocks stops neither polling nor the event loop. Operations raise
BufferFault, having changed nothing, and may be tried again.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import ParamSpec, TypeVar

from inviseobox.buffer.backlog import Backlog
from inviseobox.buffer.database import Database
from inviseobox.buffer.history import History, PastReport
from inviseobox.buffer.outbox import Outbox
from inviseobox.buffer.readings import Readings
from inviseobox.buffer.rejected import Rejected
from inviseobox.buffer.retention import Dropped, enforce_max_size
from inviseobox.buffer.sealing import SealedWindow
from inviseobox.errors import BufferFault
from inviseobox.records import Batch, Dating, DeviceStates, Reading, Stamp

__all__ = ["Buffer", "Dropped", "SealedWindow"]

_COMMIT_PERIOD = 2.0
"""Seconds between two commits while a window is sealed."""
_COUNTS = 8
"""Steps of counting what waits, in one go."""
_P = ParamSpec("_P")
_T = TypeVar("_T")


class Buffer:
    """The open buffer, for the event loop."""

    def __init__(self, thread: ThreadPoolExecutor, database: Database, readings: Readings) -> None:
        """Take over a thread and what was opened in it; `open` does both."""
        self._thread = thread
        self._database = database
        self._readings = readings
        self._outbox = Outbox(database)
        self._backlog = Backlog(database)
        self._history = History(database)
        self._sealing = asyncio.Lock()
        self.work = asyncio.Event()
        """Set when there is something new to send; whoever sends it clears it first."""
        self.is_writable = True
        """Whether the last commit reached the disk."""

    @classmethod
    async def open(cls, path: str, boot: str) -> "Buffer":
        """Open or create the file at `path`; `boot` names the run of the kernel, within which uptimes compare.

        Raises BufferUnusable or BufferFault.
        """
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="buffer")
        try:
            opened = await asyncio.get_running_loop().run_in_executor(thread, _opened, path, boot)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        return cls(thread, *opened)

    @property
    def set_aside(self) -> str | None:
        """The name that a damaged file was given, None where there was no damage."""
        return self._database.set_aside

    async def close(self) -> None:
        """Write what is pending and close the file. Raises BufferFault where the last readings could not be written."""
        try:
            await self.commit()
        finally:
            await self._run(self._database.close)
            self._thread.shutdown(wait=False)

    async def _run(self, function: Callable[_P, _T], *arguments: _P.args, **_: _P.kwargs) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def record(self, stamp: Stamp, interval: int, readings: Iterable[Reading]) -> None:
        """Keep readings in memory until the next commit; they go to the window in force at the time of `stamp`.

        Where that is not known they wait until seal() is told the time.
        """
        self._readings.pending.add(stamp, interval, readings)

    @property
    def dropped(self) -> int:
        """Count the readings that were lost because the disk could not be written for too long."""
        return self._readings.pending.dropped

    @property
    def waiting(self) -> int:
        """The bytes that readings without a date take on the disk."""
        return self._readings.waiting

    @property
    def pending(self) -> int:
        """Count the readings that are not on the disk yet."""
        return self._readings.pending.count

    @property
    def is_idle(self) -> bool:
        """Whether a commit would write nothing."""
        return self._readings.pending.is_empty

    async def commit(self) -> None:
        """Bring what was recorded to the disk."""
        try:
            await self._run(self._readings.commit)
        except BufferFault:
            self.is_writable = False
            raise
        self.is_writable = True

    def is_overdue(self, now: float) -> bool:
        """Whether a window on the disk waits to be sealed at the time `now`, or readings wait to be dated."""
        return self._readings.is_overdue(now)

    async def seal(self, dating: Dating) -> list[SealedWindow]:
        """Date what waits, and turn each window whose end has come into batches and a status; return them in order.

        That is done in steps, between which others have their turn, and what is recorded meanwhile is committed. Raises
        BufferFault where nothing was sealed; what could not be is still overdue.
        """
        sealed: list[SealedWindow] = []
        async with self._sealing:
            await self._run(self._readings.date, dating)
            try:
                while (window := await self._seal_one(dating.now)) is not None:
                    sealed.append(window)
                    self.work.set()
                    while not await self._run(self._readings.trim):
                        pass
            except BufferFault:
                if not sealed:
                    raise
        return sealed

    async def _seal_one(self, now: float) -> SealedWindow | None:
        """Seal the oldest window whose end has come by `now`; return None where there is none."""
        loop = asyncio.get_running_loop()
        next_commit = loop.time() + _COMMIT_PERIOD
        try:
            sealing = await self._run(self._readings.begin, now)
            if sealing is None:
                return None
            while not await self._run(sealing.count_some):
                if loop.time() >= next_commit:
                    await self.commit()
                    next_commit = loop.time() + _COMMIT_PERIOD
            return await self._run(self._readings.finish, sealing)
        finally:
            await self._run(self._readings.end_sealing)

    async def enforce_max_size(self, max_size: int, step: Callable[[], None] = lambda: None) -> Dropped:
        """Delete what must go so that the file stays within `max_size` bytes; return what went.

        `step` is called before each of the steps in which that is done.
        """
        dropped, is_done = Dropped(), False
        while not is_done:
            step()
            more, is_done = await self._run(enforce_max_size, self._database, max_size)
            dropped += more
        return dropped

    async def disk_free(self) -> int:
        """Return the bytes that are left on the disk for whoever may not use its last reserve."""
        return await self._run(self._database.disk_free)

    async def next_batch(self, waiting: Collection[str] = ()) -> Batch | None:
        """Return the batch to send next: of the newest window, else the oldest; None where nothing waits.

        Those whose digests are `waiting` are left out.
        """
        return await self._run(self._outbox.next, waiting)

    async def backlog(self) -> int:
        """Count the windows that wait for the server."""
        return await self._run(self._backlog.windows)

    async def backlog_bytes(self) -> int | None:
        """Return the bytes of JSON that wait for the server; None while they are still counted, or cannot be."""
        # A figure that is only shown keeps nobody from delivering.
        with suppress(BufferFault):
            for _ in range(_COUNTS):
                if (found := await self._run(self._backlog.bytes)) is not None:
                    return found
        return None

    async def accept(self, batch: Batch) -> None:
        """Forget a batch that the server has."""
        await self._run(self._outbox.accept, batch)

    async def split(self, batch: Batch) -> None:
        """Put two halves of a batch in its place."""
        await self._run(self._outbox.split, batch)

    async def replace(self, batch: Batch, parts: Iterable[Batch]) -> None:
        """Put parts of a batch in its place."""
        await self._run(self._outbox.replace, batch, parts)

    async def postpone(self, batch: Batch) -> None:
        """Let other batches go before this one, which the server would not take in any part."""
        await self._run(self._outbox.postpone, batch)

    async def reject(self, batch: Batch, words: str, now: float) -> None:
        """Set a batch aside that the server would not take, with the server's words, at the wall clock `now`."""
        await self._run(self._outbox.reject, batch, words, now)

    async def offer(self, now: float) -> Batch | None:
        """Return one of the rejected batches that is to be offered again at the wall clock `now`, if there is one.

        Whatever comes of it, it is not returned again before a day has passed.
        """
        return await self._run(self._outbox.offer, now)

    async def offered(self, batch: Batch, *, accepted: bool) -> None:
        """Note what came of an offer: the server has the batch now, or refused it again."""
        await self._run(partial(self._outbox.offered, batch, accepted=accepted))

    async def rejected(self) -> int:
        """Count the deliveries that the server refused for good."""
        return await self._run(self._outbox.rejected)

    async def rejected_after(self, after: int) -> list[Rejected]:
        """Return some of those deliveries, oldest first, beginning behind the one with the id `after`."""
        return await self._run(self._outbox.rejected_after, after)

    async def history_start(self, since: int, most: int) -> int:
        """Return the time after which the newest `most` windows ended, at least `since`, seconds since the epoch."""
        return await self._run(self._history.start, since, most)

    async def history(self, measurement: str, after: int) -> tuple[list[PastReport], int | None]:
        """Return what was sealed of a measurement in some windows that ended after that time, oldest first.

        And the time after which to go on, None where that was all.
        """
        return await self._run(self._history.reports, measurement, after)

    async def newest_ends(self, count: int) -> list[int]:
        """Return the ends of the newest `count` windows in the history, in seconds since the epoch, oldest first."""
        return await self._run(self._history.newest, count)

    async def averages(self, ends: list[int], measurements: list[str]) -> dict[str, list[float | None]]:
        """Return the averages of measurements in the windows with these ends, None for what has none."""
        return await self._run(self._history.averages, ends, measurements)

    async def next_status(self) -> DeviceStates | None:
        """Return one list of device states that waits, None where there is none."""
        return await self._run(self._outbox.status)

    async def status_sent(self, states: DeviceStates, parts: Iterable[str] = ()) -> None:
        """Forget a list of device states, or put `parts` of it in its place."""
        await self._run(self._outbox.status_sent, states, parts)

    async def setting(self, key: str) -> str | None:
        """Return the setting under `key`, None where there is none."""
        row = await self._run(self._database.row, "SELECT value FROM setting WHERE key = ?", key)
        return str(row[0]) if row else None

    def record_setting(self, key: str, value: str) -> None:
        """Keep a text under `key` for later runs, with the next commit."""
        self._readings.pending.add_setting(key, value)

    async def write_setting(self, key: str, value: str) -> None:
        """Keep a text under `key` for later runs."""
        await self._run(self._write_setting, key, value)

    def _write_setting(self, key: str, value: str) -> None:
        with self._database.transaction():
            self._database.run("INSERT OR REPLACE INTO setting VALUES (?, ?)", key, value)


def _opened(path: str, boot: str) -> tuple[Database, Readings]:
    database = Database(path)
    try:
        try:
            return database, Readings(database, boot)
        except BufferFault:
            # Damage that the check at the opening did not see: a transaction begins on a fresh file.
            with database.transaction():
                pass
            return database, Readings(database, boot)
    except BaseException:
        database.close()
        raise
