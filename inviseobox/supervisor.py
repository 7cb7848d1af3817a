"""Keeps the loops and links running: one that fails is started again, with back-off, and the others never notice."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from inviseobox import events

_log = logging.getLogger(__name__)

_LONGEST_RESTART_PAUSE = 60.0
_STEADY = 300.0
"""Seconds after which a task counts as healthy again, so that its next failure is met without a pause."""

Start = Callable[[], Coroutine[Any, Any, None]]


class Supervisor:
    """The running tasks, by name."""

    def __init__(self) -> None:
        """Begin with none."""
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, name: str, begin: Start) -> None:
        """Run what `begin` gives, and again whenever it fails, until it is stopped."""
        self._tasks[name] = asyncio.create_task(_keep_running(name, begin), name=name)

    async def stop(self, names: Iterable[str]) -> None:
        """Cancel the tasks of these names and wait until they have cleaned up."""
        tasks = [task for name in names if (task := self._tasks.pop(name, None)) is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def stop_all(self) -> None:
        """Cancel every task and wait until it has cleaned up."""
        await self.stop(list(self._tasks))


async def _keep_running(name: str, begin: Start) -> None:
    loop = asyncio.get_running_loop()
    pause = 1.0
    fields = events.TASK_FAILED(task=name)
    while True:
        began = loop.time()
        try:
            await begin()
            if _is_stopping():
                return
            _log.error("%s ended by itself; it is started again in %g s", name, pause, extra=fields)
        except asyncio.CancelledError:
            if _is_stopping():
                raise
            # A library let a cancellation escape that was none of ours.
            _log.error("%s was cancelled from within; it is started again in %g s", name, pause, extra=fields)
        # The one broad handler: whatever a task did not expect must end neither the others nor the task for good.
        except Exception:  # noqa: BLE001
            _log.exception("%s failed, which is an error in this program", name, extra=fields)
            if _is_stopping():
                return
        if loop.time() - began > _STEADY:
            pause = 1.0
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_RESTART_PAUSE)


def _is_stopping() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
