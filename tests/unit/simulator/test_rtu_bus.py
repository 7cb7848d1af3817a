"""Units on a pseudo-terminal, asked with raw bytes by a port of its own."""

import asyncio
import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
import serial

from inviseobox.simulator.faults import Deformed, HangUp, InTwoParts, Late, Refuse, Silent, Slow, Twice, WrongUnit
from inviseobox.simulator.modbus_pdu import UnitImage
from inviseobox.simulator.modbus_reply import Fault
from inviseobox.simulator.modbus_units import ModbusUnits
from inviseobox.simulator.noise import echo, garbage_before, wrong_crc
from inviseobox.simulator.rtu_bus import RtuBus
from inviseobox.simulator.rtu_frame import sealed

WITHIN = 10.0
QUIET = 0.2
"""Silence after which no answer is expected any more, in seconds."""

IMAGE: UnitImage = {3: {107: 0x022B, 108: 0, 109: 0x0064, **dict.fromkeys(range(200, 325), 0x5AA5)}}
ASKED = sealed(17, bytes.fromhex("03 006B 0003"))
TOLD = sealed(17, bytes.fromhex("03 06 022B 0000 0064"))
LONG, LONG_TOLD = sealed(17, bytes.fromhex("03 00C8 007D")), sealed(17, bytes.fromhex("03 FA" + "5AA5" * 125))

T = TypeVar("T")


class Master:
    """The other end of the line, in a thread of its own."""

    def __init__(self, bus: RtuBus, loop: asyncio.AbstractEventLoop) -> None:
        self.bus = bus
        self._loop = loop

    @contextmanager
    def opened(self, speed: int = 9600) -> Iterator[serial.Serial]:
        with serial.Serial(str(self.bus.path), speed, timeout=WITHIN, exclusive=True) as port:
            yield port

    def hears(self, request: bytes, length: int = 300) -> bytes:
        """Return the answer to `request`: `length` bytes, or what came before the line fell quiet."""
        with self.opened() as port:
            return self.exchange(port, request, length)

    def exchange(self, port: serial.Serial, request: bytes, length: int = 300) -> bytes:
        port.write(request)
        port.timeout = QUIET
        answer = b""
        while len(answer) < length and (more := port.read(1)):
            answer += more
        return answer

    def call(self, function: Callable[[], T]) -> T:
        async def called() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(called(), self._loop).result(WITHIN)

    def wait_for_requests(self, count: int) -> None:
        """Block until the bus has heard `count` requests."""
        deadline = time.monotonic() + WITHIN
        while self.call(lambda: len(self.bus.units.asked)) < count:
            assert time.monotonic() < deadline

    def vanish(self) -> None:
        asyncio.run_coroutine_threadsafe(self.bus.vanish(), self._loop).result(WITHIN)

    def return_(self) -> None:
        asyncio.run_coroutine_threadsafe(self.bus.return_(), self._loop).result(WITHIN)


def on_a_bus(folder: Path, scenario: Callable[[Master], None], *faults: Fault, baudrate: int | None = None) -> RtuBus:
    """Run `scenario` beside a bus with unit 17, and 18 which is well."""

    async def run() -> RtuBus:
        bus = RtuBus(ModbusUnits({17: lambda: IMAGE, 18: lambda: IMAGE}), folder / "by-id" / "port", baudrate=baudrate)
        bus.units.set_faults(17, *faults)
        await bus.start()
        try:
            await asyncio.to_thread(scenario, Master(bus, asyncio.get_running_loop()))
        finally:
            await bus.stop()
        return bus

    return asyncio.run(run())


def answer_with(folder: Path, *faults: Fault, request: bytes = ASKED) -> bytes:
    answers = []
    on_a_bus(folder, lambda master: answers.append(master.hears(request)), *faults)
    return answers[0]


def test_the_specification_s_example_in_a_serial_frame(tmp_path: Path) -> None:
    def scenario(master: Master) -> None:
        assert master.hears(bytes.fromhex("11 03 006B 0003 7687"), 11) == TOLD

    bus = on_a_bus(tmp_path, scenario)
    assert TOLD[:-2] == bytes.fromhex("11 03 06 022B 0000 0064")
    assert [(asked.unit, asked.pdu) for asked in bus.units.asked] == [(17, ASKED[1:-2])]


@pytest.mark.parametrize(
    "request_frame",
    [ASKED[:-1], ASKED[:-1] + bytes([ASKED[-1] ^ 1]), b"\xff" + ASKED, ASKED + ASKED, b"\x11"],
    ids=["truncated", "wrong CRC", "something before", "two at once", "one byte"],
)
def test_bytes_that_are_not_a_frame_are_not_answered_and_forgotten(tmp_path: Path, request_frame: bytes) -> None:
    def scenario(master: Master) -> None:
        with master.opened() as port:
            assert master.exchange(port, request_frame) == b""
            assert master.exchange(port, ASKED, len(TOLD)) == TOLD

    bus = on_a_bus(tmp_path, scenario)
    assert bus.line.rubbish == [request_frame]
    assert [heard.frame for heard in bus.line.frames] == [ASKED]


def test_a_frame_may_come_in_pieces(tmp_path: Path) -> None:
    def scenario(master: Master) -> None:
        with master.opened() as port:
            for byte in ASKED[:-1]:
                port.write(bytes([byte]))
                port.flush()
            assert master.exchange(port, ASKED[-1:], len(TOLD)) == TOLD

    on_a_bus(tmp_path, scenario)


def test_another_unit_and_a_broadcast_are_not_answered(tmp_path: Path) -> None:
    def scenario(master: Master) -> None:
        for unit in (19, 0):
            assert master.hears(sealed(unit, ASKED[1:-2])) == b""
        assert master.hears(sealed(18, ASKED[1:-2]), len(TOLD)) == sealed(18, TOLD[1:-2])

    bus = on_a_bus(tmp_path, scenario)
    assert [asked.unit for asked in bus.units.asked] == [19, 0, 18]


def test_bytes_take_their_time_on_the_serial_line(tmp_path: Path) -> None:
    character = 11 / 9600

    def scenario(master: Master) -> None:
        with master.opened() as port:
            began = time.monotonic()
            port.write(LONG)
            arrivals = []
            for _ in LONG_TOLD:
                assert port.read(1)
                arrivals.append(time.monotonic() - began)
        first, last = (8 + 3.5 + 1) * character, (8 + 3.5 + len(LONG_TOLD)) * character
        assert first <= arrivals[0] < last
        assert last <= arrivals[-1]
        assert all(arrival >= first + number * character for number, arrival in enumerate(arrivals))

    on_a_bus(tmp_path, scenario, baudrate=9600)


def test_the_serial_line_tells_how_long_it_was_silent(tmp_path: Path) -> None:
    pause = 0.05

    def scenario(master: Master) -> None:
        with master.opened() as port:
            master.exchange(port, ASKED, len(TOLD))
            time.sleep(pause)  # a pause is what is measured here
            master.exchange(port, ASKED, len(TOLD))

    first, second = on_a_bus(tmp_path, scenario, baudrate=9600).line.frames
    assert first.silence == float("inf")
    assert pause <= second.silence < WITHIN


def test_a_port_at_the_wrong_speed_hears_nothing(tmp_path: Path) -> None:
    def scenario(master: Master) -> None:
        with master.opened(19_200) as port:
            assert master.exchange(port, ASKED) == b""
        assert master.hears(ASKED, len(TOLD)) == TOLD

    bus = on_a_bus(tmp_path, scenario, baudrate=9600)
    assert (bus.line.rubbish, len(bus.units.asked)) == ([ASKED], 1)


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        (Silent(), b""),
        (Refuse(2), sealed(17, b"\x83\x02")),
        (Deformed(wrong_crc), wrong_crc(TOLD, ASKED)),
        (Deformed(garbage_before(b"\xfe\x00")), b"\xfe\x00" + TOLD),
        (Deformed(echo), ASKED + TOLD),
        (WrongUnit(), sealed(18, TOLD[1:-2])),
        (Twice(), TOLD + TOLD),
        (HangUp(4), TOLD[:4]),
        (InTwoParts(QUIET / 2), TOLD),
    ],
    ids=lambda part: type(part).__name__,
)
def test_faults_on_the_serial_line(tmp_path: Path, fault: Fault, answer: bytes) -> None:
    assert answer_with(tmp_path, fault) == answer


def test_a_slow_answer_on_the_serial_line_is_slow(tmp_path: Path) -> None:
    def scenario(master: Master) -> None:
        with master.opened() as port:
            began = time.monotonic()
            port.write(ASKED)
            assert port.read(len(TOLD)) == TOLD
            assert time.monotonic() - began >= 0.3

    on_a_bus(tmp_path, scenario, Slow(0.3))


def test_an_answer_in_two_parts_has_a_pause(tmp_path: Path) -> None:
    def scenario(master: Master) -> None:
        with master.opened() as port:
            port.write(ASKED)
            assert port.read(3) == TOLD[:3]
            began = time.monotonic()
            assert port.read(len(TOLD) - 3) == TOLD[3:]
            assert time.monotonic() - began >= 0.2

    on_a_bus(tmp_path, scenario, InTwoParts(0.25, first=3))


def test_a_late_answer_comes_after_that_of_the_next_request(tmp_path: Path) -> None:
    well = sealed(18, TOLD[1:-2])

    def scenario(master: Master) -> None:
        with master.opened() as port:
            port.write(ASKED)
            # Two requests at once would be one noise: the first must have been heard.
            master.wait_for_requests(1)
            assert master.exchange(port, sealed(18, ASKED[1:-2]), len(well)) == well
            port.timeout = WITHIN
            assert port.read(len(TOLD)) == TOLD

    on_a_bus(tmp_path, scenario, Late(0.5))


def test_requests_while_an_answer_is_on_the_line_are_counted(tmp_path: Path) -> None:
    def scenario(master: Master) -> None:
        with master.opened() as port:
            port.write(LONG)
            port.read(1)
            assert master.exchange(port, sealed(18, ASKED[1:-2]), 1000) == LONG_TOLD[1:] + sealed(18, TOLD[1:-2])

    assert on_a_bus(tmp_path, scenario, baudrate=9600).line.overlaps == 8


def test_the_serial_adapter_is_pulled_out_and_put_back(tmp_path: Path) -> None:
    def scenario(master: Master) -> None:
        path = master.bus.path
        assert path.is_char_device()
        assert path.readlink() == master.bus.device
        with master.opened() as port:
            assert master.exchange(port, ASKED, len(TOLD)) == TOLD
            master.vanish()
            assert os.read(port.fd, 1) == b""
            with pytest.raises(OSError, match=os.strerror(errno.EIO)):
                os.write(port.fd, ASKED)
        assert not path.is_symlink()
        with pytest.raises(FileNotFoundError):
            os.open(path, os.O_RDWR)
        master.vanish()
        master.return_()
        assert master.hears(ASKED, len(TOLD)) == TOLD

    bus = on_a_bus(tmp_path, scenario)
    assert not bus.path.is_symlink()


def test_an_answer_under_way_is_lost_with_the_adapter(tmp_path: Path) -> None:
    def scenario(master: Master) -> None:
        with master.opened() as port:
            port.write(ASKED)
            master.wait_for_requests(1)
            master.vanish()
            master.return_()
        assert master.hears(sealed(18, ASKED[1:-2])) == sealed(18, TOLD[1:-2])

    on_a_bus(tmp_path, scenario, Slow(0.1))


def test_a_taken_path_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "port"
    path.touch()
    with pytest.raises(FileExistsError):
        asyncio.run(RtuBus(ModbusUnits({}), path).start())


def test_a_port_that_nobody_reads_loses_bytes_and_goes_on(tmp_path: Path) -> None:
    def scenario(master: Master) -> None:
        with master.opened() as port:
            for count in range(1, 101):
                port.write(LONG)
                master.wait_for_requests(count)
            kept = master.exchange(port, b"", 100 * len(LONG_TOLD))
            assert kept.startswith(LONG_TOLD)
            assert len(kept) < 100 * len(LONG_TOLD)
            assert master.exchange(port, ASKED, len(TOLD)) == TOLD

    on_a_bus(tmp_path, scenario)
