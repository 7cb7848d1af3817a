"""Whether another master asks on a line: by its requests, or by answers of units that nobody asked here."""

import random
import struct

import pytest

from inviseobox.acquisition.line_watch import REMEMBERED, LineWatch
from tests.support.modbus_frames import rtu


def ask(unit: int, address: int, count: int, function: int = 3) -> bytes:
    return rtu(unit, struct.pack(">BHH", function, address, count))


def tell(unit: int, *values: int, function: int = 3) -> bytes:
    return rtu(unit, struct.pack(f">BB{len(values)}H", function, 2 * len(values), *values))


OURS = ask(1, 100, 2)


def watch() -> LineWatch:
    line = LineWatch()
    line.asked(OURS)
    return line


OTHERS = {
    "a read": ask(1, 200, 2),
    "a read of another unit": ask(9, 0, 10),
    "a read that looks like an answer": ask(1, 0x0300, 1),
    "a read that looks like the beginning of a long answer": ask(1, 0x4000, 1),
    "a write with its answer": 2 * rtu(1, bytes.fromhex("06 0001 0003")),
    "behind noise": b"\x00\xff\x01\x03" + ask(1, 200, 2),
}


@pytest.mark.parametrize("size", [1, 10_000])
@pytest.mark.parametrize("frame", OTHERS.values(), ids=OTHERS)
def test_one_request_that_is_not_ours_is_another_masters(frame: bytes, size: int) -> None:
    line = watch()
    for start in range(0, len(frame), size):
        line.hear(frame[start : start + size], 10.0)
    # What could be the beginning of something longer is judged when the next bytes come.
    line.hear(b"\x00", 20.0)
    assert line.hears_another(20.0)
    assert line.hears_another(10.0 + REMEMBERED - 1)
    assert not line.hears_another(10.0 + REMEMBERED + 1)


def test_two_answers_of_a_unit_that_nobody_asked_are_another_masters() -> None:
    for frame in (tell(9, 1, 2, 3), rtu(9, b"\x83\x02"), tell(1, 5, function=4)):
        line = watch()
        line.hear(frame, 10.0)
        assert not line.hears_another(10.0)
        line.hear(frame, 3000.0)
        assert line.hears_another(3000.0)
        assert not line.hears_another(3000.0 + REMEMBERED + 1)


def test_two_answers_more_than_an_hour_apart_are_none() -> None:
    line = watch()
    for now in (10.0, 4000.0):
        line.hear(tell(9, 1), now)
        assert not line.hears_another(now)


def test_late_and_doubled_answers_of_our_own_and_echoes_are_none() -> None:
    line = watch()
    line.asked(ask(1, 0x0300, 24, function=1))
    for second in range(100):
        for frame in (
            OURS,
            tell(1, 7, 8),
            tell(1, 7, 8),
            tell(1, 7),
            rtu(1, b"\x83\x02"),
            rtu(1, b"\x01\x03\x00\x00\x07"),
        ):
            line.hear(frame, second + 0.5)
            line.hear(b"\x00" + frame + b"\xff", second + 0.6)
    assert not line.hears_another(100.0)


def test_a_unit_that_is_asked_later_is_one_of_ours() -> None:
    line = watch()
    for now in (1.0, 2.0):
        line.hear(tell(2, 1), now)
    assert line.hears_another(2.0)
    line.asked(ask(2, 0, 1))
    assert not line.hears_another(2.0)


def test_what_registers_hold_is_no_frame_on_the_line() -> None:
    inner = ask(9, 0, 10) + tell(9, 1)
    inner += bytes(len(inner) % 2)
    outer = rtu(1, bytes([3, len(inner)]) + inner)
    for size in (1, 10_000):
        line = watch()
        for now in range(5):
            for start in range(0, len(outer), size):
                line.hear(outer[start : start + size], float(now))
        assert not line.hears_another(5.0)


def test_random_noise_is_nobody() -> None:
    dice = random.Random(11)  # noqa: S311
    line = watch()
    for number in range(4000):
        line.hear(dice.randbytes(dice.randrange(1, 60)), number / 4)
        assert not line.hears_another(number / 4)


def test_a_line_that_babbles_costs_a_bounded_number_of_bytes() -> None:
    """And when it has become quiet, another master is heard."""
    line = watch()
    for number in range(1000):
        line.hear(b"\x01\x03\xff" * 100_000, number / 1000)
    line.hear(ask(9, 0, 10), 10.0)
    assert line.hears_another(10.0)
