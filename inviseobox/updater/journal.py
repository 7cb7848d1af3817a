"""Edge to the journal, by its native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/)."""

import os
import socket
import struct
from collections.abc import Mapping
from pathlib import Path

_SOCKET = Path("/run/systemd/journal/socket")
_MOST_BYTES = 60_000
"""Of one value: a datagram has its limits, and a line is no report."""


def send(fields: Mapping[str, str], to: Path = _SOCKET) -> bool:
    """Write an entry; return whether somebody took it: without a journal the line is only printed."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as journal:
            # Never wait for a journal that hangs.
            journal.setblocking(False)
            journal.sendto(entry(fields), str(to))
    except OSError:
        return False
    return True


def is_standard_output(stream: str) -> bool:
    """Return whether what is printed goes to the journal; `stream` is $JOURNAL_STREAM, see systemd.exec(5)."""
    try:
        about = os.fstat(1)
    except OSError:
        return False
    return stream == f"{about.st_dev}:{about.st_ino}"


def entry(fields: Mapping[str, str]) -> bytes:
    """Return the datagram of an entry. Pure."""
    return b"".join(_field(name, value) for name, value in fields.items() if value)


def _field(name: str, value: str) -> bytes:
    content = value.encode("utf-8", "replace")[:_MOST_BYTES]
    if b"\n" in content:
        return name.encode() + b"\n" + struct.pack("<Q", len(content)) + content + b"\n"
    return name.encode() + b"=" + content + b"\n"
