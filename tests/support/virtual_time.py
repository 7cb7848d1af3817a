"""An event loop whose time jumps to the next timer as soon as nothing else is left to do.

Its time passes in jumps, by a moment in each turn of the loop, and as real time does only while it waits for a thread.
How long its work takes, or how busy the machine is, makes nothing late. Sockets, terminals and threads stay real: the
loop never jumps while bytes are under way between two of them, or while a thread works for it. Both ends of a
connection must live in the loop.
"""

import asyncio
import selectors
import socket
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar

T = TypeVar("T")

_TURN = 0.0001
"""Seconds that each turn of the loop takes: as on a real machine, time never stands still."""


class _Loopback:
    """Finds out when the packets that were sent over loopback have arrived."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.connect(self._socket.getsockname())

    def settle(self) -> None:
        """Return once a packet that is sent last has come: the kernel delivers them in order."""
        self._socket.send(b"\0")
        self._socket.recv(1)

    def close(self) -> None:
        self._socket.close()


class _JumpingSelector(selectors.PollSelector):
    """Asks by poll(2): it waits for bytes on their way through a pseudo-terminal, which epoll(7) does not.

    The kernel hands them on in a work queue of its own; n_tty_poll() in drivers/tty/n_tty.c flushes it.
    """

    def __init__(self, loop: "VirtualTimeLoop") -> None:
        super().__init__()
        self._loop = loop
        self._loopback = _Loopback()

    def close(self) -> None:
        self._loopback.close()
        super().close()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._loop.work(_TURN)
        if events := super().select(0):
            return events
        if timeout is None or self._loop.threads_at_work:
            began = time.monotonic()
            events = super().select(timeout)
            self._loop.work(time.monotonic() - began)
        elif timeout > 0:
            self._loopback.settle()
            events = super().select(0)
            if not events:
                self._loop.jump(timeout)
        return events


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Hours pass in it in the time that the work in them takes."""

    def __init__(self) -> None:
        self.threads_at_work = 0
        self._began = time.monotonic()
        self._worked = 0.0
        self._jumped = 0.0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Return monotonic seconds, jumps included."""
        return self._began + self._worked + self._jumped

    def jump(self, seconds: float) -> None:
        """Let time pass in which nothing happens."""
        self._jumped += seconds

    def work(self, seconds: float) -> None:
        """Let time pass that the loop or a thread works."""
        self._worked += seconds

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> "asyncio.Future[T]":
        """Let time pass no faster than it really does while the thread works."""
        future = super().run_in_executor(executor, func, *args)
        self.threads_at_work += 1
        future.add_done_callback(self._thread_is_done)
        return future

    def _thread_is_done(self, _: "asyncio.Future[Any]") -> None:
        self.threads_at_work -= 1


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` in a loop of virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
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
