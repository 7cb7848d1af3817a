"""RTU frames through a TCP connection, with raw bytes."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from inviseobox.simulator.changes import Changes
from inviseobox.simulator.faults import Deformed, HangUp, Late, Refuse, Slow
from inviseobox.simulator.modbus_reply import Fault
from inviseobox.simulator.modbus_units import ModbusUnits
from inviseobox.simulator.noise import echo, truncated
from inviseobox.simulator.rtu_frame import sealed
from inviseobox.simulator.serial_server import SerialServer

WITHIN = 5.0
ASKED = sealed(17, bytes.fromhex("03 006B 0003"))
TOLD = sealed(17, bytes.fromhex("03 06 022B 0000 0064"))

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Client]]


def with_server(
    scenario: Callable[[SerialServer, Connect], Awaitable[None]],
    *faults: Fault,
    baudrate: int | None = None,
    changes: Changes | None = None,
) -> SerialServer:
    async def run() -> SerialServer:
        image = {3: {107: 0x022B, 108: 0, 109: 0x0064}}
        units = ModbusUnits({17: lambda: image, 18: lambda: image}, changes=changes)
        server = SerialServer(units, baudrate=baudrate)
        server.units.set_faults(17, *faults)
        await server.listener.start()
        clients: list[Client] = []

        async def connect() -> Client:
            clients.append(await asyncio.open_connection(server.listener.host, server.listener.port))
            return clients[-1]

        try:
            await asyncio.wait_for(scenario(server, connect), WITHIN)
        finally:
            for _, writer in clients:
                writer.close()
            await server.stop()
        return server

    return asyncio.run(run())


async def exchange(client: Client, request: bytes, expected: bytes) -> None:
    client[1].write(request)
    assert await client[0].readexactly(len(expected)) == expected


def test_a_frame_goes_through_a_serial_server() -> None:
    async def scenario(server: SerialServer, connect: Connect) -> None:
        client = await connect()
        for _ in range(3):
            await exchange(client, ASKED, TOLD)

    server = with_server(scenario)
    assert [heard.frame for heard in server.line.frames] == [ASKED] * 3


def test_the_line_behind_a_serial_server_takes_its_time() -> None:
    async def scenario(server: SerialServer, connect: Connect) -> None:
        client = await connect()
        began = asyncio.get_running_loop().time()
        await exchange(client, ASKED, TOLD)
        characters = len(ASKED) + 3.5 + len(TOLD)
        assert asyncio.get_running_loop().time() - began >= characters * 11 / 1200

    with_server(scenario, baudrate=1200)


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        (Refuse(0x0B), sealed(17, b"\x83\x0b")),
        (Deformed(truncated(2)), TOLD[:-2]),
        (Deformed(echo), ASKED + TOLD),
        (HangUp(6), TOLD[:6]),
        (HangUp(), b""),
    ],
    ids=lambda part: type(part).__name__,
)
def test_faults_behind_a_serial_server(fault: Fault, answer: bytes) -> None:
    async def scenario(server: SerialServer, connect: Connect) -> None:
        client = await connect()
        await exchange(client, ASKED, answer)
        if isinstance(fault, HangUp):
            assert await client[0].read() == b""
            client = await connect()
        await exchange(client, sealed(18, ASKED[1:-2]), sealed(18, TOLD[1:-2]))

    with_server(scenario, fault)


def test_a_late_answer_reaches_the_next_connection() -> None:
    changes = Changes()

    async def scenario(server: SerialServer, connect: Connect) -> None:
        reader, writer = await connect()
        writer.write(ASKED)
        await changes.until(lambda: bool(server.units.asked), WITHIN)
        writer.write_eof()
        assert await reader.read() == b""
        again = await connect()
        assert await again[0].readexactly(len(TOLD)) == TOLD

    with_server(scenario, Late(0.5), changes=changes)


def test_a_serial_server_with_one_connection_closes_another() -> None:
    async def scenario(server: SerialServer, connect: Connect) -> None:
        server.listener.most = 1
        first = await connect()
        await exchange(first, ASKED, TOLD)
        assert await (await connect())[0].read() == b""
        await exchange(first, ASKED, TOLD)

    with_server(scenario)


def test_a_serial_server_can_be_closed_for_a_while() -> None:
    changes = Changes()

    async def scenario(server: SerialServer, connect: Connect) -> None:
        client = await connect()
        client[1].write(ASKED)
        await changes.until(lambda: bool(server.units.asked), WITHIN)
        await server.stop()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await client[0].readexactly(1)
        with pytest.raises(ConnectionRefusedError):
            await connect()
        await server.listener.resume()
        server.units.clear_faults()
        await exchange(await connect(), ASKED, TOLD)

    with_server(scenario, Slow(0.5), changes=changes)
