"""The gateway's frames on a real socket, by the MODBUS Messaging on TCP/IP Implementation Guide V1.0b."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from inviseobox.simulator.modbus_gateway import ModbusGateway
from inviseobox.simulator.modbus_pdu import UnitImage
from inviseobox.simulator.modbus_units import Fault, ModbusUnits, honest

WITHIN = 5.0
IMAGE: UnitImage = {3: {107: 0x022B, 108: 0, 109: 0x0064}}
ASKED = "03 006B 0003"
TOLD = "03 06 022B 0000 0064"

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def with_gateway(
    scenario: Callable[[ModbusGateway, Callable[[], Awaitable[Client]]], Awaitable[None]],
    fault: Fault = honest,
) -> list[tuple[int, bytes, bytes]]:
    """Run `scenario` with a gateway of one unit, 17, and a way to connect; gives what it says it served."""
    served: list[tuple[int, bytes, bytes]] = []

    async def run() -> None:
        units = ModbusUnits({17: lambda: IMAGE}, served=lambda *what: served.append(what), fault=fault)
        gateway = ModbusGateway(units)
        await gateway.listener.start()
        clients: list[Client] = []

        async def connect() -> Client:
            clients.append(await asyncio.open_connection(gateway.listener.host, gateway.listener.port))
            return clients[-1]

        try:
            await asyncio.wait_for(scenario(gateway, connect), WITHIN)
        finally:
            for _, writer in clients:
                writer.close()
            await gateway.listener.stop()

    asyncio.run(run())
    return served


def frame(transaction: int, unit: int, pdu: str, protocol: int = 0) -> bytes:
    body = bytes([unit]) + bytes.fromhex(pdu)
    return b"".join(number.to_bytes(2, "big") for number in (transaction, protocol, len(body))) + body


async def exchange(client: Client, request: bytes, expected: bytes) -> None:
    client[1].write(request)
    assert await client[0].readexactly(len(expected)) == expected


def test_the_specification_s_example_in_a_frame() -> None:
    async def scenario(gateway: ModbusGateway, connect: Callable[[], Awaitable[Client]]) -> None:
        request = bytes.fromhex("1501 0000 0006 11 03 006B 0003")
        await exchange(await connect(), request, bytes.fromhex("1501 0000 0009 11 03 06 022B 0000 0064"))

    assert with_gateway(scenario) == [(17, bytes.fromhex(ASKED), bytes.fromhex(TOLD))]


def test_a_unit_that_nobody_has_is_a_target_that_failed_to_respond() -> None:
    async def scenario(gateway: ModbusGateway, connect: Callable[[], Awaitable[Client]]) -> None:
        await exchange(await connect(), frame(1, 18, ASKED), frame(1, 18, "83 0B"))

    with_gateway(scenario)


def test_a_request_in_single_bytes_and_requests_in_one_segment_are_answered_in_order() -> None:
    async def scenario(gateway: ModbusGateway, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        for byte in frame(7, 17, ASKED):
            client[1].write(bytes([byte]))
            await client[1].drain()
        assert await client[0].readexactly(15) == frame(7, 17, TOLD)
        two = frame(8, 17, ASKED) + frame(9, 17, "03 0000 0001")
        await exchange(client, two, frame(8, 17, TOLD) + frame(9, 17, "83 02"))

    with_gateway(scenario)


def test_many_connections_at_a_time() -> None:
    async def scenario(gateway: ModbusGateway, connect: Callable[[], Awaitable[Client]]) -> None:
        clients = [await connect() for _ in range(20)]
        for transaction, client in enumerate(clients):
            await exchange(client, frame(transaction, 17, ASKED), frame(transaction, 17, TOLD))
        assert gateway.listener.connections == 20

    assert len(with_gateway(scenario)) == 20


def test_another_protocol_is_ignored_and_a_wrong_length_ends_the_connection() -> None:
    async def scenario(gateway: ModbusGateway, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        await exchange(client, frame(1, 17, ASKED, protocol=1) + frame(2, 17, ASKED), frame(2, 17, TOLD))
        client[1].write(bytes.fromhex("0003 0000 0001 11"))
        assert await client[0].read() == b""

    with_gateway(scenario)


def test_a_fault_stands_between_unit_and_wire() -> None:
    async def busy_then_silent_then_gone(unit: int, request: bytes, response: bytes) -> bytes | None:
        kinds = {"03 006B 0001": b"\x83\x06", "03 006B 0002": None}
        for pdu, result in kinds.items():
            if request == bytes.fromhex(pdu):
                return result
        raise ConnectionResetError

    async def scenario(gateway: ModbusGateway, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        client[1].write(frame(1, 17, "03 006B 0002"))
        await exchange(client, frame(2, 17, "03 006B 0001"), frame(2, 17, "83 06"))
        client[1].write(frame(3, 17, ASKED))
        assert await client[0].read() == b""
        gateway.units.fault = honest
        await exchange(await connect(), frame(4, 17, ASKED), frame(4, 17, TOLD))

    served = with_gateway(scenario, busy_then_silent_then_gone)
    assert [response.hex() for _, _, response in served] == ["8306", bytes.fromhex(TOLD).hex()]


def test_stopping_cuts_connections_and_frees_the_port() -> None:
    async def scenario(gateway: ModbusGateway, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        await exchange(client, frame(1, 17, ASKED), frame(1, 17, TOLD))
        port = gateway.listener.port
        await gateway.listener.stop()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await client[0].readexactly(1)
        with pytest.raises(ConnectionRefusedError):
            await connect()
        await gateway.listener.start(port=port)
        await exchange(await connect(), frame(2, 17, ASKED), frame(2, 17, TOLD))

    with_gateway(scenario)
