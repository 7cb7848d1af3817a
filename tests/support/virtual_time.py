"""An event loop whose time jumps to the next timer as soon as nothing else is left to do.

Sockets and threads stay real: before a jump the loop looks once more, for a moment of real time, whether a socket
became ready, and it never jumps while a thread works for it. Both ends of a connection must live in the loop.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar

T = TypeVar("T")

_GRACE = 0.002
"""Seconds of real time in which what was sent over loopback surely has arrived."""


class _JumpingSelector(selectors.EpollSelector):
    def __init__(self, loop: "VirtualTimeLoop") -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= self._loop.grace:
            return super().select(timeout)
        events = super().select(self._loop.grace)
        if events:
            return events
        if self._loop.threads_at_work:
            return super().select(timeout)
        self._loop.jump(timeout)
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Hours pass in it in the time that the work in them takes."""

    def __init__(self, grace: float = _GRACE) -> None:
        self.grace = grace
        self.threads_at_work = 0
        self._jumped = 0.0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Return monotonic seconds, jumps included."""
        return super().time() + self._jumped

    def jump(self, seconds: float) -> None:
        """Let time pass."""
        self._jumped += seconds

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> "asyncio.Future[T]":
        """Stop time while the thread works."""
        future = super().run_in_executor(executor, func, *args)
        self.threads_at_work += 1
        future.add_done_callback(self._thread_is_done)
        return future

    def _thread_is_done(self, _: "asyncio.Future[Any]") -> None:
        self.threads_at_work -= 1


def run(main: Coroutine[Any, Any, T], *, grace: float = _GRACE) -> T:
    """Run `main` in a loop of virtual time, which looks for `grace` seconds of real time before it jumps."""
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(grace)) as runner:
        return runner.run(main)


async def until(predicate: Callable[[], bool], within: float) -> None:
    """Return once `predicate()` holds, at most 2 % later than it first did.

    Raises TimeoutError if it does not within this many seconds of the loop.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not predicate():
        waited = loop.time() - began
        if waited > within:
            raise TimeoutError(f"not seen within {within:g} s")
        await asyncio.sleep(max(0.01, 0.02 * waited))
