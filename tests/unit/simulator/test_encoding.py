"""Numbers in registers; the wire forms of 123456.0234375 were worked out by hand from IEEE 754."""

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
def test_wide_values_extend_the_rule_of_the_byte_orders(byte_order: str, words: list[int]) -> None:
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


@pytest.mark.parametrize(
    ("value_class", "value", "words"),
    [
        ("FLOAT32", -0.15625, [0xBE20, 0x0000]),
        ("SINGLE", 1.0, [0x3F80, 0x0000]),
        ("REAL", -2.0, [0xC000, 0x0000]),
        ("UNIXTIMEF32", 0.0, [0x0000, 0x0000]),
        ("FLOAT64", 1.0, [0x3FF0, 0, 0, 0]),
        ("DOUBLE", -2.0, [0xC000, 0, 0, 0]),
        ("FLOAT", 0.1, [0x3FB9, 0x9999, 0x9999, 0x999A]),
        ("LREAL", 2.0**-1074, [0, 0, 0, 1]),
        ("UNIXTIMEF64", 1e300, [0x7E37, 0xE43C, 0x8800, 0x759C]),
        ("INT16", -32768, [0x8000]),
        ("INT", -1, [0xFFFF]),
        ("UINT16", 65535, [0xFFFF]),
        ("UINT", 32768, [0x8000]),
        ("WORD", 258, [0x0102]),
        ("INT32", -2, [0xFFFF, 0xFFFE]),
        ("UINT32", 0x01020304, [0x0102, 0x0304]),
        ("DWORD", 2**32 - 1, [0xFFFF, 0xFFFF]),
        ("UNIXTIMEI32", 1735054200, [0x676A, 0xD378]),
        ("INT48", -(2**47), [0x8000, 0, 0]),
        ("UINT48", 0x010203040506, [0x0102, 0x0304, 0x0506]),
        ("INT64", -1, [0xFFFF] * 4),
        ("UNIXTIMEI64", 2**53, [0x0020, 0, 0, 0]),
        ("UINT64", 2**63, [0x8000, 0, 0, 0]),
        ("INT8", -2, [0xA5FE]),
        ("UINT8", 254, [0xA5FE]),
        ("BYTE", 1, [0xA501]),
        ("BCD16", 1234, [0x1234]),
        ("BCD24", 123456, [0x0012, 0x3456]),
        ("BCD32", 12345678, [0x1234, 0x5678]),
        ("BOOLEAN", 1, [1]),
        ("BOOL", 0, [0]),
    ],
)
def test_each_class_in_the_standard_order(value_class: str, value: float, words: list[int]) -> None:
    encoding = Encoding(value_class)
    assert encoding.words(value) == words
    assert encoding.value(words) == value
    assert encoding.width == len(words)


@pytest.mark.parametrize(
    ("value_class", "words"),
    [
        ("UINT48", {"1-0-3-2": [0x0506, 0x0304, 0x0102], "2-3-0-1": [0x0201, 0x0403, 0x0605]}),
        ("UINT48", {"3-2-1-0": [0x0102, 0x0304, 0x0506], "0-1-2-3": [0x0605, 0x0403, 0x0201]}),
        ("UINT8", {"3-2-1-0": [0xA506], "1-0-3-2": [0xA506], "2-3-0-1": [0x06A5], "0-1-2-3": [0x06A5]}),
        ("BCD24", {"1-0-3-2": [0x3456, 0x0012], "2-3-0-1": [0x1200, 0x5634], "0-1-2-3": [0x5634, 0x1200]}),
    ],
)
def test_each_class_in_the_other_orders(value_class: str, words: dict[str, list[int]]) -> None:
    value = {"UINT48": 0x010203040506, "UINT8": 6, "BCD24": 123456}[value_class]
    for byte_order, expected in words.items():
        assert Encoding(value_class, byte_order).words(value) == expected


@pytest.mark.parametrize(
    ("value_class", "value"),
    [
        ("UINT16", 70_000),
        ("UINT16", -1),
        ("INT48", 2**47),
        ("INT8", 128),
        ("BCD16", 10_000),
        ("BCD16", -1),
        ("FLOAT32", 1e39),
    ],
)
def test_a_value_that_does_not_fit_is_an_error(value_class: str, value: float) -> None:
    with pytest.raises(OverflowError):
        Encoding(value_class).words(value)


@pytest.mark.parametrize("word", [0x12A4, 0x12E4, 0xFFFF])
def test_bcd_digits_above_nine_are_an_error(word: int) -> None:
    with pytest.raises(ValueError, match=f"{word:04x}"):
        Encoding("BCD16").value([word])
