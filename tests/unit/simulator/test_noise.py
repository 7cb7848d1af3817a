"""Spoilt frames, byte by byte."""

import struct
from collections.abc import Callable

import pytest

from inviseobox.simulator import noise
from inviseobox.simulator.modbus_reply import Deformation
from inviseobox.simulator.rtu_frame import opened, sealed

ASKED = sealed(1, bytes.fromhex("03 0000 0001"))
RIGHT = sealed(1, bytes.fromhex("03 02 0007"))
TCP_ASKED = bytes.fromhex("0005 0000 0006 01 03 0000 0001")
TCP_RIGHT = bytes.fromhex("0005 0000 0005 01 03 02 0007")


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (noise.truncated(), RIGHT[:-1]),
        (noise.truncated(3), RIGHT[:-3]),
        (noise.garbage_before(b"\xfe"), b"\xfe" + RIGHT),
        (noise.echo, ASKED + RIGHT),
        (noise.only_echo, ASKED),
        (noise.crc_swapped, RIGHT[:-2] + bytes([RIGHT[-1], RIGHT[-2]])),
    ],
)
def test_noise_on_a_serial_line_is_what_its_name_says(how: Deformation, expected: bytes) -> None:
    assert how(RIGHT, ASKED) == expected


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (noise.wrong_transaction, "0004 0000 0005 01 03 02 0007"),
        (noise.wrong_protocol, "0005 0001 0005 01 03 02 0007"),
        (noise.length_too_great, "0005 0000 0009 01 03 02 0007"),
        (noise.length_too_small, "0005 0000 0003 01 03 02 0007"),
    ],
)
def test_noise_in_a_tcp_frame_is_what_its_name_says(how: Deformation, expected: str) -> None:
    assert how(TCP_RIGHT, TCP_ASKED) == bytes.fromhex(expected)


def test_a_wrong_transaction_of_the_first_request_is_the_last_possible_one() -> None:
    assert noise.wrong_transaction(bytes(12), b"")[:2] == struct.pack(">H", 0xFFFF)


def test_a_wrong_checksum_is_wrong() -> None:
    assert opened(noise.wrong_crc(RIGHT, ASKED)) is None
    assert noise.wrong_crc(RIGHT, ASKED)[:-2] == RIGHT[:-2]


@pytest.mark.parametrize(
    "make", [lambda seed: noise.flipped_bits(3, seed), lambda seed: noise.garbage_instead(seed=seed)]
)
def test_random_noise_is_the_same_each_time_and_different_from_frame_to_frame(
    make: Callable[[int], Deformation],
) -> None:
    first, same, other = make(1), make(1), make(2)
    frames = [first(RIGHT, ASKED) for _ in range(20)]
    assert frames == [same(RIGHT, ASKED) for _ in range(20)]
    assert frames != [other(RIGHT, ASKED) for _ in range(20)]
    assert len(set(frames)) > 15
    assert {len(frame) for frame in frames} == {len(RIGHT)}


def test_as_many_bits_are_flipped_as_asked_for() -> None:
    spoilt = int.from_bytes(noise.flipped_bits(3)(RIGHT, ASKED), "big")
    assert (spoilt ^ int.from_bytes(RIGHT, "big")).bit_count() == 3


def test_garbage_has_the_length_asked_for() -> None:
    assert len(noise.garbage_instead(300)(RIGHT, ASKED)) == 300
