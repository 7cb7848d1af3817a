"""Lists of JSON objects cut to what a server takes in one request. Pure."""

import hashlib
import json
from collections.abc import Iterable, Iterator

MAX_BYTES = 90_000
"""The longest list in bytes. Express refuses bodies above 100 kB by default; the rest is for the envelope."""


def cut(items: Iterable[object], max_bytes: int = MAX_BYTES) -> Iterator[tuple[str, int]]:
    """Yield JSON lists, as text with the number of their items, none longer than `max_bytes` unless it is one item."""
    group: list[str] = []
    size = 2
    for item in items:
        text = json.dumps(item, separators=(",", ":"))
        if group and size + len(text) + 1 > max_bytes:
            yield f"[{','.join(group)}]", len(group)
            group, size = [], 2
        group.append(text)
        size += len(text) + 1
    if group:
        yield f"[{','.join(group)}]", len(group)


def digest(fields: str) -> str:
    """Return the SHA-256, in hexadecimal, that names a batch for as long as it lives."""
    return hashlib.sha256(fields.encode("utf-8", "surrogatepass")).hexdigest()


def halves(fields: str) -> list[tuple[str, int]]:
    """Cut a list of two items or more in two; return each half as text with the number of its items."""
    items = json.loads(fields)
    middle = (len(items) + 1) // 2
    return [part for half in (items[:middle], items[middle:]) for part in cut(half)]
