"""history.jsonl: what happened to the versions of this box, an object of JSON a line, the newest last."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import disk

MOST_LINES = 1000
_SLACK = 100
"""Lines over the bound before the file is written anew."""
_MOST_BYTES = 4_000_000


def append(path: Path, entry: dict[str, Any]) -> None:
    """Add an entry; it is on the disk when this returns. Raises OSError."""
    line = json.dumps({name: value for name, value in entry.items() if value not in (None, "")})
    path.touch(mode=0o600)
    with path.open("a", encoding="utf-8") as file:
        # A line that a power cut left half is ended, and skipped by who reads.
        file.write(f"{line}\n" if _ends_with_a_line(path) else f"\n{line}\n")
        file.flush()
        os.fsync(file.fileno())
    entries = list(read(path))
    if len(entries) > MOST_LINES + _SLACK:
        disk.write(path, "".join(f"{json.dumps(one)}\n" for one in entries[-MOST_LINES:]))


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the entries, oldest first; what is none is skipped. Raises OSError, not where there is no file."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _MOST_BYTES))
            text = file.read(_MOST_BYTES).decode("utf-8", "replace")
    except FileNotFoundError:
        return
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict):
            yield entry


def _ends_with_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            return True
        file.seek(size - 1)
        return file.read(1) == b"\n"
