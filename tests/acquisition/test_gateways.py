"""Gateways and adapters with habits: one connection only, hang-ups, pauses, echoes, busy and unreachable units."""

import asyncio
import contextlib
import logging
import struct
from typing import Literal

import pytest

from inviseobox.configuration import ModbusSettings
from inviseobox.simulator.device_list import tcp_communication
from inviseobox.simulator.fault_choice import Script, Times
from inviseobox.simulator.faults import Deformed, HangUp, InTwoParts, Refuse
from inviseobox.simulator.meters import two_blocks
from inviseobox.simulator.modbus_reply import Asked, Fault, Replies
from inviseobox.simulator.noise import echo, garbage_before, only_echo
from tests.support import virtual_time
from tests.support.entries import listed, modbus_device
from tests.support.modbus_frames import mbap, rtu

from .frames import registers
from .wires import TRANSPORTS, Box, Meters, wire


def units(transport: str, *numbers: int) -> Meters:
    return Meters([two_blocks(number) for number in numbers], transport)


async def assert_all_read(box: Box, meters: Meters, count: int) -> None:
    values = await box.next_round(count)
    assert len(values) == count
    assert values == {name: meters.expected(name) for name in values}


@pytest.mark.parametrize("beyond", ["close", "ignore"])
@pytest.mark.parametrize("transport", ["tcp", "rtu over tcp"])
def test_devices_share_the_single_connection_that_a_gateway_accepts(
    transport: str, beyond: Literal["close", "ignore"], caplog: pytest.LogCaptureFixture
) -> None:
    """Several devices share one connection; after a fault it is closed before the next is opened."""
    caplog.set_level(logging.INFO)

    async def scenario() -> None:
        meters = units(transport, 1, 2, 3)
        box = Box()
        async with wire(transport, meters.images, served=meters.served) as link:
            listener = link.instrument.listener  # type: ignore[union-attr]
            listener.most, listener.beyond = 1, beyond
            async with box.polling(*meters.devices(link.communication)):
                for _ in range(3):
                    await assert_all_read(box, meters, 60)
                assert listener.accepted == 1
                # Each costs the connection, and the repeated request the 0.5 s that it is given.
                faults: list[Fault] = [silence, HangUp(), HangUp(3)]
                for fault in faults:
                    link.units.set_faults(2, Times(1, fault))
                    await assert_all_read(box, meters, 60)
                assert listener.accepted <= 1 + 2 * 3
        assert caplog.records == []

    virtual_time.run(scenario())


def silence(asked: Asked, replies: Replies) -> Replies:
    return ()


class OneClient:
    """A gateway that refuses connections while it has one, and for `busy_time` seconds after the end of that."""

    def __init__(self, *, is_rtu: bool, busy_time: float) -> None:
        self._is_rtu = is_rtu
        self._busy_time = busy_time
        self._server: asyncio.Server | None = None
        self.port = 0
        self.accepted = 0

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self.close()
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = b"" if self._is_rtu else await reader.readexactly(6)
                unit, function, address, count = struct.unpack(">BBHH", await reader.readexactly(6))
                pdu = registers(*range(address, address + count), function=function)
                if self._is_rtu:
                    await reader.readexactly(2)
                    writer.write(rtu(unit, pdu))
                else:
                    writer.write(mbap(int.from_bytes(head[:2], "big"), unit, pdu))
        writer.close()
        await asyncio.sleep(self._busy_time)
        await self.listen()


@pytest.mark.parametrize("change", ["of the device list", "of the configuration"])
@pytest.mark.parametrize("mode", ["TCP", "RTUoverTCP"])
def test_a_change_costs_no_round_of_a_gateway_that_is_busy_with_the_connection_before(
    mode: Literal["TCP", "RTUoverTCP"], change: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Both read the link by a new task, which connects in the moment in which the one before hangs up."""
    caplog.set_level(logging.INFO)

    async def scenario() -> None:
        box = Box()
        gateway = OneClient(is_rtu=mode == "RTUoverTCP", busy_time=0.4)
        await gateway.listen()
        before, after = (
            modbus_device(0, {1: addresses}) | {"communication": tcp_communication(mode, "127.0.0.1", gateway.port)}
            for addresses in ([0, 1], [0, 2])
        )
        async with box.polling(before) as acquisition:
            assert await box.next_round(2) == {"1/0": 0, "1/1": 1}
            if change == "of the device list":
                await acquisition.adopt(listed(after))
                assert await box.next_round(2) == {"1/0": 0, "1/2": 2}
        if change == "of the configuration":
            async with box.polling(after):
                assert await box.next_round(2) == {"1/0": 0, "1/2": 2}
        gateway.close()
        assert gateway.accepted == 2
        assert box.failed().total() == 0

    virtual_time.run(scenario())
    assert caplog.records == []


@pytest.mark.parametrize("after", [0, 1, 6, 30])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_hang_up_in_mid_answer_costs_nothing(transport: str, after: int) -> None:
    async def scenario() -> None:
        meters = units(transport, 1, 2)
        box = Box()
        async with wire(transport, meters.images, served=meters.served) as link:
            link.units.set_faults(None, Script(HangUp(after), None, HangUp(after)))
            async with box.polling(*meters.devices(link.communication)):
                for _ in range(3):
                    await assert_all_read(box, meters, 40)

    virtual_time.run(scenario())


@pytest.mark.parametrize("first", [1, 4, 7, 9, 40])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_answer_in_two_parts_is_read_whole_and_asked_for_once(transport: str, first: int) -> None:
    async def scenario() -> None:
        meters = units(transport, 1)
        box = Box()
        async with wire(transport, meters.images, served=meters.served) as link:
            link.units.set_faults(None, InTwoParts(0.3, first))
            async with box.polling(*meters.devices(link.communication)):
                for _ in range(3):
                    await assert_all_read(box, meters, 20)
                assert link.asked() == {1: 3}

    virtual_time.run(scenario())


HABITS = {
    "echo": Deformed(echo),
    "noise": Deformed(garbage_before()),
    "long noise": Deformed(garbage_before(b"U" * 200)),
}


@pytest.mark.parametrize("habit", HABITS.values(), ids=HABITS)
@pytest.mark.parametrize("transport", TRANSPORTS[1:])
def test_an_adapter_that_hears_itself_or_makes_noise_before_each_frame(transport: str, habit: Fault) -> None:
    """The answer is found all the same, and asked for once."""

    async def scenario() -> None:
        meters = units(transport, 1, 2)
        box = Box()
        async with wire(transport, meters.images, served=meters.served) as link:
            link.units.set_faults(None, habit)
            async with box.polling(*meters.devices(link.communication)):
                for _ in range(3):
                    link.asked()
                    values = await box.next_round(40)
                    assert None not in values.values()
                    assert link.asked() == {1: 1, 2: 1}

    virtual_time.run(scenario())


@pytest.mark.parametrize("transport", TRANSPORTS[1:])
def test_an_echo_alone_is_no_answer(transport: str) -> None:
    """Not even where its bytes look like one: 24 coils from address 0x0300 are asked for in the words of an answer."""

    async def scenario() -> None:
        box = Box(ModbusSettings(timeout=0.2))
        image = {1: dict.fromkeys(range(0x300, 0x318), 1)}
        async with wire(transport, {1: lambda: image}) as link:
            link.units.set_faults(None, Times(12, Deformed(only_echo)))
            measurements = [
                {
                    "_id": f"{address}",
                    "configuration": {
                        "parameters": {"register": "0x01", "address": address, "slave": 1, "value_class": "BOOL"},
                        "response_format": ["avg"],
                    },
                }
                for address in range(0x300, 0x318)
            ]
            device = {"_id": "coils", "communication": link.communication, "measurements": measurements}
            async with box.polling(device):
                await asyncio.sleep(400)
        assert {one.value for _, one in box.readings} == {None, 1.0}
        assert len(link.units.asked) > 12

    virtual_time.run(scenario())


@pytest.mark.parametrize("code", [5, 6])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_busy_unit_is_asked_again_at_once(transport: str, code: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def scenario() -> None:
        meters = units(transport, 1, 2)
        box = Box()
        async with wire(transport, meters.images, served=meters.served) as link:
            link.units.set_faults(1, Times(1, Refuse(code)))
            async with box.polling(*meters.devices(link.communication)):
                await assert_all_read(box, meters, 40)
                assert link.asked() == {1: 2, 2: 1}
        assert caplog.records == []

    virtual_time.run(scenario())


@pytest.mark.parametrize("code", [10, 11])
def test_a_gateway_that_reports_a_silent_unit_is_not_silent_itself(code: int, caplog: pytest.LogCaptureFixture) -> None:
    """That unit is dead, and the line says which; the connection stays and the others are read."""
    caplog.set_level(logging.INFO)

    async def scenario() -> None:
        meters = units("tcp", 1, 2, 3)
        box = Box()
        async with wire("tcp", meters.images, served=meters.served, for_silence=code) as link:
            link.units.set_faults(2, silence)
            async with box.polling(*meters.devices(link.communication)):
                await asyncio.sleep(61)
                link.units.clear_faults()
                back = asyncio.get_running_loop().time()
                await asyncio.sleep(41)
            assert link.instrument.listener.accepted == 1  # type: ignore[union-attr]
            assert_dead_alone(box, back)

    def assert_dead_alone(box: Box, back: float) -> None:
        good = box.good()
        failed = box.failed()
        assert len(failed) == 20
        assert {good[name] for name in good if name not in failed} == {11}
        assert all(good[name] for name in failed), "it came back"
        assert all(value is None for name in failed for at, value in box.of(name) if at < back)

    virtual_time.run(scenario())
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "unit 2" in caplog.messages[0]
    assert str(code) in caplog.messages[0]


def test_a_period_of_0_starts_a_round_right_after_the_other() -> None:
    async def scenario() -> None:
        meters = units("tcp", 1, 2)
        box = Box(ModbusSettings(period=0))
        async with wire("tcp", meters.images, served=meters.served) as link:
            async with box.polling(*meters.devices(link.communication)):
                for _ in range(50):
                    await assert_all_read(box, meters, 40)
                before = len(link.units.asked)
                # Not even then it runs hot.
                await link.instrument.listener.stop()  # type: ignore[union-attr]
                await asyncio.sleep(60)
                assert box.failed()
                assert max(box.failed().values()) <= 60 / 3 + 2
            assert before >= 100

    virtual_time.run(scenario())
