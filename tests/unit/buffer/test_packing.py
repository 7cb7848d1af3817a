"""Packed readings come back as they were, and nothing else does."""

import math
import zlib
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.buffer.packing import MOST_READINGS, Unreadable, about, pack, unpack
from inviseobox.records import FAILED

KEYS = st.integers(-(2**63), 2**63 - 1) | st.integers(1, 5000)
VALUES = st.floats(width=64) | st.floats(width=32) | st.just(FAILED)
READINGS = st.lists(st.tuples(KEYS, VALUES), max_size=200)


def packed(readings: list[tuple[int, float]], told: str = "told") -> bytes:
    return pack(array("q", [key for key, _ in readings]), array("d", [value for _, value in readings]), told)


@given(READINGS, st.text())
def test_readings_come_back_as_they_were(readings: list[tuple[int, float]], told: str) -> None:
    keys, values = unpack(packed(readings, told), told)
    assert list(keys) == [key for key, _ in readings]
    assert values.tobytes() == array("d", [value for _, value in readings]).tobytes()


@given(READINGS, st.text(), st.text())
def test_readings_do_not_come_back_for_another_row(readings: list[tuple[int, float]], told: str, other: str) -> None:
    if told != other:
        with pytest.raises(Unreadable):
            unpack(packed(readings, told), other)


@given(st.binary(max_size=300) | st.none() | st.text() | st.integers())
def test_whatever_else_is_found_is_unreadable(found: object) -> None:
    with pytest.raises(Unreadable):
        unpack(found, "told")


@given(READINGS, st.data())
def test_a_flipped_bit_makes_readings_unreadable_or_changes_nothing(
    readings: list[tuple[int, float]], data: st.DataObject
) -> None:
    whole = bytearray(packed(readings))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= 1 << data.draw(st.integers(0, 7))
    try:
        keys, values = unpack(bytes(whole), "told")
    except Unreadable:
        return
    assert list(keys) == [key for key, _ in readings]
    assert values.tobytes() == array("d", [value for _, value in readings]).tobytes()


@pytest.mark.parametrize("count", [2, MOST_READINGS, MOST_READINGS + 1, 2**32 - 1])
def test_a_bomb_is_not_unpacked(count: int) -> None:
    bomb = zlib.compress(bytes(2**28))
    with pytest.raises(Unreadable):
        unpack(b"\0\0\0\0" + count.to_bytes(4, "little") + bomb, "told")


def test_a_reading_takes_few_bytes() -> None:
    """Of 4,800 floats, as most meters give them, as many as fit into six pages of 4,096 bytes."""
    readings = [(1 + number, _float32(230 + 100 * math.sin(number * number))) for number in range(4800)]
    assert len(packed(readings)) < 5 * 4800


def _float32(value: float) -> float:
    (rounded,) = array("f", [value])
    return float(rounded)


def test_what_is_told_of_a_row_differs_with_each_part() -> None:
    rows = [(1, 60, "boot", 1.5), (2, 60, "boot", 1.5), (1, 61, "boot", 1.5), (1, 60, "b", 1.5), (1, 60, "boot", 1.0)]
    assert len({about(*row) for row in rows}) == len(rows)
