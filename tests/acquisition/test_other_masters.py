"""Somebody else asks on a serial line: told once, and no answer to them is taken for one to the box."""

import asyncio
import contextlib
import logging
import struct
from collections.abc import Awaitable, Callable

import pytest

from inviseobox import events
from inviseobox.acquisition.modbus_link import ModbusLink
from inviseobox.configuration import ModbusSettings
from inviseobox.devices.links import Framing
from inviseobox.errors import InvalidAnswer, NoAnswer
from inviseobox.network.name_lookup import NameLookups
from inviseobox.simulator.faults import Deformed, Late, Twice
from inviseobox.simulator.modbus_pdu import UnitImage
from inviseobox.simulator.noise import echo
from tests.support import virtual_time
from tests.support.entries import modbus_device
from tests.support.modbus_frames import rtu

from .frames import Asked, device, holding, right
from .modbus_tcp_links import talking_to
from .wires import TRANSPORTS, Box, Wire, wire

LINES = TRANSPORTS[1:]


def image() -> UnitImage:
    return {3: {address: address for address in range(400)}}


def ask(unit: int, address: int, count: int) -> bytes:
    return rtu(unit, struct.pack(">BHH", 3, address, count))


def tell(unit: int, *values: int) -> bytes:
    return rtu(unit, struct.pack(f">BB{len(values)}H", 3, 2 * len(values), *values))


def on_line(transport: str, scenario: Callable[[ModbusLink, Wire], Awaitable[None]]) -> None:
    async def play() -> None:
        async with wire(transport, {1: image, 2: image}) as one:
            link = ModbusLink(one.link, 1, NameLookups())
            try:
                await scenario(link, one)
            finally:
                await link.close()

    virtual_time.run(play())


def say(one: Wire, data: bytes) -> None:
    """Let the line say something that nobody of ours said."""
    one.instrument._deliver(data)  # type: ignore[union-attr]


def is_told(link: ModbusLink) -> bool:
    return events.MASTER in link.oddities(asyncio.get_running_loop().time())


@pytest.mark.parametrize("transport", LINES)
def test_a_request_between_ours_is_heard_and_forgotten_after_an_hour(transport: str) -> None:
    async def scenario(link: ModbusLink, one: Wire) -> None:
        assert await link.read(holding(0, 2)) == [0, 1]
        assert not is_told(link)
        say(one, ask(1, 300, 2))
        await asyncio.sleep(0.5)
        assert is_told(link)
        await asyncio.sleep(3500)
        assert is_told(link)
        await asyncio.sleep(101)
        assert not is_told(link)

    on_line(transport, scenario)


@pytest.mark.parametrize("transport", LINES)
def test_answers_of_a_unit_that_was_never_asked_are_heard(transport: str) -> None:
    async def scenario(link: ModbusLink, one: Wire) -> None:
        assert await link.read(holding(0, 2)) == [0, 1]
        for number in range(2):
            assert not is_told(link)
            say(one, tell(9, 4, 5, 6))
            await asyncio.sleep(0.5)
            assert await link.read(holding(number, 2)) == [number, number + 1]
        assert is_told(link)

    on_line(transport, scenario)


@pytest.mark.parametrize("transport", LINES)
def test_echoes_late_and_doubled_answers_and_noise_are_nobody(transport: str) -> None:
    async def scenario(link: ModbusLink, one: Wire) -> None:
        for fault in (Deformed(echo), Twice(), Twice(0.3), Late(1.2), None):
            one.units.set_faults(None, fault) if fault else one.units.clear_faults()
            for address in range(10):
                with contextlib.suppress(NoAnswer, InvalidAnswer):
                    await link.read(holding(address, 1 + address, unit=1 + address % 2))
                say(one, bytes(range(address, 40 + address)))
                await asyncio.sleep(2)
            assert not is_told(link), fault

    on_line(transport, scenario)


class Intruder:
    """Another master whose answer comes shortly before ours, for a share of our requests."""

    def __init__(self, pause: float, *, shows_itself: bool = True) -> None:
        self.pause = pause
        self.shows_itself = shows_itself
        self.is_there = True

    async def act(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        if self.is_there and asked.number % 3 == 0:
            other = ask(asked.unit, 3000, asked.count) if self.shows_itself else b""
            writer.write(other + rtu(asked.unit, right(asked, offset=3000)))
            if self.pause:
                await writer.drain()
                await asyncio.sleep(self.pause)
        writer.write(rtu(asked.unit, right(asked)))


@pytest.mark.parametrize("pause", [0.0, 0.02, 0.04])
def test_where_two_answers_come_neither_is_taken(pause: float) -> None:
    intruder = Intruder(pause)

    async def scenario() -> None:
        async with talking_to(intruder.act, Framing.RTU, 1.0) as link:
            good, bad = 0, []
            for address in range(30):
                try:
                    assert await link.read(holding(address, 2)) == [address, address + 1]
                    good += 1
                except InvalidAnswer as error:
                    bad.append(str(error))
            assert (good, len(bad)) == (20, 10)
            assert set(bad) == {"two answers to one request; somebody else asks on this line"}
            # After an hour without it nothing is waited for any more.
            intruder.is_there = False
            await asyncio.sleep(3601)
            assert await link.read(holding(1, 2)) == [1, 2]
            began = asyncio.get_running_loop().time()
            assert await link.read(holding(5, 2)) == [5, 6]
            assert asyncio.get_running_loop().time() - began < 0.04

    virtual_time.run(scenario())


def test_what_two_answers_came_to_is_asked_again_at_the_end_of_the_round(caplog: pytest.LogCaptureFixture) -> None:
    """It is about the line: no unit counts as silent for it, no register as bad, and one line tells."""
    caplog.set_level(logging.INFO, "inviseobox")
    intruder = Intruder(0.02)

    async def scenario() -> None:
        box = Box(ModbusSettings(period=10))
        async with device(intruder.act, is_rtu=True) as port:
            meter = modbus_device(port, {1: [0, 50, 100, 150]})
            meter["communication"]["mode"] = "RTUoverTCP"
            async with box.polling(meter):
                await asyncio.sleep(605)
        failed, good = box.failed(), box.good()
        assert min(good.values()) >= 0.9 * (good + failed)["1/0"], failed
        assert [line for line in caplog.messages if "somebody else" not in line] == []

    virtual_time.run(scenario())


def test_the_poller_repeats_and_tells_it_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "inviseobox")

    async def scenario() -> None:
        box = Box(ModbusSettings(period=10))
        async with wire("rtu over tcp", {1: image, 2: image}) as one:
            device = {**modbus_device(0, {1: [0, 50], 2: [7, 90]}), "communication": one.communication}
            async with box.polling(device):
                await asyncio.sleep(95)
                for _ in range(20):
                    say(one, ask(9, 300, 2) + tell(9, 1, 2))
                    await asyncio.sleep(30)
                await asyncio.sleep(3700)
        assert not box.failed()
        lines = [(record.levelname, vars(record).get("MESSAGE_ID")) for record in caplog.records]
        assert lines == [("WARNING", events.MASTER_HEARD.id), ("INFO", events.MASTER_GONE.id)]
        assert "somebody else asks on this line" in caplog.messages[0]

    virtual_time.run(scenario())


@pytest.mark.parametrize("transport", LINES)
def test_a_chatty_master_does_not_keep_us_from_reading(transport: str) -> None:
    async def scenario(link: ModbusLink, one: Wire) -> None:
        async def chat() -> None:
            while True:
                say(one, ask(9, 300, 2))
                await asyncio.sleep(0.04)
                say(one, tell(9, 1, 2))
                await asyncio.sleep(0.04)

        chatting = asyncio.ensure_future(chat())
        try:
            for address in range(20):
                await asyncio.sleep(0.07)
                assert await link.read(holding(address, 2)) == [address, address + 1]
        finally:
            chatting.cancel()
        assert is_told(link)

    on_line(transport, scenario)


async def assert_reads_are_quick(link: ModbusLink) -> None:
    """See that reads go on at their pace, by the virtual clock."""
    clock = asyncio.get_running_loop().time
    began = clock()
    for address in range(20):
        assert await link.read(holding(address, 2)) == [address, address + 1]
    # Each answer waits 50 ms for a second one where it is known that somebody else asks.
    assert clock() - began < 20 * 0.1


@pytest.mark.parametrize("asked_for", [0, 300])
@pytest.mark.parametrize("pause", [0.1, 0.3, 4.0])
@pytest.mark.parametrize("transport", LINES)
def test_an_answer_to_another_master_that_is_equal_to_ours_slows_nothing_down(
    transport: str, pause: float, asked_for: int
) -> None:
    async def scenario(link: ModbusLink, one: Wire) -> None:
        assert await link.read(holding(0, 2)) == [0, 1]
        await asyncio.sleep(pause)
        say(one, ask(1, asked_for, 2))
        await asyncio.sleep(0.02)
        say(one, tell(1, 0, 1))
        await asyncio.sleep(1)
        await assert_reads_are_quick(link)

    on_line(transport, scenario)


@pytest.mark.parametrize("transport", LINES)
def test_an_equal_answer_whose_request_was_not_heard_slows_nothing_down_either(transport: str) -> None:
    """As behind an adapter that hears the units and not the other master. It comes later than one that comes twice."""

    async def scenario(link: ModbusLink, one: Wire) -> None:
        assert await link.read(holding(0, 2)) == [0, 1]
        await asyncio.sleep(4)
        say(one, tell(1, 0, 1))
        await asyncio.sleep(1)
        await assert_reads_are_quick(link)

    on_line(transport, scenario)


@pytest.mark.parametrize("transport", LINES)
def test_two_answers_are_refused_over_any_line_and_an_echo_is_none(transport: str) -> None:
    def two(frame: bytes, request: bytes) -> bytes:
        return ask(1, 300, 2) + tell(1, 300, 301) + frame

    async def scenario(link: ModbusLink, one: Wire) -> None:
        assert await link.read(holding(0, 2)) == [0, 1]
        one.units.set_faults(None, Deformed(two))
        with pytest.raises(InvalidAnswer, match="somebody else"):
            await link.read(holding(0, 2))
        one.units.set_faults(None, Deformed(lambda frame, request: b"\x00" + request + frame + request))
        for address in range(3):
            assert await link.read(holding(address, 2)) == [address, address + 1]
        assert is_told(link)

    on_line(transport, scenario)
