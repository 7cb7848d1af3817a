"""The `parameters` of a measurement, as the contract with the server describes them."""

import itertools
from typing import Any

import pytest

from inviseobox.devices.links import Framing, SerialLink, TcpLink, WebLink
from inviseobox.devices.register_codec import VALUE_CLASSES, ByteOrder, decode_registers
from inviseobox.devices.registers import FunctionCode, Span
from inviseobox.devices.sources import JsonSource, RegisterSource, Source, read_source
from inviseobox.errors import NotUnderstood

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


def test_count_may_be_larger_or_missing() -> None:
    assert registers(read_source(EXAMPLE | {"count": 10}, GATEWAY)).span.count == 2
    assert registers(read_source(without("count"), GATEWAY)).span.count == 2


def test_byte_order_may_be_missing() -> None:
    assert registers(read_source(without("byte_order"), GATEWAY)).byte_order is ByteOrder.ABCD


@pytest.mark.parametrize("value_class", [None, *sorted(VALUE_CLASSES)])
def test_any_class_on_bits_is_one_bit(value_class: str | None) -> None:
    for register, byte_order in itertools.product(["0x01", "0x02"], ByteOrder):
        parameters = EXAMPLE | {"register": register, "value_class": value_class, "byte_order": byte_order.value}
        source = registers(read_source(parameters, GATEWAY))
        assert source.span.count == 1
        assert decode_registers([0], source.value_class, source.byte_order) == 0.0
        assert decode_registers([1], source.value_class, source.byte_order) == 1.0


@pytest.mark.parametrize("slave", [0, 1, 247, 255])
def test_every_unit_that_a_request_can_name_is_understood(slave: int) -> None:
    assert registers(read_source(EXAMPLE | {"slave": slave}, GATEWAY)).span.unit == slave


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


@pytest.mark.parametrize("name", ["register", "address", "slave", "count", "byte_order", "value_class"])
@pytest.mark.parametrize("value", ["http://u:S3CRET@h/?k=S3CRET", {"password": "S3CRET"}, ["S3CRET"]], ids=type)
def test_the_error_of_parameters_does_not_tell_what_a_value_may_hide(name: str, value: object) -> None:
    with pytest.raises(NotUnderstood, match=name) as caught:
        read_source(EXAMPLE | {name: value}, GATEWAY)
    assert "S3CRET" not in str(caught.value)


@pytest.mark.parametrize("parameters", [None, [], {}, {"key": ""}, {"key": None}, {"key": 5}, {"key": ["hum1"]}])
def test_a_page_without_a_usable_key_is_not_understood(parameters: object) -> None:
    with pytest.raises(NotUnderstood):
        read_source(parameters, PAGE)
