"""What waits in memory for the disk: nothing goes before memory is full, and then the oldest."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.buffer import pending
from inviseobox.buffer.pending import Entry, Pending
from inviseobox.records import Reading, Stamp
from tests.support.buffers import series

ENERGY = series("energy")
MOST = 10


@pytest.fixture(autouse=True, scope="module")
def _little_memory() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pending, "MAX_PENDING", MOST)
        yield


def readings(first: int, count: int) -> list[Reading]:
    return [Reading(ENERGY, float(first + number)) for number in range(count)]


def values(entries: list[Entry]) -> list[float | None]:
    return [reading.value for entry in entries for reading in entry.readings]


@given(st.lists(st.tuples(st.integers(0, 12), st.sampled_from(["written", "not written", "nothing"])), max_size=12))
def test_the_newest_readings_are_kept_in_order_and_the_others_are_counted(story: list[tuple[int, str]]) -> None:
    kept, told, dropped = Pending(), [], 0
    added = 0
    expected: list[float | None] = []
    for count, then in story:
        kept.add(Stamp(1.0, 1.0), 60, readings(added, count))
        expected += [float(added + number) for number in range(count)]
        added += count
        dropped += max(0, len(expected) - MOST)
        expected = expected[-MOST:]
        assert kept.dropped == dropped
        if then != "nothing":
            taken, _ = kept.take()
            assert values(taken) == expected
            if then == "written":
                told += values(taken)
                expected = []
            else:
                kept.put_back(taken)
    taken, _ = kept.take()
    assert len(told) + len(values(taken)) + dropped == added


def test_a_setting_that_changed_while_it_was_written_is_written_again() -> None:
    kept = Pending()
    kept.add_setting("a", "1")
    kept.add_setting("b", "1")
    _, written = kept.take()
    kept.add_setting("a", "2")
    kept.forget_settings(written)
    assert kept.take() == ([], {"a": "2"})
