"""Which bytes are the answer to a request: the right frame wherever it is, and nothing that only looks like one."""

import contextlib
import struct
import sys
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.acquisition import rtu_answer, rtu_crc, tcp_answer
from inviseobox.acquisition.modbus_frame import AnswerFinder
from inviseobox.acquisition.rtu_answer import MOST_NOISE, RtuAnswerFinder
from inviseobox.acquisition.tcp_answer import MOST_OTHERS, TcpAnswerFinder
from inviseobox.errors import InvalidAnswer
from tests.support.modbus_frames import crc, mbap, rtu

ASK = struct.pack(">BHH", 3, 107, 3)
TELL = bytes.fromhex("03 06 022B 0000 0064")
"""The example of MODBUS Application Protocol V1.1b3, section 6.3."""
RTU_REQUEST, RTU_ANSWER = rtu(17, ASK), rtu(17, TELL)
TCP_REQUEST, TCP_ANSWER = mbap(7, 17, ASK), mbap(7, 17, TELL)


def rtu_found(request: bytes, heard: bytes) -> bytes:
    """Return what is found where all comes at once."""
    return RtuAnswerFinder(request).feed(heard)


def tcp_found(request: bytes, heard: bytes) -> bytes:
    """Return what is found where all comes at once."""
    return TcpAnswerFinder(request).feed(heard)


def outcome(finder: AnswerFinder, pieces: Iterable[bytes]) -> tuple[bytes, str]:
    """Feed the pieces until there is an answer or an error; return both."""
    try:
        for piece in pieces:
            if frame := finder.feed(piece):
                return frame, ""
    except InvalidAnswer as error:
        return b"", str(error)
    return b"", ""


def cut(heard: bytes, places: Iterable[int]) -> Iterator[bytes]:
    """Cut at these places, as far as they are within it."""
    start = 0
    for place in sorted(places):
        yield heard[start:place]
        start = max(start, place)
    yield heard[start:]


def in_single_bytes(heard: bytes) -> Iterator[bytes]:
    return cut(heard, range(1, len(heard)))


def test_the_crc_is_that_of_the_specification() -> None:
    """MODBUS over Serial Line V1.02, appendix B: the frame 02 07 ends with 41 12."""
    assert crc(b"\x02\x07") == b"\x41\x12"


@given(st.integers(0, len(RTU_ANSWER) - 1))
def test_no_answer_is_found_before_the_frame_is_complete(cut: int) -> None:
    assert rtu_found(RTU_REQUEST, RTU_ANSWER[:cut]) == b""
    assert tcp_found(TCP_REQUEST, TCP_ANSWER[:cut]) == b""


def test_an_answer_is_found_with_its_last_byte() -> None:
    for finder, frame in ((RtuAnswerFinder(RTU_REQUEST), RTU_ANSWER), (TcpAnswerFinder(TCP_REQUEST), TCP_ANSWER)):
        assert [finder.feed(byte) for byte in in_single_bytes(frame)] == [b""] * (len(frame) - 1) + [frame]


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_an_rtu_answer_is_found_among_noise(before: bytes, after: bytes) -> None:
    assert rtu_found(RTU_REQUEST, before + RTU_ANSWER + after) == RTU_ANSWER
    assert rtu_found(RTU_REQUEST, RTU_REQUEST + before + RTU_ANSWER + after) == RTU_ANSWER


@given(st.lists(st.sampled_from([17, 3, 0x83, 6, 0xFF]), max_size=200).map(bytes), st.binary(max_size=50))
def test_an_rtu_answer_is_found_among_noise_that_looks_like_beginnings_of_it(before: bytes, after: bytes) -> None:
    assert rtu_found(RTU_REQUEST, before + RTU_ANSWER + after) == RTU_ANSWER


@given(st.integers(0, 0xFFFF), st.integers(1, 125), st.randoms(use_true_random=False))
def test_an_rtu_answer_of_any_length_is_found_after_noise_of_any_length(address: int, count: int, dice: Any) -> None:
    answer = rtu(17, struct.pack(">BB", 3, 2 * count) + dice.randbytes(2 * count))
    noise = dice.randbytes(dice.randrange(MOST_NOISE - len(answer)))
    assert rtu_found(rtu(17, struct.pack(">BHH", 3, address, count)), noise + answer) == answer


@given(st.lists(st.integers(0, 6)), st.binary(max_size=50))
def test_tcp_answers_to_earlier_requests_are_passed_over(earlier: list[int], after: bytes) -> None:
    late = b"".join(mbap(transaction, 17, TELL) for transaction in earlier)
    assert tcp_found(TCP_REQUEST, late + TCP_ANSWER + after) == TCP_ANSWER


@given(st.integers(0, 8 * len(RTU_ANSWER) - 1))
def test_an_rtu_answer_with_a_flipped_bit_is_not_accepted(position: int) -> None:
    spoilt = bytearray(RTU_ANSWER)
    spoilt[position // 8] ^= 1 << position % 8
    assert rtu_found(RTU_REQUEST, bytes(spoilt)) == b""


EMBEDDED = (rtu(17, b"\x83\x02"), rtu(17, b"\x03\x02\x00\x07"), rtu(17, TELL), RTU_REQUEST, b"\x11\x03", b"\x00")
"""What registers may hold."""


@given(st.lists(st.sampled_from(EMBEDDED), min_size=1, max_size=10).map(b"".join), st.sets(st.integers(0, 255)))
def test_an_rtu_answer_is_found_whatever_its_registers_hold(data: bytes, places: set[int]) -> None:
    data += bytes(len(data) % 2)
    request = rtu(17, struct.pack(">BHH", 3, 107, len(data) // 2))
    answer = rtu(17, struct.pack(">BB", 3, len(data)) + data)
    assert rtu_found(request, answer) == answer
    assert outcome(RtuAnswerFinder(request), cut(answer, places)) == (answer, "")
    assert outcome(RtuAnswerFinder(request), in_single_bytes(answer)) == (answer, "")


ECHO_LIKE_AN_ANSWER = rtu(1, struct.pack(">BHH", 1, 0x0300, 24))
"""A request whose bytes are a right answer to it: three bytes of coils, with their CRC."""


def test_an_rtu_echo_is_passed_over_even_where_it_looks_like_the_answer() -> None:
    answer = rtu(1, b"\x01\x03\xff\x00\xff")
    for pieces in ([ECHO_LIKE_AN_ANSWER, answer], in_single_bytes(ECHO_LIKE_AN_ANSWER + answer)):
        assert outcome(RtuAnswerFinder(ECHO_LIKE_AN_ANSWER), pieces) == (answer, "")


@pytest.mark.parametrize("code", [1, 2, 11, 77])
def test_an_exception_is_an_answer(code: int) -> None:
    refusal = bytes([0x83, code])
    assert rtu_found(RTU_REQUEST, rtu(17, refusal)) == rtu(17, refusal)
    assert tcp_found(TCP_REQUEST, mbap(7, 17, refusal)) == mbap(7, 17, refusal)


@pytest.mark.parametrize("count", [1, 8, 9, 2000])
def test_bits_are_counted_in_whole_bytes(count: int) -> None:
    ask = struct.pack(">BHH", 1, 0, count)
    tell = bytes([1, (count + 7) // 8]) + bytes((count + 7) // 8)
    assert rtu_found(rtu(1, ask), rtu(1, tell)) == rtu(1, tell)
    assert tcp_found(mbap(1, 1, ask), mbap(1, 1, tell)) == mbap(1, 1, tell)


MISFITS = {
    "fewer registers": ("03 04 022B 0000", "length: 4 bytes instead of 6"),
    "more registers": ("03 08 022B 0000 0064 0001", "length: 8 bytes instead of 6"),
    "more bytes than the byte count": ("03 06 022B 0000 0064 00", "length: 7 bytes instead of 6"),
    "fewer bytes than the byte count": ("03 06 022B 0000", "length: 4 bytes instead of 6"),
    "another byte count": ("03 04 022B 0000 0064", "length: 4 bytes instead of 6"),
    "another function": ("04 06 022B 0000 0064", "function 4 instead of 3"),
    "an exception to another function": ("84 02", "function 4 instead of 3"),
}


@pytest.mark.parametrize(
    ("pdu", "words"), [(bytes.fromhex(pdu), words) for pdu, words in MISFITS.values()], ids=MISFITS
)
def test_a_frame_that_does_not_fit_the_request_is_not_accepted_and_it_is_said_why(pdu: bytes, words: str) -> None:
    with pytest.raises(InvalidAnswer, match=words):
        tcp_found(TCP_REQUEST, mbap(7, 17, pdu))
    with contextlib.suppress(InvalidAnswer):
        assert rtu_found(RTU_REQUEST, rtu(17, pdu)) == b""


@pytest.mark.parametrize("pdu", [b"", b"\x03", b"\x83"], ids=["nothing", "a function code", "half an exception"])
def test_a_frame_without_contents_is_no_answer(pdu: bytes) -> None:
    finder = TcpAnswerFinder(TCP_REQUEST)
    assert finder.feed(mbap(7, 17, pdu)) == finder.last_look() == b""
    assert rtu_found(RTU_REQUEST, rtu(17, pdu)) == b""


@pytest.mark.parametrize("count", [0, 2, 4, 250, 255])
def test_an_rtu_frame_of_this_unit_and_function_with_another_length_is_an_error_at_once(count: int) -> None:
    with pytest.raises(InvalidAnswer, match=f"length: {count} bytes instead of 6"):
        rtu_found(RTU_REQUEST, b"\x00\x11\x03" + rtu(17, bytes([3, count]) + bytes(count)))


def test_a_tcp_answer_of_another_unit_is_an_error_at_once() -> None:
    with pytest.raises(InvalidAnswer, match="unit 18 instead of 17"):
        tcp_found(TCP_REQUEST, mbap(7, 18, TELL))


@pytest.mark.parametrize(
    "heard",
    [mbap(7, 17, TELL, protocol=1), b"HTTP/1.1 400 Bad Request\r\n", bytes(12), b"\xff" * 300],
    ids=["protocol", "HTTP", "zeros", "ones"],
)
def test_tcp_bytes_without_any_frame_in_them_are_no_modbus(heard: bytes) -> None:
    finder = TcpAnswerFinder(TCP_REQUEST)
    assert finder.feed(heard) == finder.last_look() == b""
    assert finder.oddity() == "what it answers is not Modbus/TCP"


BABBLE = {
    "a line that is stuck": (RtuAnswerFinder, RTU_REQUEST, b"\x55"),
    "beginnings of the longest frames": (RtuAnswerFinder, RTU_REQUEST, b"\x11\x03\xff"),
    "beginnings at every other byte": (RtuAnswerFinder, rtu(0xF7, ASK), b"\xf7\x03"),
    "beginnings at every byte": (RtuAnswerFinder, rtu(3, ASK), b"\x03"),
    "beginnings of the answer": (RtuAnswerFinder, RTU_REQUEST, b"\x11\x03\x06"),
    "beginnings of exceptions": (RtuAnswerFinder, RTU_REQUEST, b"\x11\x83"),
    "frames of other units": (RtuAnswerFinder, RTU_REQUEST, rtu(18, TELL)),
    "the shortest other answers": (TcpAnswerFinder, TCP_REQUEST, mbap(6, 17, b"\x83\x02")),
    "the longest frames that are none": (TcpAnswerFinder, TCP_REQUEST, mbap(6, 17, bytes(253))),
    "zeros": (TcpAnswerFinder, TCP_REQUEST, b"\x00"),
    "headers": (TcpAnswerFinder, TCP_REQUEST, b"\x00\x07\x00\x00\x00"),
    "the longest other answers": (TcpAnswerFinder, TCP_REQUEST, mbap(6, 17, b"\x03\xfa" + bytes(250))),
}
"""What a device may send without end: the finder, the request, and what is sent again and again."""

babble = pytest.mark.parametrize(("finder_for", "request_", "block"), BABBLE.values(), ids=BABBLE)
PIECES = (1, 2, 7, 255, 1 << 17)
"""Bytes that come at once."""


def most(finder_for: type[TcpAnswerFinder | RtuAnswerFinder]) -> int:
    return MOST_OTHERS if finder_for is TcpAnswerFinder else MOST_NOISE


@babble
@pytest.mark.parametrize("size", PIECES)
def test_endless_babble_is_given_up(
    finder_for: type[TcpAnswerFinder | RtuAnswerFinder], request_: bytes, block: bytes, size: int
) -> None:
    end = most(finder_for)
    heard = block * (1 + end // len(block))
    assert outcome(finder_for(request_), cut(heard[:end], range(size, end, size))) == (b"", "")
    frame, error = outcome(finder_for(request_), cut(heard[: end + 1], range(size, end + 1, size)))
    assert frame == b""
    assert "noise" in error or "without end" in error
    # The rest of a chunk is as much.
    assert outcome(finder_for(request_), [block * (1 << 17)]) == (b"", error)


@pytest.mark.parametrize("is_late", [False, True], ids=["in time", "a byte too late"])
@pytest.mark.parametrize("size", PIECES)
def test_an_answer_counts_up_to_the_last_byte_that_is_listened_to(size: int, is_late: bool) -> None:
    before = 15 * mbap(6, 17, bytes(249))
    before += mbap(6, 17, bytes(MOST_OTHERS - len(before) - 7 - len(TCP_ANSWER) + is_late))
    noise = bytes(MOST_NOISE - len(RTU_ANSWER) + is_late)
    cases: list[tuple[AnswerFinder, bytes, bytes]] = [
        (RtuAnswerFinder(RTU_REQUEST), noise, RTU_ANSWER),
        (TcpAnswerFinder(TCP_REQUEST), before, TCP_ANSWER),
    ]
    for finder, others, answer in cases:
        heard = others + answer
        frame, error = outcome(finder, cut(heard, range(size, len(heard), size)))
        assert (frame, bool(error)) == ((b"", True) if is_late else (answer, False))


MODULES = {rtu_answer.__file__, rtu_crc.__file__, tcp_answer.__file__}


def lines_run(finder: AnswerFinder, pieces: Iterable[bytes]) -> int:
    """Count the lines of the modules that are run until there is an answer or an error."""
    count = 0

    def note(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return note

    def enter(frame: FrameType, event: str, argument: Any) -> Any:
        return note if frame.f_code.co_filename in MODULES else None

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        outcome(finder, pieces)
    finally:
        sys.settrace(before)
    return count


@babble
@pytest.mark.parametrize("size", PIECES)
def test_the_work_grows_with_the_bytes_and_not_with_their_square(
    finder_for: type[TcpAnswerFinder | RtuAnswerFinder], request_: bytes, block: bytes, size: int
) -> None:
    def work(end: int) -> int:
        heard = (block * (1 + end // len(block)))[:end]
        return lines_run(finder_for(request_), cut(heard, range(size, end, size)))

    quarter = most(finder_for) // 4
    _, second, third, fourth = (work(number * quarter) for number in range(1, 5))
    assert fourth - third < 1.1 * (third - second) + 100
    assert fourth < 100 * 4 * quarter
    # What comes beyond the bound costs nothing.
    assert work(1 << 17) < fourth + 100


RTU_PARTS = (
    RTU_ANSWER,
    RTU_REQUEST,
    rtu(17, b"\x83\x02"),
    rtu(17, b"\x03\x02\x00\x07"),
    rtu(18, TELL),
    rtu(17, b"\x03\x14" + rtu(17, TELL) + rtu(17, b"\x83\x02") + bytes(4)),
    RTU_ANSWER[:-1],
    b"\x11\x03\xff" * 200,
    b"\x11\x03\x06",
    bytes(600),
)
TCP_PARTS = (
    TCP_ANSWER,
    mbap(6, 17, TELL),
    mbap(8, 17, TELL),
    mbap(7, 17, b"\x83\x02"),
    mbap(7, 18, TELL),
    mbap(6, 17, bytes(253)) * 8,
    mbap(6, 17, bytes(253)) * 16,
    mbap(6, 17, TELL, protocol=1),
    TCP_ANSWER[:8],
)


def heard_of(parts: tuple[bytes, ...]) -> st.SearchStrategy[bytes]:
    part = st.one_of(st.sampled_from(parts), st.sampled_from(parts), st.binary(max_size=12))
    return st.lists(part, max_size=8).map(b"".join)


@given(heard_of(RTU_PARTS), st.sets(st.integers(1, 2500)))
def test_how_rtu_bytes_are_cut_into_pieces_makes_no_difference(heard: bytes, places: set[int]) -> None:
    at_once = outcome(RtuAnswerFinder(RTU_REQUEST), [heard])
    assert outcome(RtuAnswerFinder(RTU_REQUEST), cut(heard, places)) == at_once
    assert outcome(RtuAnswerFinder(RTU_REQUEST), in_single_bytes(heard)) == at_once


@given(heard_of(TCP_PARTS), st.sets(st.integers(1, 6000)))
def test_how_tcp_bytes_are_cut_into_pieces_makes_no_difference(heard: bytes, places: set[int]) -> None:
    at_once = outcome(TcpAnswerFinder(TCP_REQUEST), [heard])
    assert outcome(TcpAnswerFinder(TCP_REQUEST), cut(heard, places)) == at_once
    assert outcome(TcpAnswerFinder(TCP_REQUEST), in_single_bytes(heard)) == at_once


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_an_answer_no_answer_yet_or_an_error(heard: bytes, is_tcp: bool) -> None:
    try:
        frame = tcp_found(TCP_REQUEST, heard) if is_tcp else rtu_found(RTU_REQUEST, heard)
    except InvalidAnswer:
        return
    assert frame in heard
    assert frame == b"" or len(frame) in (len(TCP_ANSWER if is_tcp else RTU_ANSWER), 9 if is_tcp else 5)
