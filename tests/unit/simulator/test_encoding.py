"""Numbers in registers; the wire forms of 123456.0234375 were worked out by hand from IEEE 754."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.simulator.encoding import Encoding

BYTE_ORDERS = ["3-2-1-0", "1-0-3-2", "2-3-0-1", "0-1-2-3"]


@pytest.mark.parametrize(
    ("byte_order", "words"),
    [
        ("3-2-1-0", [0x47F1, 0x2003]),
        ("1-0-3-2", [0x2003, 0x47F1]),
        ("2-3-0-1", [0xF147, 0x0320]),
        ("0-1-2-3", [0x0320, 0xF147]),
    ],
)
def test_float32_in_the_four_byte_orders(byte_order: str, words: list[int]) -> None:
    encoding = Encoding("FLOAT32", byte_order)
    assert encoding.words(123456.0234375) == words
    assert encoding.value(words) == 123456.0234375


@pytest.mark.parametrize(
    ("byte_order", "words"),
    [
        ("3-2-1-0", [0x0102, 0x0304, 0x0506, 0x0708]),
        ("1-0-3-2", [0x0708, 0x0506, 0x0304, 0x0102]),
        ("2-3-0-1", [0x0201, 0x0403, 0x0605, 0x0807]),
        ("0-1-2-3", [0x0807, 0x0605, 0x0403, 0x0201]),
    ],
)
def test_wide_values_extend_the_rule(byte_order: str, words: list[int]) -> None:
    assert Encoding("UINT64", byte_order).value(words) == float(0x0102030405060708)


@pytest.mark.parametrize(
    ("byte_order", "word"),
    [("3-2-1-0", 0xFFFE), ("1-0-3-2", 0xFFFE), ("2-3-0-1", 0xFEFF), ("0-1-2-3", 0xFEFF)],
)
def test_16_bit_values_have_their_bytes_swapped_where_bytes_are(byte_order: str, word: int) -> None:
    assert Encoding("INT16", byte_order).words(-2) == [word]


@given(st.floats(width=32, allow_nan=False), st.sampled_from(BYTE_ORDERS))
def test_a_value_survives_the_wire(value: float, byte_order: str) -> None:
    encoding = Encoding("FLOAT32", byte_order)
    assert encoding.value(encoding.words(value)) == value


def test_a_value_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(struct.error):
        Encoding("UINT16").words(70000)
