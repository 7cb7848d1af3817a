"""The `parameters` of a measurement, as the contract with the server describes them."""

import itertools
from typing import Any

import pytest

from inviseobox.devices.links import Framing, SerialLink, TcpLink, WebLink
from inviseobox.devices.register_codec import VALUE_CLASSES, ByteOrder, decode_registers
from inviseobox.devices.registers import FunctionCode, Span
from inviseobox.devices.sources import (
    MAX_MARKS,
    JsonSource,
    RegisterSource,
    Source,
    fingerprint,
    read_source,
    synonyms,
)
from inviseobox.errors import NotUnderstood, UnusableValue

GATEWAY = TcpLink("192.0.2.7", 502, Framing.TCP)
PAGE = WebLink("http", "192.0.2.34", 80, "http://192.0.2.34/")
EXAMPLE: dict[str, Any] = {
    "register": "0x04",
    "address": 52,
    "slave": 2,
    "count": 2,
    "byte_order": "3-2-1-0",
    "value_class": "FLOAT32",
}
# The contract's table, line by line.
WIDTHS = {
    2: "FLOAT32 SINGLE REAL UNIXTIMEF32 INT32 UINT32 DWORD UNIXTIMEI32 BCD24 BCD32",
    4: "FLOAT64 DOUBLE FLOAT LREAL UNIXTIMEF64 INT64 UNIXTIMEI64 UINT64",
    1: "INT16 INT UINT16 UINT WORD INT8 UINT8 BYTE BCD16 BOOLEAN BOOL",
    3: "INT48 UINT48",
}


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in EXAMPLE.items() if name != key}


def registers(source: Source) -> RegisterSource:
    assert isinstance(source, RegisterSource)
    return source


@pytest.mark.parametrize("link", [GATEWAY, SerialLink("/dev/ttyUSB0")])
def test_the_parameters_of_the_contract_are_understood(link: TcpLink | SerialLink) -> None:
    source = registers(read_source(EXAMPLE, link))
    assert source.span == Span(unit=2, function=FunctionCode.INPUT_REGISTERS, address=52, count=2)
    assert source.value_class.name == "FLOAT32"
    assert source.byte_order is ByteOrder.ABCD


def test_numbers_in_parameters_may_be_texts() -> None:
    parameters = EXAMPLE | {"address": "0x34", "slave": "2", "count": "2", "register": "4"}
    assert read_source(parameters, GATEWAY) == read_source(EXAMPLE, GATEWAY)


@pytest.mark.parametrize(("register", "code"), [("0x01", 1), ("0x02", 2), ("0x03", 3), ("0x04", 4), (3, 3), ("3", 3)])
def test_register_names_the_function_code(register: object, code: int) -> None:
    assert registers(read_source(EXAMPLE | {"register": register}, GATEWAY)).span.function == code


@pytest.mark.parametrize(("width", "names"), WIDTHS.items())
def test_every_class_is_known_in_any_case_and_has_its_width(width: int, names: str) -> None:
    for name in names.split():
        for spelling in (name, name.lower(), name.title()):
            source = registers(read_source(EXAMPLE | {"value_class": spelling, "count": width}, GATEWAY))
            assert source.span.count == width
            assert name in (source.value_class.name, *source.value_class.synonyms)


def test_no_class_is_known_that_the_contract_does_not_name() -> None:
    assert set(VALUE_CLASSES) == {name for names in WIDTHS.values() for name in names.split()}


@pytest.mark.parametrize("count", [10, "10", "0x0A", 125])
def test_a_larger_count_is_asked_for_and_the_class_takes_the_first_registers(count: object) -> None:
    source = registers(read_source(EXAMPLE | {"count": count}, GATEWAY))
    asked = 125 if count == 125 else 10
    assert source.span == Span(2, FunctionCode.INPUT_REGISTERS, 52, asked)
    assert source.least == Span(2, FunctionCode.INPUT_REGISTERS, 52, 2)
    assert source.value([0x42F6, 0xE979] + [0xFFFF] * (asked - 2)) == pytest.approx(123.456)
    assert source.value([0x42F6, 0xE979]) == pytest.approx(123.456)


@pytest.mark.parametrize("byte_order", list(ByteOrder))
def test_the_first_registers_are_taken_before_their_order_is_turned(byte_order: ByteOrder) -> None:
    exact = registers(read_source(EXAMPLE | {"byte_order": byte_order.value}, GATEWAY))
    longer = registers(read_source(EXAMPLE | {"byte_order": byte_order.value, "count": 4}, GATEWAY))
    assert longer.value([0x1234, 0x5678, 0x9ABC, 0xDEF0]) == exact.value([0x1234, 0x5678])


@pytest.mark.parametrize("parameters", [without("count"), EXAMPLE | {"count": None}])
def test_count_may_be_missing(parameters: dict[str, Any]) -> None:
    source = registers(read_source(parameters, GATEWAY))
    assert source.span == source.least == Span(2, FunctionCode.INPUT_REGISTERS, 52, 2)


@pytest.mark.parametrize("register", ["0x01", "0x02"])
def test_a_larger_count_of_bits_has_the_limit_of_bits(register: str) -> None:
    parameters = EXAMPLE | {"register": register}
    source = registers(read_source(parameters | {"count": "2000"}, GATEWAY))
    assert (source.span.count, source.least.count) == (2000, 1)
    assert source.value([1] + [0] * 1999) == 1.0
    assert source.value([0] + [1] * 1999) == 0.0
    with pytest.raises(NotUnderstood, match="2,000 bits"):
        read_source(parameters | {"count": 2001}, GATEWAY)


def test_neither_count_nor_marks_take_part_in_the_fingerprint() -> None:
    exact = read_source(EXAMPLE, GATEWAY)
    for more in ({"count": 10}, {"count": "4"}, {"invalid": ["0xFFFFFFFF"]}, {"count": 9, "invalid": [-1]}):
        source = read_source(EXAMPLE | more, GATEWAY)
        assert source != exact, "or the link would go on as before"
        assert fingerprint(GATEWAY, source) == fingerprint(GATEWAY, exact)
        assert synonyms(GATEWAY, source) == synonyms(GATEWAY, exact)
    assert fingerprint(GATEWAY, exact) == "c9c2ee1514eb8463", "as it is in the databases of 0.1.0"


def test_byte_order_may_be_missing() -> None:
    assert registers(read_source(without("byte_order"), GATEWAY)).byte_order is ByteOrder.ABCD


@pytest.mark.parametrize("value_class", [None, *sorted(VALUE_CLASSES)])
def test_any_class_on_bits_is_one_bit(value_class: str | None) -> None:
    for register, byte_order in itertools.product(["0x01", "0x02"], ByteOrder):
        parameters = EXAMPLE | {"register": register, "value_class": value_class, "byte_order": byte_order.value}
        source = registers(read_source(parameters, GATEWAY))
        assert (source.span.count, source.least.count) == (2, 1)
        assert source.value([0, 1]) == 0.0
        assert source.value([1, 0]) == 1.0
        assert registers(read_source(parameters | {"count": 1}, GATEWAY)).span == source.least


@pytest.mark.parametrize("slave", [0, 1, 247, 255])
def test_every_unit_that_a_request_can_name_is_understood(slave: int) -> None:
    assert registers(read_source(EXAMPLE | {"slave": slave}, GATEWAY)).span.unit == slave


@pytest.mark.parametrize("slave", [0, "0", "0x0", 0.0])
@pytest.mark.parametrize("link", [SerialLink("/dev/ttyUSB0"), TcpLink("192.0.2.7", 502, Framing.RTU)])
def test_nobody_answers_the_broadcast_of_a_serial_line(link: SerialLink | TcpLink, slave: object) -> None:
    with pytest.raises(NotUnderstood, match=r"slave .*broadcast.*nobody answers.*1 to 247"):
        read_source(EXAMPLE | {"slave": slave}, link)
    assert registers(read_source(EXAMPLE | {"slave": 1}, link)).span.unit == 1


RIGHT_MARKS: list[tuple[str, list[object], int]] = [
    ("UINT32", [0xFFFFFFFF], 0xFFFFFFFF),
    ("UINT32", ["0xffffffff"], 0xFFFFFFFF),
    ("UINT32", [" 4294967295 "], 0xFFFFFFFF),
    ("UINT32", [-1], 0xFFFFFFFF),
    ("UINT32", ["-1"], 0xFFFFFFFF),
    ("INT32", [-(2**31)], 0x80000000),
    ("INT32", ["-0x80000000"], 0x80000000),
    ("INT32", [2147483648.0], 0x80000000),
    ("INT32", [5, "0x7FFFFFFF"], 0x7FFFFFFF),
    ("UINT64", ["0xFFFFFFFFFFFFFFFF"], 2**64 - 1),
    ("UINT64", ["18446744073709551615"], 2**64 - 1),
    ("UINT64", [18446744073709551615], 2**64 - 1),
    ("INT64", [-(2**63)], 2**63),
    ("UINT48", [-2], 0xFFFFFFFFFFFE),
    ("INT16", [-32768], 0x8000),
    ("UINT16", ["0xFFFF"], 0xFFFF),
    ("FLOAT32", ["0xC61C3C00"], 0xC61C3C00),
    ("FLOAT64", ["0xC0C3878000000000"], 0xC0C3878000000000),
    ("BCD16", ["0x9999"], 0x9999),
    ("BCD32", ["0x99999999"], 0x99999999),
    ("BOOLEAN", ["0xFFFF"], 0xFFFF),
    ("BOOLEAN", [0], 0),
]


@pytest.mark.parametrize(("name", "marks", "bits"), RIGHT_MARKS)
@pytest.mark.parametrize("byte_order", list(ByteOrder))
def test_a_raw_value_that_is_marked_as_no_value_is_a_failed_read(
    name: str, marks: list[object], bits: int, byte_order: ByteOrder
) -> None:
    width = VALUE_CLASSES[name].width
    parameters = EXAMPLE | {"value_class": name, "count": width + 1, "byte_order": byte_order.value}
    source = registers(read_source(parameters | {"invalid": marks}, GATEWAY))
    words = wire(bits, width, byte_order)
    with pytest.raises(UnusableValue, match="mark for no value") as caught:
        source.value([*words, 7])
    assert f"0x{bits:0{4 * width}X}" in str(caught.value)
    other = wire(bits ^ 0x11, width, byte_order)
    assert source.value([*other, 7]) == decode_registers(other, VALUE_CLASSES[name], byte_order)
    assert registers(read_source(parameters, GATEWAY)).value([*words, 7]) is not None


def wire(bits: int, width: int, order: ByteOrder) -> list[int]:
    """Return the registers in which a device sends these bits."""
    words = [bits >> 16 * place & 0xFFFF for place in reversed(range(width))]
    if order.words_reversed:
        words.reverse()
    return [word >> 8 | (word & 0xFF) << 8 for word in words] if order.bytes_swapped else words


@pytest.mark.parametrize("name", ["INT8", "UINT8"])
@pytest.mark.parametrize(
    ("mark", "words", "is_marked"),
    [
        (0xFF, 0x00FF, True),
        (-1, 0x00FF, True),
        (-1, 0xFFFF, True),
        (0xFF, 0x12FF, True),
        (0xFFFF, 0xFFFF, True),
        (0xFFFF, 0x00FF, False),
        (0xFF, 0xFF00, False),
    ],
)
def test_of_a_class_of_eight_bits_a_mark_is_the_low_byte_or_the_whole_register(
    name: str, mark: int, words: int, is_marked: bool
) -> None:
    source = registers(read_source(EXAMPLE | {"value_class": name, "count": 1, "invalid": [mark]}, GATEWAY))
    if is_marked:
        with pytest.raises(UnusableValue):
            source.value([words])
    else:
        assert source.value([words]) in (-1.0, 0.0, 255.0)


def test_of_six_packed_digits_the_upper_byte_is_no_part_of_a_mark() -> None:
    source = registers(read_source(EXAMPLE | {"value_class": "BCD24", "invalid": ["0x999999"]}, GATEWAY))
    for upper in (0x0099, 0x5599):
        with pytest.raises(UnusableValue):
            source.value([upper, 0x9999])


@pytest.mark.parametrize("register", ["0x01", "0x02"])
def test_a_bit_may_be_marked_too(register: str) -> None:
    for mark in (1, "0x1", -1):
        source = registers(read_source(EXAMPLE | {"register": register, "invalid": [mark]}, GATEWAY))
        assert source.value([0, 1]) == 0.0
        with pytest.raises(UnusableValue):
            source.value([1, 0])
    with pytest.raises(NotUnderstood, match="invalid"):
        read_source(EXAMPLE | {"register": register, "invalid": [2]}, GATEWAY)


@pytest.mark.parametrize("marks", [None, []])
def test_a_list_of_marks_may_be_missing_or_empty(marks: object) -> None:
    assert read_source(EXAMPLE | {"invalid": marks}, GATEWAY) == read_source(EXAMPLE, GATEWAY)


@pytest.mark.parametrize(
    "marks",
    [
        "0xFFFFFFFF",
        0xFFFFFFFF,
        {"value": -1},
        True,
        [True],
        [None],
        [""],
        ["n/a"],
        ["http://u:S3CRET@h/?k=S3CRET"],
        [["0xFFFFFFFF"]],
        [{"S3CRET": 1}],
        [1.5],
        [2**32],
        [-(2**31) - 1],
        ["0x1FFFFFFFF"],
        pytest.param([10**4000], id="huge"),
        pytest.param(list(range(17)), id="17"),
        pytest.param([0] * 100_000, id="100,000"),
    ],
)
def test_a_list_of_marks_that_cannot_be_read_says_what_would_be_right(marks: object) -> None:
    with pytest.raises(NotUnderstood, match=r'its invalid .* as in \["0xFFFFFFFF", -1\]') as caught:
        read_source(EXAMPLE | {"value_class": "INT32", "invalid": marks}, GATEWAY)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 250
    assert "S3CRET" not in str(caught.value)


def test_a_number_that_javascript_has_rounded_is_to_be_sent_as_text() -> None:
    """JSON.stringify(18446744073709551615) is this: one more than fits."""
    with pytest.raises(NotUnderstood, match="as text"):
        read_source(EXAMPLE | {"value_class": "UINT64", "count": 4, "invalid": [18446744073709552000]}, GATEWAY)


def test_a_list_of_marks_has_sixteen_at_most() -> None:
    source = registers(read_source(EXAMPLE | {"invalid": list(range(MAX_MARKS))}, GATEWAY))
    assert MAX_MARKS == len(source.invalid) == 16


@pytest.mark.parametrize("address", [0, 65_534])
def test_the_first_and_the_last_address_are_understood(address: int) -> None:
    assert registers(read_source(EXAMPLE | {"address": address}, GATEWAY)).span.address == address


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        (None, "parameters"),
        ([], "parameters"),
        ({}, "register"),
        (without("register"), "register"),
        (without("address"), "address"),
        (without("slave"), "slave"),
        (without("value_class"), "value_class"),
        (EXAMPLE | {"register": "0x05"}, "register"),
        (EXAMPLE | {"register": 0}, "register"),
        (EXAMPLE | {"register": "holding"}, "register"),
        (EXAMPLE | {"register": [4]}, "register"),
        pytest.param(EXAMPLE | {"register": 10**300}, "register", id="huge"),
        (EXAMPLE | {"address": -1}, "address"),
        (EXAMPLE | {"address": 65_535}, "address"),
        (EXAMPLE | {"address": 65_526, "count": 11}, "count 11.*65,535"),
        (EXAMPLE | {"address": "65530", "count": "125"}, "count '125'.*65,535"),
        (EXAMPLE | {"count": 126}, "125 registers"),
        (EXAMPLE | {"count": "0x7D0"}, "125 registers"),
        (EXAMPLE | {"count": -2}, "count"),
        (EXAMPLE | {"count": 2.5}, "count"),
        pytest.param(EXAMPLE | {"count": 10**300}, "125 registers", id="huge count"),
        (EXAMPLE | {"address": 65_536}, "address"),
        (EXAMPLE | {"address": 52.5}, "address"),
        (EXAMPLE | {"address": None}, "address"),
        (EXAMPLE | {"slave": -1}, "slave"),
        (EXAMPLE | {"slave": 256}, "slave"),
        (EXAMPLE | {"slave": "two"}, "slave"),
        (EXAMPLE | {"count": 1}, "count"),
        (EXAMPLE | {"count": 0}, "count"),
        (EXAMPLE | {"count": "many"}, "count"),
        (EXAMPLE | {"count": {}}, "count"),
        (EXAMPLE | {"byte_order": "3-2-1"}, "byte_order"),
        (EXAMPLE | {"byte_order": 3210}, "byte_order"),
        (EXAMPLE | {"byte_order": ["3-2-1-0"]}, "byte_order"),
        (EXAMPLE | {"value_class": "FLOAT48"}, "FLOAT48"),
        (EXAMPLE | {"value_class": "STRING"}, "STRING"),
        (EXAMPLE | {"value_class": 5}, "value_class"),
        (EXAMPLE | {"value_class": ""}, "value_class"),
        (EXAMPLE | {"value_class": "x\n" * 500}, "value_class"),
    ],
)
def test_parameters_that_cannot_be_read_say_why(parameters: object, says: str) -> None:
    with pytest.raises(NotUnderstood, match=says) as caught:
        read_source(parameters, GATEWAY)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


LIKELY_MARKS = {
    "UINT16": ["FFFF"],
    "UINT32": ["FFFFFFFF"],
    "UINT48": ["FFFFFFFFFFFF"],
    "UINT64": ["FFFFFFFFFFFFFFFF"],
    "INT16": ["8000", "7FFF"],
    "INT32": ["80000000", "7FFFFFFF"],
    "INT48": ["800000000000", "7FFFFFFFFFFF"],
    "INT64": ["8000000000000000", "7FFFFFFFFFFFFFFF"],
    "FLOAT32": ["7F7FFFFF", "FF7FFFFF"],
    "FLOAT64": ["7FEFFFFFFFFFFFFF", "FFEFFFFFFFFFFFFF"],
    "INT8": [],
    "UINT8": [],
    "BCD16": [],
    "BCD24": [],
    "BCD32": [],
    "BOOLEAN": [],
}


@pytest.mark.parametrize("name", LIKELY_MARKS)
@pytest.mark.parametrize("order", list(ByteOrder))
def test_a_raw_value_that_many_meters_mean_as_none_is_named_and_stays_a_value(name: str, order: ByteOrder) -> None:
    width = VALUE_CLASSES[name].width
    parameters = EXAMPLE | {"value_class": name, "count": width + 1, "byte_order": order.value}
    source = registers(read_source(parameters, GATEWAY))
    ordinary = [0, 1, 0x7F, 0xFF, 0x80, (1 << 16 * width) - 2, (1 << 16 * width - 1) + 1, (1 << 16 * width - 1) - 2]
    for bits in ordinary:
        assert source.likely_mark([*wire(bits, width, order), 7]) is None
    for hexadecimal in LIKELY_MARKS[name]:
        words = [*wire(int(hexadecimal, 16), width, order), 7]
        assert source.likely_mark(words) == f"0x{hexadecimal}"
        assert source.value(words) == decode_registers(words, VALUE_CLASSES[name], order)
        # What the line names can be copied into the device list.
        told = registers(read_source(parameters | {"invalid": [f"0x{hexadecimal}"]}, GATEWAY))
        with pytest.raises(UnusableValue):
            told.value(words)


def test_minus_one_and_all_ones_of_what_is_no_number_are_ordinary() -> None:
    for name in ("INT16", "INT32", "INT48", "INT64", "UINT8", "INT8", "BOOLEAN"):
        width = VALUE_CLASSES[name].width
        source = registers(read_source(EXAMPLE | {"value_class": name, "count": width}, GATEWAY))
        assert source.likely_mark([0xFFFF] * width) is None
    bit = registers(read_source(EXAMPLE | {"register": 1, "value_class": "UINT16"}, GATEWAY))
    assert bit.likely_mark([1, 1]) is None


def test_a_key_of_a_page_is_understood() -> None:
    assert read_source({"key": "hum1"}, PAGE) == JsonSource("http://192.0.2.34/", "hum1")


def test_a_source_names_its_page_without_what_the_url_hides() -> None:
    url = "http://user:S3CRET@192.0.2.34/?apikey=S3CRET"
    source = read_source({"key": "hum1"}, WebLink("http", "192.0.2.34", 80, url))
    assert source == JsonSource(url, "hum1")
    assert "S3CRET" not in repr(source)


def test_a_key_of_a_page_has_200_characters_at_most() -> None:
    assert read_source({"key": "." * 200}, PAGE) == JsonSource(PAGE.url, "." * 200)
    with pytest.raises(NotUnderstood, match="1 to 200"):
        read_source({"key": "." * 201}, PAGE)


@pytest.mark.parametrize("name", ["register", "address", "slave", "count", "byte_order", "value_class", "invalid"])
@pytest.mark.parametrize("value", ["http://u:S3CRET@h/?k=S3CRET", {"password": "S3CRET"}, ["S3CRET"]], ids=type)
def test_the_error_of_parameters_does_not_tell_what_a_value_may_hide(name: str, value: object) -> None:
    with pytest.raises(NotUnderstood, match=name) as caught:
        read_source(EXAMPLE | {name: value}, GATEWAY)
    assert "S3CRET" not in str(caught.value)


@pytest.mark.parametrize("parameters", [None, [], {}, {"key": ""}, {"key": None}, {"key": 5}, {"key": ["hum1"]}])
def test_a_page_without_a_usable_key_is_not_understood(parameters: object) -> None:
    with pytest.raises(NotUnderstood):
        read_source(parameters, PAGE)
