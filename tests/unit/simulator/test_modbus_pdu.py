"""Answers of a unit, against the examples of the MODBUS Application Protocol Specification V1.1b3."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.simulator.modbus_pdu import UnitImage, answer, served_values


def bits(first_address: int, text: str) -> dict[int, int]:
    """Return bits by address from the specification's notation: most significant (highest address) first."""
    return {first_address + offset: int(bit) for offset, bit in enumerate(reversed(text.replace(" ", "")))}


SPECIFICATION: UnitImage = {
    1: bits(19, "101 01101011 11001101"),
    2: bits(196, "110101 11011011 10101100"),
    3: {107: 0x022B, 108: 0, 109: 0x0064},
    4: {8: 0x000A},
}


@pytest.mark.parametrize(
    ("request_pdu", "response_pdu"),
    [
        pytest.param("01 0013 0013", "01 03 CD6B05", id="6.1 coils 20-38"),
        pytest.param("02 00C4 0016", "02 03 ACDB35", id="6.2 discrete inputs 197-218"),
        pytest.param("03 006B 0003", "03 06 022B 0000 0064", id="6.3 holding registers 108-110"),
        pytest.param("04 0008 0001", "04 02 000A", id="6.4 input register 9"),
        pytest.param("01 04A1 0001", "81 02", id="7 coil 1186 does not exist"),
        pytest.param("03 006B 0004", "83 02", id="the last register does not exist"),
        pytest.param("03 FFFF 0002", "83 02", id="beyond the last address"),
        pytest.param("03 006B 0000", "83 03", id="no registers"),
        pytest.param("03 006B 007E", "83 03", id="126 registers"),
        pytest.param("01 0013 07D1", "81 03", id="2001 coils"),
        pytest.param("03 006B", "83 03", id="too short a request"),
        pytest.param("04 0008 0001 00", "84 03", id="too long a request"),
        pytest.param("06 006B 0001", "86 01", id="a function that writes"),
        pytest.param("2B 0E 01 00", "AB 01", id="device identification"),
    ],
)
def test_answers_as_the_specification_says(request_pdu: str, response_pdu: str) -> None:
    assert answer(SPECIFICATION, bytes.fromhex(request_pdu)) == bytes.fromhex(response_pdu)


def test_a_table_that_the_unit_lacks_is_an_illegal_function() -> None:
    assert answer({3: {0: 1}}, bytes.fromhex("04 0000 0001")) == bytes.fromhex("84 01")


@pytest.mark.parametrize(("function_code", "most"), [(1, 2000), (2, 2000), (3, 125), (4, 125)])
def test_the_longest_read_is_answered(function_code: int, most: int) -> None:
    image = {function_code: {address: address & 1 for address in range(most)}}
    request = struct.pack(">BHH", function_code, 0, most)
    assert served_values(request, answer(image, request)) == image[function_code]


@given(st.binary(min_size=1, max_size=253))
def test_any_request_gets_an_answer_that_fits_a_frame(request: bytes) -> None:
    response = answer(SPECIFICATION, request)
    assert 2 <= len(response) <= 253
    assert response[0] & 0x7F == request[0] & 0x7F


@given(
    st.sampled_from([1, 2, 3, 4]),
    st.integers(0, 65535),
    st.lists(st.integers(0, 65535), min_size=1, max_size=125),
)
def test_served_values_are_what_the_unit_holds(function_code: int, first: int, words: list[int]) -> None:
    limit = 1 if function_code <= 2 else 0xFFFF
    table = {first + offset: word & limit for offset, word in enumerate(words) if first + offset <= 0xFFFF}
    request = struct.pack(">BHH", function_code, first, len(table))
    assert served_values(request, answer({function_code: table}, request)) == table


@pytest.mark.parametrize(
    "response_pdu",
    ["83 02", "04 06 022B 0000 0064", "03 04 022B 0000", "03 06 022B 0000", "03", ""],
    ids=["exception", "another function", "too few registers", "truncated", "one byte", "nothing"],
)
def test_an_answer_that_does_not_fit_serves_nothing(response_pdu: str) -> None:
    assert served_values(bytes.fromhex("03 006B 0003"), bytes.fromhex(response_pdu)) == {}
