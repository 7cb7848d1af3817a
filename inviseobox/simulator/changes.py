"""Lets tests wait for what they want to see instead of sleeping."""

import asyncio
import threading
import time
from collections.abc import Callable


class Changes:
    """Tells waiters, in the site's event loop and in other threads, that something was recorded."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._count = 0
        self._futures: set[asyncio.Future[None]] = set()

    def notify(self) -> None:
        """Tell waiters that something was recorded; call it in the site's event loop."""
        with self._condition:
            self._count += 1
            self._condition.notify_all()
        for future in self._futures:
            if not future.done():
                future.set_result(None)

    async def until(self, predicate: Callable[[], bool], within: float) -> None:
        """Return once `predicate()` holds; it is asked again after each change. In the site's event loop.

        Raises TimeoutError if it does not hold within `within` seconds.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within
        while not predicate():
            future = loop.create_future()
            self._futures.add(future)
            try:
                await asyncio.wait_for(future, deadline - loop.time())
            except TimeoutError:
                raise TimeoutError(f"not seen within {within:g} s") from None
            finally:
                self._futures.discard(future)

    def wait_until(self, predicate: Callable[[], bool], within: float) -> None:
        """Block until `predicate()` holds; like `until`, for any other thread than the site's.

        Raises TimeoutError if it does not hold within `within` seconds.
        """
        deadline = time.monotonic() + within
        while True:
            with self._condition:
                seen = self._count
            if predicate():
                return
            with self._condition:
                if not self._condition.wait_for(lambda: self._count != seen, deadline - time.monotonic()):  # noqa: B023
                    raise TimeoutError(f"not seen within {within:g} s")
