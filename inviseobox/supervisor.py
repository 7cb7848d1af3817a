"""Keeps the loops and links running: one that fails is started again, with back-off, and the others never notice."""

import asyncio
import json
import logging
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inviseobox import events
from inviseobox.health.troubles import Troubles

_log = logging.getLogger(__name__)

_LONGEST_RESTART_PAUSE = 60.0
STEADY = 300.0
"""Seconds after which a task counts as healthy again, so that its next failure is met without a pause."""
FAILURES = 6
"""Failures in a row after which a loop is worth a new start of the whole process."""

_END_PERIOD = 86_400.0
"""Seconds between two ends of the process for the same cause."""

Start = Callable[[], Coroutine[Any, Any, None]]
MayEnd = Callable[[str], Awaitable[bool]]
"""Says whether the process may be ended for this cause, and remembers that it is."""


async def _never(cause: str) -> bool:
    return False


class Supervisor:
    """The running tasks, by name."""

    def __init__(self, troubles: Troubles | None = None, may_end: MayEnd = _never) -> None:
        """Begin with none; a task that fails is one of `troubles`; a loop may end the process where it `may_end`."""
        self._troubles = troubles or Troubles()
        self._may_end = may_end
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.has_given_up = asyncio.Event()
        """Set once the process should end, for a new one may do better."""

    def start(self, name: str, begin: Start) -> None:
        """Run what `begin` returns, and again whenever it fails, until it is stopped."""
        self._tasks[name] = asyncio.create_task(self._keep_running(name, begin, is_loop=False), name=name)

    def start_loop(self, name: str, begin: Start) -> None:
        """Do the same with one of the loops, without which nothing is read, sealed or delivered."""
        self._tasks[name] = asyncio.create_task(self._keep_running(name, begin, is_loop=True), name=name)

    async def stop(self, names: Iterable[str]) -> None:
        """Cancel the tasks of these names and wait until they have cleaned up."""
        stopped = [(name, task) for name in names if (task := self._tasks.pop(name, None)) is not None]
        for _, task in stopped:
            task.cancel()
        await asyncio.gather(*(task for _, task in stopped), return_exceptions=True)
        for name, _ in stopped:
            self._troubles.drop(_scope(name))

    async def stop_all(self) -> None:
        """Cancel every task and wait until it has cleaned up."""
        await self.stop(list(self._tasks))

    async def _keep_running(self, name: str, begin: Start, *, is_loop: bool) -> None:
        loop = asyncio.get_running_loop()
        pause, failures = 1.0, 0
        while True:
            began = loop.time()
            steady = loop.call_later(STEADY, self._troubles.end, _TASK, "", _scope(name))
            try:
                ended = await _end_of(begin)
            finally:
                steady.cancel()
            if ended is None:
                return
            if loop.time() - began > STEADY:
                pause, failures = 1.0, 0
            failures += 1
            trouble = events.TASK(ended.cause, task=name)
            self._troubles.begin(_TASK, trouble, _scope(name), error=ended.error)
            if is_loop and failures >= FAILURES and await self._may_end(f"{name}: {ended.cause}"):
                _log.error("%s fails again and again; the service starts anew", name, extra=trouble.begins)
                self.has_given_up.set()
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_RESTART_PAUSE)


_TASK = "task"


def _scope(name: str) -> str:
    """Return the scope of the troubles of a task: not that of a link, which the link drops when it ends."""
    return f"task {name}"


@dataclass(frozen=True, slots=True)
class _Ended:
    """Why a task ended that was not stopped."""

    cause: str
    error: Exception | None = None


async def _end_of(begin: Start) -> _Ended | None:
    """Run a task to its end and say why it ended; None where it was stopped."""
    try:
        await begin()
        ended = _Ended("ended by itself, which is an error in this program")
    except asyncio.CancelledError:
        if _is_stopping():
            raise
        # A library let a cancellation escape that was none of ours.
        return _Ended("was cancelled from within, which is an error in this program")
    # The one broad handler: whatever a task did not expect must end neither the others nor the task for good.
    except Exception as error:  # noqa: BLE001
        ended = _Ended(f"failed, which is an error in this program: {_place(error)}", error)
    return None if _is_stopping() else ended


def _place(error: Exception) -> str:
    """Name an error and the place where it was raised, which is the same each time that it happens again."""
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    where = f" ({Path(last.filename).name}, line {last.lineno})" if last else ""
    return f"{type(error).__name__}{where}"


def _is_stopping() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def noted_end(known: str, cause: str, now: float) -> str | None:
    """Note that the process ends for this cause; None where it did so within the last day already.

    `known` is what was noted before, as text; `now` is the wall clock in seconds since the epoch. Pure.
    """
    try:
        found = json.loads(known)
    except (ValueError, RecursionError):
        found = {}
    ends = {of: at for of, at in found.items() if _is_recent(at, now)} if isinstance(found, dict) else {}
    return None if cause in ends else json.dumps({**ends, cause: now})


def _is_recent(at: object, now: float) -> bool:
    return isinstance(at, int | float) and abs(now - at) < _END_PERIOD
