"""A Modbus link over a serial port: a pty, at whose other end a small RTU device answers."""

import asyncio
import fcntl
import os
import select
import struct
import threading
import time
import tty
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest

from inviseobox.acquisition.modbus_link import ModbusLink
from inviseobox.devices.links import SerialLink
from inviseobox.devices.registers import FunctionCode, Span
from inviseobox.errors import InvalidAnswer, LinkDown, NoAnswer, ReadError, Refused
from inviseobox.network.name_lookup import NameLookups
from tests.support.modbus_frames import crc, rtu
from tests.support.virtual_time import until

from .frames import Asked, holding, registers, right, values

TIMEOUT = 0.3

Act = Callable[[Asked], Sequence[tuple[float, bytes]]]
"""What the device sends: bytes, each with the seconds that it waits before."""


class Device:
    """An RTU device in a thread of its own."""

    def __init__(self, act: Act) -> None:
        self._act = act
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._number = 0
        self.asked: list[Asked] = []
        self.noise: list[bytes] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(10)
        os.close(self._master)
        os.close(self._slave)

    def _serve(self) -> None:
        held = b""
        while not self._stop.is_set():
            ready, _, _ = select.select([self._master], [], [], 0.05)
            if not ready:
                # Silence ends a frame.
                if held:
                    self.noise.append(held)
                held = b""
                continue
            held += os.read(self._master, 4096)
            while len(held) >= 8 and crc(held[:6]) == held[6:8]:
                self._answer(*struct.unpack(">BBHH", held[:6]))
                held = held[8:]

    def _answer(self, unit: int, function: int, address: int, count: int) -> None:
        self._number += 1
        asked = Asked(0, unit, function, address, count, self._number)
        self.asked.append(asked)
        for pause, data in self._act(asked):
            # A device is slow by waiting; who asks does not wait for this thread.
            time.sleep(pause)
            os.write(self._master, data)


@contextmanager
def bus(act: Act) -> Iterator[Device]:
    device = Device(act)
    device.start()
    try:
        yield device
    finally:
        device.stop()


def honest(asked: Asked) -> Sequence[tuple[float, bytes]]:
    return [(0, rtu(asked.unit, right(asked)))]


@asynccontextmanager
async def linked(port: str, baudrate: int = 9600, timeout: float = TIMEOUT) -> AsyncIterator[ModbusLink]:
    link = ModbusLink(SerialLink(port, baudrate), timeout, NameLookups())
    try:
        yield link
    finally:
        await link.close()


def with_link(act: Act, scenario: Callable[[ModbusLink, Device], object], timeout: float = TIMEOUT) -> None:
    async def run() -> None:
        with bus(act) as device:
            async with linked(device.port, timeout=timeout) as link:
                await scenario(link, device)  # type: ignore[misc]
            assert device.noise == [], "only whole requests may go out"

    asyncio.run(run())


def test_all_four_function_codes_are_read_over_a_serial_port() -> None:
    spans = [
        Span(1, FunctionCode.COILS, 0, 1),
        Span(1, FunctionCode.COILS, 5, 13),
        Span(2, FunctionCode.DISCRETE_INPUTS, 100, 16),
        Span(247, FunctionCode.HOLDING_REGISTERS, 1000, 125),
        Span(3, FunctionCode.INPUT_REGISTERS, 52, 2),
    ]

    async def scenario(link: ModbusLink, device: Device) -> None:
        for span in spans:
            assert await link.read(span) == values(span), span

    with_link(honest, scenario)


def test_an_exception_keeps_its_code() -> None:
    async def scenario(link: ModbusLink, device: Device) -> None:
        with pytest.raises(Refused, match="illegal data address") as refused:
            await link.read(holding(3, 2))
        assert refused.value.exception_code == 2
        assert await link.read(holding(3, 2)) == [3, 4]

    def refusing(asked: Asked) -> Sequence[tuple[float, bytes]]:
        return [(0, rtu(asked.unit, b"\x83\x02"))] if asked.number == 1 else honest(asked)

    with_link(refusing, scenario)


@pytest.mark.parametrize("cut", [1, 2, 3, 5, 9])
def test_a_serial_answer_in_two_pieces_is_read(cut: int) -> None:
    def halting(asked: Asked) -> Sequence[tuple[float, bytes]]:
        frame = rtu(asked.unit, right(asked))
        return [(0, frame[:cut]), (0.02, frame[cut:])]

    async def scenario(link: ModbusLink, device: Device) -> None:
        for address in (7, 70, 700):
            assert await link.read(holding(address, 4)) == values(holding(address, 4))

    with_link(halting, scenario, timeout=2)


FAULTS: dict[str, Callable[[Asked], bytes]] = {
    "silence": lambda asked: b"",
    "the wrong CRC": lambda asked: rtu(asked.unit, right(asked))[:-2] + b"\x00\x00",
    "CRC bytes swapped": lambda asked: rtu(asked.unit, right(asked))[:-2] + rtu(asked.unit, right(asked))[:-3:-1],
    "a truncated frame": lambda asked: rtu(asked.unit, right(asked))[:-3],
    "half a frame": lambda asked: rtu(asked.unit, right(asked))[:4],
    "one byte": lambda asked: bytes([asked.unit]),
    "noise": lambda asked: bytes(range(255, 200, -1)),
    "zeros": lambda asked: bytes(64),
    "the wrong unit": lambda asked: rtu(asked.unit + 1, right(asked)),
    "the wrong function code": lambda asked: rtu(asked.unit, bytes([4]) + right(asked)[1:]),
    "too few registers": lambda asked: rtu(asked.unit, registers(*range(asked.count - 1))),
    "too many registers": lambda asked: rtu(asked.unit, registers(*range(asked.count + 1))),
    "the request itself": lambda asked: rtu(
        asked.unit, struct.pack(">BHH", asked.function, asked.address, asked.count)
    ),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_serial_frame_that_is_not_the_answer_is_an_error(fault: Callable[[Asked], bytes]) -> None:
    def faulty(asked: Asked) -> Sequence[tuple[float, bytes]]:
        return [(0, fault(asked))] if asked.number == 2 else honest(asked)

    async def scenario(link: ModbusLink, device: Device) -> None:
        assert await link.read(holding(0, 1)) == [0]
        with pytest.raises((NoAnswer, InvalidAnswer)) as raised:
            await link.read(holding(0x1111, 4))
        assert "Modbus Error" not in str(raised.value)
        assert await link.read(holding(0x2222, 4)) == [0x2222, 0x2223, 0x2224, 0x2225]

    with_link(faulty, scenario)


@pytest.mark.parametrize("noise", [b"\x00", b"\xff\xff", b"\x01\x03", b"\x00" * 20, bytes(range(50))])
def test_noise_before_a_frame_costs_one_request_at_most(noise: bytes) -> None:
    def noisy(asked: Asked) -> Sequence[tuple[float, bytes]]:
        frame = rtu(asked.unit, right(asked))
        return [(0, noise + frame)] if asked.number == 1 else [(0, frame)]

    async def scenario(link: ModbusLink, device: Device) -> None:
        with suppress(NoAnswer, InvalidAnswer):
            assert await link.read(holding(0x1111, 2)) == [0x1111, 0x1112]
        assert await link.read(holding(0x2222, 2)) == [0x2222, 0x2223]

    with_link(noisy, scenario)


@pytest.mark.parametrize("delay", [0.1, 0.35, 0.5, 0.65])
def test_a_late_serial_answer_is_never_taken_for_that_of_the_next_request(delay: float) -> None:
    """Equal unit, function code and count: only that it comes late tells it from the right one."""

    def late(asked: Asked) -> Sequence[tuple[float, bytes]]:
        return [(delay if asked.number == 2 else 0, rtu(asked.unit, right(asked, offset=asked.number)))]

    async def scenario(link: ModbusLink, device: Device) -> None:
        for number in range(1, 4):
            try:
                assert await link.read(holding(100, 2)) == [100 + number, 101 + number]
            except (NoAnswer, InvalidAnswer):
                assert number == 2
                assert delay > TIMEOUT

    with_link(late, scenario)


def failing_to_open(port: str, baudrate: int = 9600) -> ReadError:
    async def run() -> ReadError:
        async with linked(port, baudrate) as link:
            with pytest.raises(LinkDown) as raised:
                await link.read(holding(1, 1))
        return raised.value

    return asyncio.run(run())


def test_a_port_that_is_not_there_says_so() -> None:
    assert "No such file" in str(failing_to_open("/dev/serial/by-id/usb-nobody-plugged-this-in"))


def test_a_path_that_is_not_a_serial_port_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a port")
    for port in (str(tmp_path / "file"), str(tmp_path), "/dev/null"):
        assert "serial port" in str(failing_to_open(port)), port


def test_a_port_that_another_program_uses_says_so() -> None:
    with bus(honest) as device:
        other = os.open(device.port, os.O_RDWR | os.O_NOCTTY)
        try:
            fcntl.flock(other, fcntl.LOCK_EX)
            assert "another program" in str(failing_to_open(device.port))
        finally:
            os.close(other)


def test_a_port_that_vanishes_is_noticed_and_found_again(tmp_path: Path) -> None:
    port = tmp_path / "port"

    async def scenario() -> None:
        async with linked(str(port), timeout=5) as link:
            with bus(honest) as device:
                port.symlink_to(device.port)
                assert await link.read(holding(1, 1)) == [1]
            began = time.monotonic()
            with pytest.raises((NoAnswer, LinkDown)):
                await link.read(holding(1, 1))
            assert time.monotonic() - began < 2
            port.unlink()
            with pytest.raises(LinkDown):
                await link.read(holding(1, 1))
            with bus(honest) as device:
                port.symlink_to(device.port)
                assert await link.read(holding(1, 1)) == [1]

    asyncio.run(scenario())


def test_a_cancelled_serial_read_ends_at_once_and_leaves_the_link_usable() -> None:
    def silent_at_first(asked: Asked) -> Sequence[tuple[float, bytes]]:
        return [] if asked.number == 1 else honest(asked)

    async def scenario(link: ModbusLink, device: Device) -> None:
        reading = asyncio.ensure_future(link.read(holding(1, 1)))
        await until(lambda: bool(device.asked), within=5)
        began = time.monotonic()
        reading.cancel()
        await asyncio.wait([reading], timeout=5)
        assert reading.cancelled()
        assert time.monotonic() - began < 0.5
        assert await link.read(holding(2, 1)) == [2]

    with_link(silent_at_first, scenario, timeout=30)


@pytest.mark.parametrize("turns", range(6))
def test_a_serial_read_may_be_cancelled_while_the_port_is_opened(turns: int) -> None:
    async def scenario(link: ModbusLink, device: Device) -> None:
        reading = asyncio.ensure_future(link.read(holding(1, 1)))
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading], timeout=5)
        assert reading.cancelled() or reading.result() == [1]
        assert await link.read(holding(2, 1)) == [2]

    with_link(honest, scenario, timeout=30)


def is_free(port: int) -> bool:
    try:
        fcntl.flock(port, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def test_the_serial_port_is_held_exclusively() -> None:
    async def scenario(link: ModbusLink, device: Device) -> None:
        await link.read(holding(1, 1))
        other = os.open(device.port, os.O_RDWR | os.O_NOCTTY)
        try:
            assert not is_free(other)
            await link.close()
            await until(lambda: is_free(other), within=2)
        finally:
            os.close(other)

    with_link(honest, scenario)
