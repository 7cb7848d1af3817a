"""JSON that is written a little at a time is the same JSON."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from inviseobox.control.writing import PIECE, pieces, written

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
ITEMS = st.lists(SCALARS | st.dictionaries(st.text(), SCALARS, max_size=3), max_size=5)


async def one_by_one(items: Iterable[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item


async def _texts(content: dict[str, Any]) -> list[str]:
    return [text async for text in written(content)]


@given(st.dictionaries(st.text(), st.tuples(st.sampled_from(["as it is", "iterator", "asynchronous"]), ITEMS)))
def test_iterators_are_written_as_the_lists_that_they_yield(content: dict[str, tuple[str, list[Any]]]) -> None:
    given_as: dict[str, Any] = {}
    for key, (way, items) in content.items():
        given_as[key] = {"as it is": items, "iterator": iter(items), "asynchronous": one_by_one(items)}[way]
    line = "".join(asyncio.run(_texts(given_as)))
    assert json.loads(line) == {key: items for key, (_, items) in content.items()}
    assert line.endswith("\n")
    assert line.count("\n") == 1


@given(st.lists(st.text(max_size=2000), max_size=200))
def test_pieces_are_the_same_text_and_never_much_longer_than_a_piece(texts: list[str]) -> None:
    async def joined() -> list[bytes]:
        return [piece async for piece in pieces(one_by_one(texts))]

    made = asyncio.run(joined())
    assert b"".join(made).decode() == "".join(texts)
    assert all(len(piece.decode()) < PIECE + 2000 for piece in made)
    assert all(len(piece.decode()) >= PIECE for piece in made[:-1])
