"""The service's status.json, read by a program with more rights than the one that wrote it."""

import json
import os
import stat
from typing import Any

from .observation import Status
from .status_content import understand

MAX_SIZE = 16_777_216
"""Bytes of the file; ten thousand devices take about half of it."""
READ_AT_MOST = 6_291_456
"""Bytes of it that are read: what comes before the devices. Ten thousand links that are all down take less.

The most that such a text can become in memory is 50 times as much (lists in lists), which the unit's MemoryMax allows.
"""
_DEVICES = b', "devices": ['
"""Where the service begins to write the devices, which come last: nothing is judged by them.

In no text can this stand, for there the quotation marks would be escaped.
"""


def read(path: str, invocation_id: str, owner: int | None, known: Status | None = None) -> Status | None:
    """Return what the run `invocation_id` of the service wrote last, None where there is nothing to be trusted.

    `owner` is the number of the service's user: only its files and root's are read. `known` is what was read last; it
    is returned where the file is still the same. A symbolic link is not followed, and what is not a plain file of at
    most MAX_SIZE bytes is not read. Of a file of more than READ_AT_MOST bytes the devices must begin within these.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        about = os.fstat(file)
        if not stat.S_ISREG(about.st_mode) or about.st_uid not in (0, owner) or about.st_size > MAX_SIZE:
            return None
        # A new file comes in the place of the old one, so that its number tells it, too.
        stamp = hash((about.st_mtime_ns, about.st_ino, about.st_size))
        if known is None or known.stamp != stamp:
            known = understand(_parsed(_content(file)), stamp, about.st_size)
    except OSError:
        return None
    finally:
        os.close(file)
    return known if known is not None and invocation_id and known.invocation_id == invocation_id else None


def _content(file: int) -> bytes:
    """Read one byte more than may be understood, which says that there are more."""
    with os.fdopen(os.dup(file), "rb") as reader:
        return reader.read(READ_AT_MOST + 1)


def _parsed(text: bytes) -> Any:
    end = text.find(_DEVICES)
    if end > 0:
        text = text[:end] + b"}"
    elif len(text) > READ_AT_MOST:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
