"""Calls that may hang, a dead disk or a resolver for example, in threads for which nobody waits at the end."""

import asyncio
import contextlib
from collections.abc import Callable
from threading import Thread
from typing import TypeVar

from inviseobox.errors import InviseoBoxError

T = TypeVar("T")


async def in_thread(function: Callable[[], T]) -> T:
    """Call a function in a thread of its own and return its result. Raises InviseoBoxError and OSError from it.

    May be cancelled at any time; the thread then ends with the process.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def finish(value: T | None, error: InviseoBoxError | OSError | None) -> None:
        if result.done():
            return
        if error is not None:
            result.set_exception(error)
        else:
            result.set_result(value)  # type: ignore[arg-type]

    def work() -> None:
        value, error = None, None
        try:
            value = function()
        except (InviseoBoxError, OSError) as caught:
            error = caught
        # The loop is closed where nobody waits any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(finish, value, error)

    Thread(target=work, name="check", daemon=True).start()
    return await result
