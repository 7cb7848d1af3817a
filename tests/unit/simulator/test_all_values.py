"""The unit with every class of value: complete, without overlaps, and each value what its bytes say."""

import math
import struct
from itertools import pairwise

from inviseobox.simulator.all_values import Sample, all_samples, device_of, unit_image
from inviseobox.simulator.encoding import BYTE_ORDERS, VALUE_CLASSES

SAMPLES = all_samples()
FLOATS = {"FLOAT32", "SINGLE", "REAL", "UNIXTIMEF32", "FLOAT64", "DOUBLE", "FLOAT", "LREAL", "UNIXTIMEF64"}


def in_order_of_significance(sample: Sample) -> bytes:
    """Sort the wire bytes by the significance in the byte order's digits, extended to wide values."""
    wire = b"".join(word.to_bytes(2, "big") for word in sample.words)
    if len(wire) == 2:
        return wire[::-1] if sample.byte_order in ("2-3-0-1", "0-1-2-3") else wire
    letters = {
        (4, "3-2-1-0"): "ABCD",
        (4, "1-0-3-2"): "CDAB",
        (4, "2-3-0-1"): "BADC",
        (4, "0-1-2-3"): "DCBA",
        (6, "3-2-1-0"): "ABCDEF",
        (6, "1-0-3-2"): "EFCDAB",
        (6, "2-3-0-1"): "BADCFE",
        (6, "0-1-2-3"): "FEDCBA",
        (8, "3-2-1-0"): "ABCDEFGH",
        (8, "1-0-3-2"): "GHEFCDAB",
        (8, "2-3-0-1"): "BADCFEHG",
        (8, "0-1-2-3"): "HGFEDCBA",
    }[len(wire), sample.byte_order]
    return bytes(byte for _, byte in sorted(zip(letters, wire, strict=True)))


def worked_out(sample: Sample) -> float | None:
    """Work out the value by the definitions of the classes."""
    data, name = in_order_of_significance(sample), sample.value_class
    if name in FLOATS:
        value = float(struct.unpack(">f" if len(data) == 4 else ">d", data)[0])
        return value if math.isfinite(value) else None
    if name.startswith("BCD"):
        return float(data.hex()) if data.hex().isdecimal() else None
    if name in ("BOOLEAN", "BOOL"):
        return float(data != b"\x00\x00")
    if name in ("INT8", "UINT8", "BYTE"):
        data = data[1:]
    number = int.from_bytes(data, "big")
    is_signed = name in ("INT", "UNIXTIMEI64") or (name.startswith("INT"))
    return float(number - (1 << 8 * len(data)) if is_signed and data[0] & 0x80 else number)


def test_each_register_value_is_what_its_bytes_say() -> None:
    for sample in SAMPLES:
        if sample.function_code >= 3:
            assert repr(worked_out(sample)) == repr(sample.expected), sample.name


def test_the_samples_have_every_class_in_every_order_in_registers_and_as_bits() -> None:
    for function_codes in ({3, 4}, {1}, {2}):
        seen = {(sample.value_class, sample.byte_order) for sample in SAMPLES if sample.function_code in function_codes}
        assert {value_class for value_class, _ in seen} == set(VALUE_CLASSES)
        assert {byte_order for _, byte_order in seen} == set(BYTE_ORDERS)
        if function_codes == {3, 4}:
            assert seen == {(value_class, byte_order) for value_class in VALUE_CLASSES for byte_order in BYTE_ORDERS}


def test_no_samples_overlap() -> None:
    for function_code in (1, 2, 3, 4):
        places = sorted(
            (sample.address, sample.address + len(sample.words))
            for sample in SAMPLES
            if sample.function_code == function_code
        )
        assert all(end <= begin for (_, end), (begin, _) in pairwise(places))
        assert places[-1][1] == 0x10000


def test_the_samples_have_negative_numbers_extremes_and_unreadable_values() -> None:
    expected = {sample.expected for sample in SAMPLES}
    extremes = {-(2.0**15), 2.0**31 - 1, -(2.0**47), 2.0**48 - 1, -(2.0**63), 2.0**64, 99999999.0, None}
    assert extremes | {3.4028234663852886e38, 5e-324, -1.7976931348623157e308} <= expected
    assert {sample.expected for sample in SAMPLES if sample.function_code == 1} == {0.0, 1.0}


def test_the_device_with_all_values_says_where_each_is() -> None:
    device, expected = device_of(SAMPLES, "65a00000000000000a000000", {"protocol": "Modbus"}, unit=5)
    image = unit_image(SAMPLES)
    assert len(device["measurements"]) == len(expected) == len(SAMPLES)
    for measurement, sample in zip(device["measurements"], SAMPLES, strict=True):
        parameters = measurement["configuration"]["parameters"]
        table = image[int(parameters["register"], 16)]
        addresses = range(parameters["address"], parameters["address"] + parameters["count"])
        assert tuple(table[address] for address in addresses) == sample.words
        assert parameters["slave"] == 5
        assert repr(expected[measurement["_id"]]) == repr(sample.expected)
        assert len(measurement["_id"]) == 24
