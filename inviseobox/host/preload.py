"""What libraries import only when they are used first, imported at the start.

Debian replaces libraries under programs that run: what is imported later may not fit what was imported before.
"""

import importlib
from contextlib import suppress

_LATE = ("anyio", "anyio._backends._asyncio", "anyio.streams.memory", "encodings.idna", "stringprep")
"""By httpcore at its first request, and by Python at the first look-up of a name; not each release has all of them."""


def import_late_modules() -> None:
    """Import all that will be used and is not imported yet."""
    for name in _LATE:
        with suppress(ModuleNotFoundError):
            importlib.import_module(name)
