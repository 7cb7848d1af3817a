"""Telling one bad item from a server that refuses everything, against a server that judges each part."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.delivery.refusal_search import FIRST_BUDGET, LONGEST_SEARCH_PAUSE, Searches, search
from inviseobox.errors import DeliveryError
from inviseobox.records import Batch
from inviseobox.reports.batches import cut, digest


def batch_of(items: Collection[int], refusals: int = 0) -> Batch:
    ((text, count),) = cut(list(items))
    return Batch(7, 1800, text, digest(text), count, refusals)


def items_of(batch: Batch) -> list[int]:
    items: list[int] = json.loads(batch.fields)
    return items


class Server:
    """Accepts what holds no poisoned item, and knows what it has accepted and how often it was asked."""

    def __init__(self, poisoned: Callable[[int], bool]) -> None:
        self._poisoned = poisoned
        self.asked: list[Batch] = []
        self.accepted: list[int] = []

    async def accepts(self, part: Batch) -> bool:
        self.asked.append(part)
        good = not any(map(self._poisoned, items_of(part)))
        if good:
            self.accepted += items_of(part)
        return good


def found(batch: Batch, accepts: Callable[[Batch], Awaitable[bool]]) -> list[Batch] | None:
    async def run() -> list[Batch] | None:
        return await search(batch, accepts)

    return asyncio.run(run())


@given(st.integers(1, 300), st.data())
def test_a_search_loses_no_item_and_sends_none_twice(count: int, data: st.DataObject) -> None:
    poisoned = data.draw(st.sets(st.integers(0, count - 1), min_size=1))
    server = Server(poisoned.__contains__)
    batch = batch_of(range(count))
    remaining = found(batch, server.accepts)
    if remaining is None:
        assert server.accepted == []
        return
    left = [item for part in remaining for item in items_of(part)]
    assert server.accepted
    assert sorted(left + server.accepted) == list(range(count))
    for part in remaining:
        assert part.proven
        assert part.digest == digest(part.fields)
        assert part.count == len(items_of(part)) >= 1
        assert part.window_end == batch.window_end


@given(st.integers(2, 2000), st.data())
def test_one_poisoned_item_among_many_costs_a_few_requests(count: int, data: st.DataObject) -> None:
    bad = data.draw(st.integers(0, count - 1))
    server = Server(lambda item: item == bad)
    remaining = found(batch_of(range(count)), server.accepts)
    assert remaining is not None
    assert len(server.asked) <= 2
    assert bad in [item for part in remaining for item in items_of(part)]


@given(st.integers(1, 400), st.integers(0, 3))
def test_a_server_that_refuses_everything_proves_nothing_within_the_budget(count: int, refusals: int) -> None:
    server = Server(lambda item: True)
    assert found(batch_of(range(count), refusals), server.accepts) is None
    assert len(server.asked) <= FIRST_BUDGET << refusals


def test_a_single_item_proves_nothing_and_is_not_sent_again() -> None:
    server = Server(lambda item: True)
    assert found(batch_of([1]), server.accepts) is None
    assert server.asked == []


def test_a_search_asks_about_no_part_twice() -> None:
    server = Server(lambda item: True)
    found(batch_of(range(100), refusals=5), server.accepts)
    digests = [part.digest for part in server.asked]
    assert len(set(digests)) == len(digests)


def test_the_last_good_item_is_found_when_the_budget_has_grown() -> None:
    server = Server(lambda item: item != 777)
    refusals = 0
    remaining = None
    while remaining is None and refusals < 12:
        remaining = found(batch_of(range(1000), refusals), server.accepts)
        refusals += 1
    assert remaining is not None
    assert server.accepted == [777]
    left = sorted(item for part in remaining for item in items_of(part))
    assert left == [item for item in range(1000) if item != 777]


def test_a_search_tries_the_largest_parts_first() -> None:
    server = Server(lambda item: True)
    found(batch_of(range(64)), server.accepts)
    counts = [part.count for part in server.asked]
    assert counts == sorted(counts, reverse=True)


def test_a_server_that_goes_away_in_mid_search_is_no_evidence() -> None:
    async def gone(part: Batch) -> bool:
        raise DeliveryError("no connection")

    with pytest.raises(DeliveryError):
        found(batch_of(range(10)), gone)


def test_searches_for_a_batch_come_at_once_and_then_in_pauses_that_double() -> None:
    searches, batch, now = Searches(), batch_of([1, 2]), 1000.0
    pauses = []
    for _ in range(20):
        assert searches.is_due(batch, now)
        searches.note_failed(batch, now)
        began = now
        while not searches.is_due(batch, now):
            now += 5
        pauses.append(now - began)
    assert pauses[:5] == [5, 10, 20, 40, 80]
    assert pauses[-3:] == [LONGEST_SEARCH_PAUSE] * 3
    assert searches.is_due(batch_of([3]), 1000.0), "each batch has pauses of its own"
    searches.forget(batch)
    assert searches.is_due(batch, now)
