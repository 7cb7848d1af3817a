"""Lists cut to what a server takes."""

import hashlib
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.reports.batches import MAX_BYTES, cut, digest, halves

ITEMS = st.lists(st.dictionaries(st.sampled_from("abc"), st.text(st.characters(), max_size=30)), max_size=30)


def contents(parts: list[tuple[str, int]]) -> list[object]:
    return [item for text, _ in parts for item in json.loads(text)]


@given(ITEMS, st.integers(2, 300))
def test_a_cut_list_loses_no_item_and_no_part_is_too_long(items: list[dict[str, str]], max_bytes: int) -> None:
    parts = list(cut(items, max_bytes))
    assert contents(parts) == items
    for text, count in parts:
        assert len(json.loads(text)) == count >= 1
        assert len(text.encode()) <= max_bytes or count == 1


@given(ITEMS, st.integers(2, 300))
def test_no_cut_of_a_list_is_needless(items: list[dict[str, str]], max_bytes: int) -> None:
    parts = list(cut(items, max_bytes))
    for (text, _), (following, _) in pairwise(parts):
        first = json.dumps(json.loads(following)[0], separators=(",", ":"))
        # One byte of tolerance: a list that would just fit may be cut.
        assert len(text) + len(first) + 1 >= max_bytes


def test_the_limit_of_a_part_is_kept_to_the_byte() -> None:
    for max_bytes in range(3, 60):
        for text, _ in cut([5] * 100, max_bytes):
            assert len(text) <= max_bytes


def test_an_empty_list_is_cut_into_no_parts() -> None:
    assert list(cut([])) == []


def test_a_full_batch_and_its_envelope_fit_into_what_express_takes() -> None:
    value = {"min": "1", "max": "2", "avg": "1.5"}
    field = {"measurement": "6" * 24, "value": value, "timestamp": "2024-12-24T15:30:00Z"}
    (first, _), *_ = cut([field] * 2000)
    assert MAX_BYTES == 90_000
    assert MAX_BYTES - 200 < len(first.encode()) <= MAX_BYTES
    assert len(first.encode()) + 200 + 64 < 100 * 1024


def test_the_text_of_a_part_is_compact_ascii() -> None:
    ((text, _),) = cut([{"é": "\ud800", "a": 1}, 2])
    assert text == '[{"\\u00e9":"\\ud800","a":1},2]'


@given(st.lists(st.integers(), min_size=2, max_size=40))
def test_halves_hold_all_items_in_order_and_are_equally_long(items: list[int]) -> None:
    ((text, _),) = cut(items)
    parts = halves(text)
    assert contents(parts) == items
    assert len(parts) == 2
    assert abs(parts[0][1] - parts[1][1]) <= 1
    assert all(count >= 1 for _, count in parts)


def test_an_item_comes_out_of_a_half_byte_for_byte() -> None:
    item = {"measurement": "m", "value": {"min": "1e-05", "diff": "10000000000000000000000"}, "é": "é"}
    ((text, _),) = cut([item, item])
    assert [part for part, _ in halves(text)] == [f"[{text[1:-1].split(',{')[0]}]"] * 2


def test_the_digest_is_the_sha256_of_the_bytes() -> None:
    assert digest("[]") == hashlib.sha256(b"[]").hexdigest()
    assert digest("[]") == "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"


@pytest.mark.parametrize("big", [1, 2, 3])
def test_an_item_that_is_too_long_stands_alone(big: int) -> None:
    items = ["x" * 10] * (big - 1) + ["y" * 100] + ["x" * 10] * (3 - big)
    counts = {text: count for text, count in cut(items, 50)}  # noqa: C416 - the pairs, by text
    assert counts[json.dumps(["y" * 100])] == 1
    assert contents(list(cut(items, 50))) == items
