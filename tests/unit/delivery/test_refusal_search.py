"""Finding one bad item among many by sending parts in the place of the whole."""

import json
from collections.abc import Callable, Collection

from hypothesis import given
from hypothesis import strategies as st

from inviseobox.delivery.refusal_search import Search
from inviseobox.records import Batch
from inviseobox.reports.batches import cut, digest


def batch_of(items: Collection[int]) -> Batch:
    ((text, count),) = cut(list(items))
    return Batch(7, 1800, text, digest(text), count)


def items_of(batch: Batch) -> list[int]:
    items: list[int] = json.loads(batch.fields)
    return items


def found(batch: Batch, is_bad: Callable[[int], bool], most: int = 10_000) -> tuple[list[Batch], list[Batch]]:
    """Send parts until one is taken; return what was sent and what remains."""
    search = Search(batch)
    sent = []
    for _ in range(most):
        sent.append(search.part)
        if not any(map(is_bad, items_of(search.part))):
            return sent, search.remaining()
        search.refused()
    return sent, [batch]


@given(st.integers(1, 300), st.data())
def test_a_search_loses_no_item_and_leaves_none_twice(count: int, data: st.DataObject) -> None:
    bad = data.draw(st.sets(st.integers(0, count - 1), max_size=count - 1))
    batch = batch_of(range(count))
    sent, remaining = found(batch, bad.__contains__)
    left = [item for part in remaining for item in items_of(part)]
    assert sorted(left + items_of(sent[-1])) == list(range(count))
    for part in remaining:
        assert part.digest == digest(part.fields)
        assert part.count == len(items_of(part)) >= 1
        assert (part.id, part.window_end) == (batch.id, batch.window_end)


@given(st.integers(2, 2000), st.data())
def test_one_bad_item_among_many_costs_the_whole_and_at_most_two_parts(count: int, data: st.DataObject) -> None:
    bad = data.draw(st.integers(0, count - 1))
    sent, remaining = found(batch_of(range(count)), lambda item: item == bad)
    assert len(sent) <= 3
    assert bad in [item for part in remaining for item in items_of(part)]


@given(st.integers(1, 200))
def test_a_search_sends_every_part_down_to_single_items_and_then_begins_anew(count: int) -> None:
    sent, _ = found(batch_of(range(count)), lambda item: True, most=2 * count)
    first, again = sent[: 2 * count - 1], sent[2 * count - 1 :]
    assert len({part.digest for part in first}) == 2 * count - 1
    assert {items_of(part)[0] for part in first if part.count == 1} == set(range(count))
    assert [part.count for part in again] == [count]


@given(st.integers(1, 200), st.integers(0, 500))
def test_a_search_knows_how_much_it_holds(count: int, tries: int) -> None:
    search = Search(batch_of(range(count)))
    for _ in range(tries):
        search.refused()
    texts = {part.digest: part.fields for part in (search._whole, *search._waiting, *search._alone)}
    assert search.characters == sum(map(len, texts.values()))


def test_a_search_tries_the_largest_parts_first() -> None:
    sent, _ = found(batch_of(range(64)), lambda item: True, most=127)
    counts = [part.count for part in sent]
    assert counts == sorted(counts, reverse=True)
