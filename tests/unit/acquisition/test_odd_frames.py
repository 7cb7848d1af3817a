"""Frames that are odd, and stand for what meters and gateways really send: each is read, or it is said what is odd."""

import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.acquisition.rtu_answer import RtuAnswerFinder
from inviseobox.acquisition.tcp_answer import MOST_OTHERS, TcpAnswerFinder
from inviseobox.errors import InvalidAnswer
from tests.support.modbus_frames import crc, mbap, rtu

ASK = struct.pack(">BHH", 3, 48, 5)
TELL = b"\x03\x0a" + bytes(range(10))
TCP_REQUEST, TCP_ANSWER = mbap(1, 1, ASK), mbap(1, 1, TELL)
RTU_REQUEST, RTU_ANSWER = rtu(1, ASK), rtu(1, TELL)

pieces = pytest.mark.parametrize("size", [1, 3, 10_000])
"""Bytes that come at once."""


def fed(finder: TcpAnswerFinder | RtuAnswerFinder, heard: bytes, size: int) -> bytes:
    """Return the answer, also if it is found at the last look only."""
    for start in range(0, len(heard), size):
        if frame := finder.feed(heard[start : start + size]):
            return frame
    return finder.last_look()


# An exception with padding.


@pieces
@pytest.mark.parametrize("code", [1, 2, 6, 77])
@pytest.mark.parametrize("padding", [b"\x00", bytes.fromhex("00 07 00"), b"\xff" * 10, b"\x01\x83" * 125])
def test_a_padded_tcp_exception_is_one_of_that_code(padding: bytes, code: int, size: int) -> None:
    heard = mbap(1, 1, bytes([0x83, code]) + padding)
    assert fed(TcpAnswerFinder(TCP_REQUEST), heard, size) == mbap(1, 1, bytes([0x83, code]))


def test_a_tcp_exception_is_one_though_the_padding_that_its_header_announces_never_comes() -> None:
    assert TcpAnswerFinder(TCP_REQUEST).feed(mbap(1, 1, b"\x83\x02", length=6)) == mbap(1, 1, b"\x83\x02")


def test_the_padding_of_an_exception_is_no_part_of_the_next_answer() -> None:
    heard = bytes.fromhex("00 07 00") + mbap(2, 1, TELL)
    assert TcpAnswerFinder(mbap(2, 1, ASK)).feed(heard) == mbap(2, 1, TELL)


@pieces
@pytest.mark.parametrize("length", [*range(6), 8])
@pytest.mark.parametrize("where", ["before the CRC", "behind it"])
def test_a_padded_rtu_exception_is_one_of_that_code(where: str, length: int, size: int) -> None:
    padding = bytes(range(7, 7 + length))
    heard = rtu(1, b"\x83\x02" + padding) if where == "before the CRC" else rtu(1, b"\x83\x02") + padding
    assert fed(RtuAnswerFinder(RTU_REQUEST), b"\x00" + heard, size) == rtu(1, b"\x83\x02")


# Echoes.


@pieces
@pytest.mark.parametrize("request_", [rtu(1, struct.pack(">BHH", 3, 0x0300 + low, 1)) for low in (0, 2, 0x83)])
@pytest.mark.parametrize("before", [b"", b"\x00", b"\x01", b"\x01\x03", b"\xff\x00\xff"])
@pytest.mark.parametrize("echoes", [1, 2, 3])
def test_an_rtu_echo_is_one_wherever_it_starts(request_: bytes, before: bytes, echoes: int, size: int) -> None:
    for answer in (rtu(1, b"\x03\x02\x00\x07"), rtu(1, b"\x83\x02")):
        finder = RtuAnswerFinder(request_)
        assert fed(finder, before + (request_ + before) * echoes + answer, size) == answer
        assert finder.echoes == echoes


COILS = rtu(1, struct.pack(">BHH", 1, 0x0300, 24))
"""A request whose bytes are a right answer to it."""


@pieces
@pytest.mark.parametrize(("usual", "comes", "is_answer"), [(None, 1, False), (0, 1, True), (1, 1, False), (1, 2, True)])
def test_an_answer_that_is_equal_to_the_request_is_one_where_it_comes_once_more_than_echoes(
    usual: int | None, comes: int, is_answer: bool, size: int
) -> None:
    finder = RtuAnswerFinder(COILS, usual_echoes=usual)
    assert fed(finder, COILS * comes, size) == (COILS if is_answer else b"")


@pieces
def test_an_answer_behind_what_is_equal_to_it_is_taken(size: int) -> None:
    answer = rtu(1, b"\x01\x03\xff\x00\xff")
    assert fed(RtuAnswerFinder(COILS, usual_echoes=0), COILS + answer, size) == answer


def test_an_exception_is_found_though_noise_before_it_looks_like_a_longer_answer() -> None:
    finder = RtuAnswerFinder(RTU_REQUEST)
    assert finder.feed(RTU_ANSWER[:3] + rtu(1, b"\x83\x02")) == b""
    assert finder.last_look() == rtu(1, b"\x83\x02")


# Bytes before the answer.


@pieces
@pytest.mark.parametrize("number", [1, 9, 11, 0x0100, 0x8101, 0xFF00])
@pytest.mark.parametrize("before", [b"\xff", b"\x00", b"\xff" * 7, *map(bytes, range(2, 12)), b"USR-TCP232-304\r\n"])
def test_a_tcp_answer_is_found_behind_stray_bytes(before: bytes, number: int, size: int) -> None:
    for pdu in (TELL, b"\x83\x02"):
        finder = TcpAnswerFinder(mbap(number, 1, ASK))
        assert fed(finder, before + mbap(number, 1, pdu), size) == mbap(number, 1, pdu)


@pieces
@pytest.mark.parametrize("length", [3, 10, 12, 16, 200, 254, 255, 256, 0x7FFF, 0xFFFF])
@pytest.mark.parametrize("rest", [b"", b"\x01\x83\x02", b"\x01\x03\x10", b"\x00\x00\x00"])
def test_a_banner_that_looks_like_a_header_does_not_swallow_the_answer(rest: bytes, length: int, size: int) -> None:
    heard = struct.pack(">HHH", 0x4142, 0, length) + rest + TCP_ANSWER
    # Only what is a whole exception of another number, padded with the answer, takes it along.
    is_whole = rest[1:2] == b"\x83" and 6 + length <= min(len(heard), 260)
    assert fed(TcpAnswerFinder(TCP_REQUEST), heard, size) == (b"" if is_whole and length > 3 else TCP_ANSWER)


@pieces
def test_an_answer_within_the_registers_of_a_late_one_is_not_taken(size: int) -> None:
    inner = mbap(2, 1, b"\x03\x02\xde\xad")
    late = mbap(1, 1, bytes([3, len(inner) + 1]) + inner + b"\x00")
    answer = mbap(2, 1, b"\x03\x02\x00\x07")
    for before in (b"", b"\xff"):
        finder = TcpAnswerFinder(mbap(2, 1, struct.pack(">BHH", 3, 0, 1)))
        assert fed(finder, before + late + answer, size) == answer


@given(st.lists(st.sampled_from([b"\xff", b"\x00", mbap(3, 1, TELL), b"USR", mbap(2, 1, b"\x83\x02")]), max_size=40))
def test_a_tcp_answer_is_found_behind_anything_that_is_not_its_header(parts: list[bytes]) -> None:
    before = b"".join(parts)[: MOST_OTHERS - len(TCP_ANSWER)]
    heard = before + mbap(0x1234, 1, TELL)
    assert fed(TcpAnswerFinder(mbap(0x1234, 1, ASK)), heard, 10_000) == mbap(0x1234, 1, TELL)


# Transaction numbers.


def zero(pdu: bytes = TELL, unit: int = 1) -> bytes:
    return mbap(0, unit, pdu)


@pieces
@pytest.mark.parametrize("pdu", [TELL, b"\x83\x02", b"\x83\x02\x00\x00\x00"])
def test_an_answer_with_number_0_is_taken_as_the_first_thing_that_comes(pdu: bytes, size: int) -> None:
    finder = TcpAnswerFinder(mbap(7, 1, ASK), takes_zero=True)
    assert fed(finder, zero(pdu), size) == mbap(7, 1, pdu[:2] if pdu[0] & 0x80 else pdu)
    assert finder.took_zero
    assert not finder.saw_number


@pytest.mark.parametrize("before", [b"\xff", mbap(6, 1, TELL), mbap(6, 2, b"\x83\x02")])
def test_number_0_is_not_taken_behind_anything_else(before: bytes) -> None:
    finder = TcpAnswerFinder(mbap(7, 1, ASK), takes_zero=True)
    assert fed(finder, before + zero(), 10_000) == b""


@pytest.mark.parametrize("number", [0, 1, 6, 8])
def test_any_other_number_is_odd_and_named(number: int) -> None:
    finder = TcpAnswerFinder(mbap(7, 1, ASK))
    assert fed(finder, mbap(number, 1, TELL), 10_000) == b""
    assert finder.oddity() == f"an answer with transaction number {number} instead of 7"


def test_a_late_answer_of_another_unit_is_not_odd() -> None:
    finder = TcpAnswerFinder(mbap(7, 1, ASK))
    assert fed(finder, mbap(6, 2, TELL), 10_000) == b""
    assert finder.oddity() == ""


# What was odd on an RTU line.


def oddities() -> Iterator[tuple[bytes, str]]:
    yield rtu(2, TELL), "an answer of unit 2 instead of 1"
    yield rtu(1, b"\x04" + TELL[1:]), "an answer to function 4 instead of 3"
    yield rtu(1, b"\x84\x02"), "an answer to function 4 instead of 3"
    yield rtu(3, TELL), ""
    yield b"\x00\xff\x00", ""
    yield RTU_REQUEST, ""
    yield rtu(2, b"\x03\x02\x00\x07"), ""


@pytest.mark.parametrize(("heard", "words"), oddities())
def test_it_is_said_what_came_instead_of_an_rtu_answer(heard: bytes, words: str) -> None:
    """Unit 3 is asked on the line, too: that is a late answer."""
    finder = RtuAnswerFinder(RTU_REQUEST, asked={1, 3})
    assert fed(finder, heard, 10_000) == b""
    assert finder.oddity() == words


def test_a_request_of_somebody_else_to_the_same_unit_is_no_answer_of_another_length() -> None:
    finder = RtuAnswerFinder(RTU_REQUEST)
    foreign = rtu(1, struct.pack(">BHH", 3, 0x0300, 2))
    assert crc(foreign[:-2]) == foreign[-2:]
    assert finder.feed(foreign + RTU_ANSWER) == RTU_ANSWER


def test_a_longer_tcp_answer_is_refused_for_its_values_may_be_behind_the_surplus() -> None:
    for pdu in (TELL + b"\x00", TELL[:2] + b"\x00\x00" + TELL[2:]):
        with pytest.raises(InvalidAnswer, match="bytes instead of 10"):
            TcpAnswerFinder(TCP_REQUEST).feed(mbap(1, 1, pdu))
