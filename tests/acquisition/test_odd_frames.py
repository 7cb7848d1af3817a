"""Devices whose frames are odd: read all the same, over any transport, or named for what is odd."""

import asyncio
import logging
import re
import struct
from collections.abc import Callable

import pytest

from inviseobox import events
from inviseobox.acquisition.modbus_link import ModbusLink
from inviseobox.configuration import ModbusSettings
from inviseobox.devices.links import Framing
from inviseobox.errors import InvalidAnswer, NoAnswer, Refused
from inviseobox.network.name_lookup import NameLookups
from inviseobox.simulator.faults import Deformed, Refuse, WrongPdu, WrongUnit
from inviseobox.simulator.modbus_pdu import UnitImage
from inviseobox.simulator.modbus_reply import Asked, Fault, Replies
from tests.support import virtual_time
from tests.support.entries import modbus_device
from tests.support.modbus_frames import crc, mbap, rtu
from tests.support.tcp import serving

from .frames import Asked as Request
from .frames import holding, right, values
from .modbus_tcp_links import framed, opened, talking_to
from .wires import TRANSPORTS, Box, Wire, wire

Deform = Callable[[bytes, bytes], bytes]


def image() -> UnitImage:
    return {3: {address: address for address in range(0x400)}, 1: dict.fromkeys(range(0x300, 0x400), 1)}


def reading(transport: str, deform: Deform | None, scenario: Callable[[ModbusLink, Wire], object]) -> None:
    """Let `scenario` read units 1 and 2, whose frames are deformed."""

    async def play() -> None:
        async with wire(transport, {1: image, 2: image}) as one:
            if deform is not None:
                one.units.set_faults(None, Deformed(deform))
            link = ModbusLink(one.link, 1, NameLookups())
            try:
                await scenario(link, one)  # type: ignore[misc]
            finally:
                await link.close()

    virtual_time.run(play())


def padded(frame: bytes, request: bytes) -> bytes:
    """Fill the exception up to the request's length, inside the frame."""
    is_tcp = frame[2:4] == b"\x00\x00"
    if not frame[7 if is_tcp else 1] & 0x80:
        return frame
    if is_tcp:
        return frame[:4] + b"\x00\x06" + frame[6:] + b"\x00\x07\x00"
    return rtu(frame[0], frame[1:-2] + b"\x00\x07\x00")


def behind(frame: bytes, request: bytes) -> bytes:
    """Send more behind the frame."""
    return frame + b"\x00\x07\x00"


@pytest.mark.parametrize("deform", [padded, behind])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_exception_with_padding_is_that_exception(transport: str, deform: Deform) -> None:
    def refusing(asked: Asked, replies: Replies) -> Replies:
        return Refuse(2)(asked, replies) if 52 in asked.addresses else replies

    async def scenario(link: ModbusLink, one: Wire) -> None:
        one.units.set_faults(None, lambda asked, replies: Deformed(deform)(asked, refusing(asked, replies)))
        for _ in range(3):
            with pytest.raises(Refused) as refused:
                await link.read(holding(48, 7))
            assert refused.value.exception_code == 2
            assert await link.read(holding(53, 2)) == [53, 54]

    reading(transport, None, scenario)


ECHOES: dict[str, Deform] = {
    "an echo": lambda frame, request: request + frame,
    "noise, an echo": lambda frame, request: b"\x00" + request + frame,
    "noise, an echo, noise": lambda frame, request: b"\xff\x00" + request + b"\x00" + frame,
    "two echoes": lambda frame, request: b"\x00" + request + request + frame,
}


@pytest.mark.parametrize("deform", ECHOES.values(), ids=ECHOES)
@pytest.mark.parametrize("transport", TRANSPORTS[1:])
def test_an_echo_is_passed_over_wherever_it_starts(transport: str, deform: Deform) -> None:
    async def scenario(link: ModbusLink, one: Wire) -> None:
        for span in (holding(0x301, 1), holding(0x302, 1, unit=2), holding(7, 4), holding(0x400, 1)):
            if span.address < 0x400:
                assert await link.read(span) == values(span)
            else:
                with pytest.raises(Refused):
                    await link.read(span)
        assert len(one.units.asked) == 4, "each once"

    reading(transport, deform, scenario)


STRAY: dict[str, Deform] = {
    "one byte": lambda frame, request: b"\xff" + frame,
    "zeros": lambda frame, request: bytes(4) + frame,
    "text": lambda frame, request: b"USR-TCP232-304" + frame,
    "the CRC of the line behind it": lambda frame, request: frame + crc(frame[6:]),
}


@pytest.mark.parametrize("deform", STRAY.values(), ids=STRAY)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_stray_bytes_around_each_answer_are_passed_over(transport: str, deform: Deform) -> None:
    async def scenario(link: ModbusLink, one: Wire) -> None:
        for number in range(12):
            assert await link.read(holding(10 * number, 1 + number % 3)) == values(holding(10 * number, 1 + number % 3))
        assert len(one.units.asked) == 12

    reading(transport, deform, scenario)


@pytest.mark.parametrize("banner", [b"USR-TCP232-304", b"\x00", struct.pack(">HHH", 1, 0, 200) + b"\x01\x03\xc5"])
def test_a_banner_after_the_connect_does_not_swallow_an_answer(framing: Framing, banner: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.03)
        writer.write(banner)
        while True:
            request = await reader.readexactly(8 if framing is Framing.RTU else 12)
            body = request[:6] if framing is Framing.RTU else request[6:]
            unit, function, address, count = struct.unpack(">BBHH", body)
            asked = Request(int.from_bytes(request[:2]), unit, function, address, count, 0)
            await asyncio.sleep(0.05)
            writer.write(framed(framing, asked, right(asked)))

    async def scenario() -> None:
        async with serving(serve) as port, opened(port, framing) as link:
            for address in range(5):
                assert await link.read(holding(address, 2)) == values(holding(address, 2))

    virtual_time.run(scenario())


def with_number(number: Callable[[int], int]) -> Deform:
    def deform(frame: bytes, request: bytes) -> bytes:
        return struct.pack(">H", number(int.from_bytes(request[:2])) & 0xFFFF) + frame[2:]

    return deform


def test_a_device_that_answers_with_number_0_is_read_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "inviseobox")

    async def scenario() -> None:
        box = Box(ModbusSettings(period=10))
        async with wire("tcp", {1: image, 2: image}) as one:
            one.units.set_faults(None, Deformed(with_number(lambda number: 0)))
            device = {**modbus_device(0, {1: [0, 50], 2: [7, 90]}), "communication": one.communication}
            async with box.polling(device):
                await asyncio.sleep(600)
        assert not box.failed()
        assert min(box.good().values()) >= 59
        lines = [(record.levelname, vars(record).get("MESSAGE_ID")) for record in caplog.records]
        assert lines == [("WARNING", events.NUMBERS_MISSING.id)]
        assert "transaction number 0" in caplog.messages[0]

    virtual_time.run(scenario())


def test_without_numbers_a_silence_closes_the_connection_and_no_late_answer_is_taken() -> None:
    asked: list[asyncio.StreamWriter] = []

    async def act(request: Request, writer: asyncio.StreamWriter) -> None:
        asked.append(writer)
        frame = mbap(0, request.unit, right(request))
        if request.number % 4 == 3:
            asyncio.get_running_loop().call_later(0.35, writer.write, frame)
        else:
            writer.write(frame + (frame if request.number % 4 == 1 else b""))

    async def scenario() -> None:
        async with talking_to(act) as link:
            good = 0
            for address in range(40):
                try:
                    assert await link.read(holding(address, 2)) == [address, address + 1]
                    good += 1
                except NoAnswer:
                    assert (address + 1) % 4 == 3
            assert good == 30
            assert len(set(asked)) == 11

    virtual_time.run(scenario())


@pytest.mark.parametrize("number", [lambda own: 1, lambda own: own - 1], ids=["always 1", "the one before"])
def test_other_numbers_are_not_taken_and_are_named(number: Callable[[int], int]) -> None:
    async def scenario(link: ModbusLink, one: Wire) -> None:
        texts = []
        for address in range(9):
            try:
                assert await link.read(holding(address, 1)) == [address]
            except InvalidAnswer as error:
                texts.append(str(error))
            assert link.oddities(asyncio.get_running_loop().time()) == {}
        assert len(texts) >= 4, "at most the first number of a connection is right, or 0"
        for text in texts:
            assert re.fullmatch(r"an answer with transaction number \d instead of \d", text)

    reading("tcp", with_number(number), scenario)


def test_a_device_that_shows_no_numbers_any_more_is_read_again() -> None:
    async def scenario(link: ModbusLink, one: Wire) -> None:
        assert await link.read(holding(1, 1)) == [1]
        one.units.set_faults(None, Deformed(with_number(lambda number: 0)))
        for _ in range(3):
            with pytest.raises(InvalidAnswer, match="transaction number 0 instead of"):
                await link.read(holding(1, 1))
        for address in range(5):
            assert await link.read(holding(address, 1)) == [address]
        assert events.NUMBERS in link.oddities(asyncio.get_running_loop().time())
        one.units.clear_faults()
        assert await link.read(holding(1, 1)) == [1]
        assert link.oddities(asyncio.get_running_loop().time()) == {}

    reading("tcp", None, scenario)


FAULTS: dict[str, tuple[Fault, str]] = {
    "length": (WrongPdu("short"), "length: 2 bytes instead of 4"),
    "unit": (WrongUnit(9), "unit 9 instead of 1"),
    "function": (WrongPdu("function"), "function 4 instead of 3"),
}


@pytest.mark.parametrize(("fault", "words"), FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_answer_that_does_not_fit_says_what_was_odd(transport: str, fault: Fault, words: str) -> None:
    async def scenario(link: ModbusLink, one: Wire) -> None:
        assert await link.read(holding(0, 2)) == [0, 1]
        one.units.set_faults(None, fault)
        with pytest.raises(InvalidAnswer, match=words):
            await link.read(holding(0, 2))

    reading(transport, None, scenario)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_silence_names_the_setting_that_bounds_it(transport: str) -> None:
    async def scenario(link: ModbusLink, one: Wire) -> None:
        assert await link.read(holding(0, 2)) == [0, 1]
        one.units.set_faults(None, lambda asked, replies: ())
        with pytest.raises(NoAnswer, match=r"^no answer within 1 s \(modbus\.timeout\)$"):
            await link.read(holding(0, 2))

    reading(transport, None, scenario)
