"""JSON as text, a little at a time, so that no step of the event loop takes long. Pure."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping

PIECE = 8192
"""Characters of a piece, about; what is written a little at a time must be shorter."""


async def written(content: Mapping[str, object]) -> AsyncIterator[str]:
    """Yield a line of JSON, an object; of a value that is an iterator, each item by itself, as a list."""
    opening = "{"
    for key, value in content.items():
        yield f"{opening}{json.dumps(key)}: "
        opening = ", "
        if isinstance(value, AsyncIterator):
            between = "["
            async for item in value:
                yield between + json.dumps(item)
                between = ", "
            yield "[]" if between == "[" else "]"
        elif isinstance(value, Iterator):
            between = "["
            for item in value:
                yield between + json.dumps(item)
                between = ", "
            yield "[]" if between == "[" else "]"
        else:
            yield json.dumps(value)
    yield "{}\n" if opening == "{" else "}\n"


async def pieces(texts: AsyncIterator[str]) -> AsyncIterator[bytes]:
    """Join short texts to pieces that are worth sending."""
    kept: list[str] = []
    size = 0
    async for text in texts:
        kept.append(text)
        size += len(text)
        if size >= PIECE:
            yield "".join(kept).encode()
            kept, size = [], 0
    if kept:
        yield "".join(kept).encode()
