"""Gateways, and serial devices, that swallow what comes within seconds after their connection is opened."""

import asyncio
import contextlib
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from inviseobox.acquisition.modbus_link import ModbusLink
from inviseobox.configuration import ModbusSettings
from inviseobox.devices.links import Framing
from inviseobox.errors import InvalidAnswer, NoAnswer
from inviseobox.network.name_lookup import NameLookups
from inviseobox.simulator.modbus_pdu import UnitImage
from inviseobox.simulator.modbus_reply import Asked as Question
from inviseobox.simulator.modbus_reply import Replies
from tests.support import virtual_time
from tests.support.entries import modbus_device
from tests.support.tcp import serving

from .frames import Asked, holding, right, values
from .modbus_tcp_links import framed, opened
from .wires import Box, wire


@dataclass
class Gateway:
    """Swallows what comes in the first seconds of each connection, and what is for silent units."""

    framing: Framing
    swallows: float
    banner: bytes = b""
    silent: set[int] = field(default_factory=set)
    connections: list[asyncio.StreamWriter] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    delay: Callable[[Asked], float] = lambda asked: 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        since = loop.time()
        self.connections.append(writer)
        writer.write(self.banner)
        while True:
            request = await reader.readexactly(8 if self.framing is Framing.RTU else 12)
            body = request[:6] if self.framing is Framing.RTU else request[6:]
            unit, function, address, count = struct.unpack(">BBHH", body)
            asked = Asked(int.from_bytes(request[:2]), unit, function, address, count, len(self.asked) + 1)
            self.asked.append(asked)
            if loop.time() - since >= self.swallows and unit not in self.silent:
                loop.call_later(self.delay(asked), self._write, writer, framed(self.framing, asked, right(asked)))

    def _write(self, writer: asyncio.StreamWriter, frame: bytes) -> None:
        # What a line says goes to whoever is connected; a Modbus/TCP gateway answers who asked.
        with contextlib.suppress(ConnectionError):
            (self.connections[-1] if self.framing is Framing.RTU else writer).write(frame)


@asynccontextmanager
async def behind(gateway: Gateway, timeout: float = 1.0) -> AsyncIterator[ModbusLink]:
    async with serving(gateway.serve) as port, opened(port, gateway.framing, timeout) as link:
        yield link


def play(scenario: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await scenario()

    virtual_time.run(main())


@pytest.mark.parametrize("timeout", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("swallows", [0.5, 2.0, 2.9])
def test_a_gateway_that_swallows_what_comes_early_is_read_and_remembered(
    framing: Framing, swallows: float, timeout: float
) -> None:
    async def scenario() -> None:
        gateway = Gateway(framing, swallows, banner=b"USR-TCP232-304")
        async with behind(gateway, timeout) as link:
            began = asyncio.get_running_loop().time()
            assert await link.read(holding(100, 2)) == [100, 101]
            assert asyncio.get_running_loop().time() - began < link.worst_case
            assert len(gateway.connections) == 1
            for number in range(5):
                await link.close()
                before = len(gateway.asked)
                assert await link.read(holding(number, 2)) == [number, number + 1]
                assert len(gateway.asked) == before + 1, "one request, after a pause"
                assert await link.read(holding(number, 3)) == values(holding(number, 3))

    play(scenario)


def test_a_link_that_answers_at_once_is_closed_by_a_silence_as_ever(framing: Framing) -> None:
    async def scenario() -> None:
        gateway = Gateway(framing, 0.0)
        async with behind(gateway) as link:
            loop = asyncio.get_running_loop()
            assert await link.read(holding(1, 1)) == [1]
            gateway.silent = {2}
            for number in range(3):
                began = loop.time()
                with pytest.raises(NoAnswer):
                    await link.read(holding(1, 1, unit=2))
                assert loop.time() - began < 1.7
                assert await link.read(holding(1, 1)) == [1]
                assert len(gateway.connections) == 2 + number

    play(scenario)


def test_a_link_that_settles_keeps_its_connection_over_two_silences(framing: Framing) -> None:
    async def scenario() -> None:
        gateway = Gateway(framing, 2.0, silent={2})
        async with behind(gateway) as link:
            assert await link.read(holding(1, 1)) == [1]
            for _ in range(3):
                for _ in range(2):
                    with pytest.raises(NoAnswer):
                        await link.read(holding(7, 1, unit=2))
                assert await link.read(holding(1, 1)) == [1]
            assert len(gateway.connections) == 1
            for _ in range(3):
                with pytest.raises(NoAnswer):
                    await link.read(holding(7, 1, unit=2))
            assert await link.read(holding(1, 1)) == [1]
            assert len(gateway.connections) == 2

    play(scenario)


@pytest.mark.parametrize("delay", [1.05, 1.2, 1.4])
def test_no_late_answer_on_a_kept_connection_is_taken_for_another(framing: Framing, delay: float) -> None:
    async def scenario() -> None:
        gateway = Gateway(
            framing, 2.0, delay=lambda asked: delay if asked.number > 4 and asked.number % 3 == 0 else 0.0
        )
        async with behind(gateway) as link:
            good = 0
            for number in range(60):
                with contextlib.suppress(NoAnswer, InvalidAnswer):
                    assert await link.read(holding(3 * number, 2)) == [3 * number, 3 * number + 1]
                    good += 1
            assert good >= 36
            assert len(gateway.connections) <= 2

    play(scenario)


@pytest.mark.parametrize("delay", [0.05, 0.7, 1.3])
def test_answers_to_a_request_that_was_repeated_are_taken_for_no_other(framing: Framing, delay: float) -> None:
    """A gateway that keeps what comes early, and sends all answers together when it has settled."""

    async def scenario() -> None:
        gateway = Gateway(framing, 0.0, delay=lambda asked: max(0.0, 2.0 + delay - since()))

        def since() -> float:
            return asyncio.get_running_loop().time() - began

        async with behind(gateway) as link:
            began = asyncio.get_running_loop().time()
            for number in range(20):
                assert await link.read(holding(3 * number, 2)) == [3 * number, 3 * number + 1]

    play(scenario)


def test_a_silent_unit_on_such_a_gateway_costs_the_others_little(framing: Framing) -> None:
    async def scenario() -> None:
        gateway = Gateway(framing, 2.0, silent={1})
        async with serving(gateway.serve) as port:
            device = modbus_device(port, {unit: [0, 1] for unit in range(1, 6)})
            device["communication"]["mode"] = "TCP" if framing is Framing.TCP else "RTUoverTCP"
            box = Box(ModbusSettings(period=10))
            async with box.polling(device):
                await asyncio.sleep(600)
            good = Counter({name: count for name, count in box.good().items() if not name.startswith("1/")})
            assert len(good) == 8
            assert min(good.values()) >= 57

    play(scenario)


def test_a_serial_device_that_starts_anew_when_its_port_is_opened_is_read() -> None:
    opened_at = [0.0]

    def image() -> UnitImage:
        return {3: {address: address for address in range(200)}}

    def booting(asked: Question, replies: Replies) -> Replies:
        return replies if asyncio.get_running_loop().time() - opened_at[0] >= 2.0 else ()

    async def scenario() -> None:
        async with wire("serial", {1: image}) as one:
            one.units.set_faults(None, booting)
            link = ModbusLink(one.link, 1, NameLookups())
            for number in range(4):
                opened_at[0] = asyncio.get_running_loop().time()
                before = len(one.units.asked)
                assert await link.read(holding(number, 2)) == [number, number + 1]
                assert (len(one.units.asked) == before + 1) == (number > 0)
                assert await link.read(holding(9, 1)) == [9]
                await link.close()

    virtual_time.run(scenario())
