"""Which bytes are the answer to a request: the right frame wherever it is, and nothing that only looks like one."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.acquisition.modbus_frame import rtu_answer, tcp_answer
from inviseobox.errors import InvalidAnswer
from tests.support.modbus_frames import crc, mbap, rtu

ASK = struct.pack(">BHH", 3, 107, 3)
TELL = bytes.fromhex("03 06 022B 0000 0064")
"""The example of MODBUS Application Protocol V1.1b3, section 6.3."""
RTU_REQUEST, RTU_ANSWER = rtu(17, ASK), rtu(17, TELL)
TCP_REQUEST, TCP_ANSWER = mbap(7, 17, ASK), mbap(7, 17, TELL)


def test_the_crc_is_that_of_the_specification() -> None:
    """MODBUS over Serial Line V1.02, appendix B: the frame 02 07 ends with 41 12."""
    assert crc(b"\x02\x07") == b"\x41\x12"


@given(st.integers(0, len(RTU_ANSWER) - 1))
def test_no_answer_is_found_before_the_frame_is_complete(cut: int) -> None:
    assert rtu_answer(RTU_REQUEST, RTU_ANSWER[:cut]) == b""
    assert tcp_answer(TCP_REQUEST, TCP_ANSWER[:cut]) == b""


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_an_rtu_answer_is_found_among_noise(before: bytes, after: bytes) -> None:
    noise = bytes(byte for byte in before if byte != 17)
    assert rtu_answer(RTU_REQUEST, noise + RTU_ANSWER + after) == RTU_ANSWER
    assert rtu_answer(RTU_REQUEST, RTU_REQUEST + noise + RTU_ANSWER + after) == RTU_ANSWER


@given(st.lists(st.integers(0, 6)), st.binary(max_size=50))
def test_tcp_answers_to_earlier_requests_are_passed_over(earlier: list[int], after: bytes) -> None:
    late = b"".join(mbap(transaction, 17, TELL) for transaction in earlier)
    assert tcp_answer(TCP_REQUEST, late + TCP_ANSWER + after) == TCP_ANSWER


@given(st.integers(0, 8 * len(RTU_ANSWER) - 1))
def test_an_rtu_answer_with_a_flipped_bit_is_not_accepted(position: int) -> None:
    spoilt = bytearray(RTU_ANSWER)
    spoilt[position // 8] ^= 1 << position % 8
    assert rtu_answer(RTU_REQUEST, bytes(spoilt)) == b""


@pytest.mark.parametrize("code", [1, 2, 11, 77])
def test_an_exception_is_an_answer(code: int) -> None:
    refusal = bytes([0x83, code])
    assert rtu_answer(RTU_REQUEST, rtu(17, refusal)) == rtu(17, refusal)
    assert tcp_answer(TCP_REQUEST, mbap(7, 17, refusal)) == mbap(7, 17, refusal)


@pytest.mark.parametrize("count", [1, 8, 9, 2000])
def test_bits_are_counted_in_whole_bytes(count: int) -> None:
    ask = struct.pack(">BHH", 1, 0, count)
    tell = bytes([1, (count + 7) // 8]) + bytes((count + 7) // 8)
    assert rtu_answer(rtu(1, ask), rtu(1, tell)) == rtu(1, tell)
    assert tcp_answer(mbap(1, 1, ask), mbap(1, 1, tell)) == mbap(1, 1, tell)


LENGTHS = {
    "fewer registers": "03 04 022B 0000",
    "more registers": "03 08 022B 0000 0064 0001",
    "more bytes than the byte count": "03 06 022B 0000 0064 00",
    "fewer bytes than the byte count": "03 06 022B 0000",
    "a function code alone": "03",
    "an exception without code": "83",
    "an exception with more": "83 02 00",
    "another function": "04 06 022B 0000 0064",
}


@pytest.mark.parametrize("pdu", map(bytes.fromhex, LENGTHS.values()), ids=LENGTHS)
def test_a_frame_that_does_not_fit_the_request_is_not_accepted(pdu: bytes) -> None:
    with pytest.raises(InvalidAnswer):
        tcp_answer(TCP_REQUEST, mbap(7, 17, pdu))
    with contextlib.suppress(InvalidAnswer):
        assert rtu_answer(RTU_REQUEST, rtu(17, pdu)) == b""


@pytest.mark.parametrize(
    "heard",
    [mbap(7, 17, TELL, protocol=1), mbap(7, 18, TELL), b"HTTP/1.1 400 Bad Request\r\n", bytes(12), b"\xff" * 300],
    ids=["protocol", "unit", "HTTP", "zeros", "ones"],
)
def test_tcp_bytes_that_cannot_become_an_answer_are_an_error_at_once(heard: bytes) -> None:
    with pytest.raises(InvalidAnswer):
        tcp_answer(TCP_REQUEST, heard)


def test_endless_noise_is_given_up() -> None:
    with pytest.raises(InvalidAnswer, match="noise"):
        rtu_answer(RTU_REQUEST, b"\x55" * 2000)


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_an_answer_no_answer_yet_or_an_error(heard: bytes, is_tcp: bool) -> None:
    try:
        frame = tcp_answer(TCP_REQUEST, heard) if is_tcp else rtu_answer(RTU_REQUEST, heard)
    except InvalidAnswer:
        return
    assert frame in heard
    assert frame == b"" or len(frame) in (len(TCP_ANSWER if is_tcp else RTU_ANSWER), 9 if is_tcp else 5)
