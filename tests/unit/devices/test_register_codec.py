"""Every value class in every byte order, against the table of the contract with the server."""

import math
import struct
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.devices.register_codec import VALUE_CLASSES, ByteOrder, decode_registers
from inviseobox.errors import UnusableValue

# The wire bytes of a value whose bytes are A B C D ..., A being the most significant; copied from the contract.
WIRE = {
    "3-2-1-0": {1: "AB", 2: "ABCD", 3: "ABCDEF", 4: "ABCDEFGH"},
    "1-0-3-2": {1: "AB", 2: "CDAB", 3: "EFCDAB", 4: "GHEFCDAB"},
    "2-3-0-1": {1: "BA", 2: "BADC", 3: "BADCFE", 4: "BADCFEHG"},
    "0-1-2-3": {1: "BA", 2: "DCBA", 3: "FEDCBA", 4: "HGFEDCBA"},
}


def unsigned(data: bytes) -> Fraction:
    total = Fraction(0)
    for byte in data:
        total = total * 256 + byte
    return total


def signed(data: bytes) -> Fraction:
    return unsigned(data) - (Fraction(256) ** len(data) if data[0] >= 128 else 0)


def ieee(data: bytes) -> Fraction | None:
    """Work out an IEEE 754 value from its sign, exponent and fraction; None for NaN and infinities."""
    exponent_bits, fraction_bits = {4: (8, 23), 8: (11, 52)}[len(data)]
    bits = int(unsigned(data))
    fraction = bits % 2**fraction_bits
    exponent = bits // 2**fraction_bits % 2**exponent_bits
    bias = 2 ** (exponent_bits - 1) - 1
    if exponent == 2**exponent_bits - 1:
        return None
    if exponent == 0:
        size = Fraction(fraction, 2**fraction_bits) * power_of_two(1 - bias)
    else:
        size = (1 + Fraction(fraction, 2**fraction_bits)) * power_of_two(exponent - bias)
    return -size if data[0] >= 128 else size


def power_of_two(exponent: int) -> Fraction:
    return Fraction(1 << max(exponent, 0), 1 << max(-exponent, 0))


def bcd(digits: int) -> Callable[[bytes], Fraction | None]:
    def decode(data: bytes) -> Fraction | None:
        nibbles = [half for byte in data for half in divmod(byte, 16)][-digits:]
        if any(nibble > 9 for nibble in nibbles):
            return None
        return sum((Fraction(nibble) * 10**place for place, nibble in enumerate(reversed(nibbles))), Fraction(0))

    return decode


def truth(data: bytes) -> Fraction:
    return Fraction(0 if unsigned(data) == 0 else 1)


Meaning = Callable[[bytes], Fraction | None]
TABLE: list[tuple[str, int, Meaning]] = [
    ("FLOAT32 SINGLE REAL UNIXTIMEF32", 2, ieee),
    ("FLOAT64 DOUBLE FLOAT LREAL UNIXTIMEF64", 4, ieee),
    ("INT16 INT", 1, signed),
    ("UINT16 UINT WORD", 1, unsigned),
    ("INT32", 2, signed),
    ("UINT32 DWORD UNIXTIMEI32", 2, unsigned),
    ("INT48", 3, signed),
    ("UINT48", 3, unsigned),
    ("INT64 UNIXTIMEI64", 4, signed),
    ("UINT64", 4, unsigned),
    ("INT8", 1, lambda data: signed(data[1:])),
    ("UINT8 BYTE", 1, lambda data: unsigned(data[1:])),
    ("BCD16", 1, bcd(4)),
    ("BCD24", 2, bcd(6)),
    ("BCD32", 2, bcd(8)),
    ("BOOLEAN BOOL", 1, truth),
]
CLASSES = [(name, width, meaning) for names, width, meaning in TABLE for name in names.split()]
ORDERS = list(WIRE)


def on_the_wire(data: bytes, order: str) -> list[int]:
    """Return the registers in which a device sends a value of these bytes."""
    wire = bytes(data["ABCDEFGH".index(letter)] for letter in WIRE[order][len(data) // 2])
    return [high * 256 + low for high, low in zip(wire[::2], wire[1::2], strict=True)]


def decoded(registers: list[int], name: str, order: str) -> float | None:
    try:
        return decode_registers(registers, VALUE_CLASSES[name], ByteOrder(order))
    except UnusableValue:
        return None


def nearest_double(value: Fraction | None) -> float | None:
    return None if value is None else value.numerator / value.denominator


# Patterns in which each kind of value has its corners; the width's last bytes are taken.
PATTERNS = [
    "0000000000000000", "0000000000000001", "0102030405060708", "1234567890123456", "7fffffffffffffff",
    "8000000000000000", "8000800080008000", "fffffffffffffffe", "ffffffffffffffff", "0020000000000001",
    "3ff8000000000000", "7ff0000000000000", "fff0000000000000", "7ff8000000000000", "7fefffffffffffff",
    "000000007f800000", "00000000ff800000", "000000007fc00000", "000000007f800001", "000000003fc00000",
    "00000000c2f6e979", "000000000000000a", "00000000a0000000", "9999999999999999", "00ff00ff00ff00ff",
]  # fmt: skip


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("name", "width", "meaning"), CLASSES, ids=[name for name, _, _ in CLASSES])
def test_each_value_class_is_decoded_in_each_byte_order(name: str, width: int, meaning: Meaning, order: str) -> None:
    for pattern in PATTERNS:
        data = bytes.fromhex(pattern)[-2 * width :]
        assert decoded(on_the_wire(data, order), name, order) == nearest_double(meaning(data)), data.hex()


@given(st.sampled_from(CLASSES), st.sampled_from(ORDERS), st.binary(min_size=8, max_size=8))
def test_any_registers_are_decoded_as_the_table_says(
    class_: tuple[str, int, Meaning], order: str, noise: bytes
) -> None:
    name, width, meaning = class_
    data = noise[: 2 * width]
    assert decoded(on_the_wire(data, order), name, order) == nearest_double(meaning(data))


def test_the_table_of_value_classes_is_complete() -> None:
    assert set(VALUE_CLASSES) == {name for name, _, _ in CLASSES}
    assert {name: value_class.width for name, value_class in VALUE_CLASSES.items()} == {
        name: width for name, width, _ in CLASSES
    }
    assert {order.value for order in ByteOrder} == set(ORDERS)


def test_a_value_of_a_real_meter_is_decoded() -> None:
    # 123.456 as a single is 0x42F6E979.
    assert decode_registers([0x42F6, 0xE979], VALUE_CLASSES["FLOAT32"], ByteOrder.ABCD) == pytest.approx(123.456)
    assert decode_registers([0xE979, 0x42F6], VALUE_CLASSES["FLOAT32"], ByteOrder.CDAB) == pytest.approx(123.456)


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(ORDERS))
def test_doubles_survive_the_registers(value: float, order: str) -> None:
    assert decoded(on_the_wire(struct.pack(">d", value), order), "FLOAT64", order) == value


@pytest.mark.parametrize("name", ["FLOAT32", "FLOAT64"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_and_infinities_are_unusable(name: str, value: float) -> None:
    data = struct.pack(">f" if name == "FLOAT32" else ">d", value)
    with pytest.raises(UnusableValue, match=name):
        decode_registers(on_the_wire(data, "3-2-1-0"), VALUE_CLASSES[name], ByteOrder.ABCD)


@pytest.mark.parametrize(
    ("registers", "name", "value"),
    [
        ([0x1234], "BCD16", 1234.0),
        ([0x0012, 0x3456], "BCD24", 123456.0),
        ([0x1234, 0x5678], "BCD32", 12345678.0),
        ([0x9999, 0x9999], "BCD32", 99999999.0),
    ],
)
def test_packed_decimal_is_decoded(registers: list[int], name: str, value: float) -> None:
    assert decode_registers(registers, VALUE_CLASSES[name], ByteOrder.ABCD) == value


@pytest.mark.parametrize(("registers", "name"), [([0x123A], "BCD16"), ([0xA234], "BCD16"), ([0x1234, 0x567F], "BCD32")])
def test_a_digit_above_nine_is_unusable(registers: list[int], name: str) -> None:
    with pytest.raises(UnusableValue):
        decode_registers(registers, VALUE_CLASSES[name], ByteOrder.ABCD)


def test_integers_beyond_the_doubles_become_the_nearest() -> None:
    assert decode_registers([0x0020, 0, 0, 1], VALUE_CLASSES["UINT64"], ByteOrder.ABCD) == 2.0**53
    assert decode_registers([0x0020, 0, 0, 3], VALUE_CLASSES["UINT64"], ByteOrder.ABCD) == 2.0**53 + 4
    assert decode_registers([0xFFFF] * 4, VALUE_CLASSES["UINT64"], ByteOrder.ABCD) == 2.0**64
