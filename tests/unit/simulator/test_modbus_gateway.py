"""The gateway's frames on a real socket, by the MODBUS Messaging on TCP/IP Implementation Guide V1.0b."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from inviseobox.simulator import noise
from inviseobox.simulator.fault_choice import Script
from inviseobox.simulator.faults import (
    Deformed,
    HangUp,
    InTwoParts,
    Late,
    Refuse,
    Silent,
    Slow,
    Twice,
    WrongPdu,
    WrongUnit,
)
from inviseobox.simulator.modbus_gateway import ModbusGateway
from inviseobox.simulator.modbus_pdu import UnitImage
from inviseobox.simulator.modbus_reply import Fault
from inviseobox.simulator.modbus_units import ModbusUnits

WITHIN = 5.0
IMAGE: UnitImage = {3: {107: 0x022B, 108: 0, 109: 0x0064}}
ASKED = "03 006B 0003"
TOLD = "03 06 022B 0000 0064"

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def with_gateway(
    scenario: Callable[[ModbusGateway, Callable[[], Awaitable[Client]]], Awaitable[None]],
    *faults: Fault,
) -> list[tuple[int, bytes, bytes]]:
    """Run `scenario` with a gateway of unit 17, and 21 which is well, and a way to connect; return what was served."""
    served: list[tuple[int, bytes, bytes]] = []

    async def run() -> None:
        units = ModbusUnits({17: lambda: IMAGE, 21: lambda: IMAGE}, served=lambda *what: served.append(what))
        units.set_faults(17, *faults)
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


def test_the_specification_s_example_in_a_tcp_frame() -> None:
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


def test_a_gateway_serves_many_connections_at_a_time() -> None:
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


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        (Refuse(6), frame(5, 17, "83 06")),
        (Twice(), frame(5, 17, TOLD) * 2),
        (Twice(0.1), frame(5, 17, TOLD) * 2),
        (InTwoParts(0.1, 3), frame(5, 17, TOLD)),
        (WrongUnit(), frame(5, 18, TOLD)),
        (WrongPdu("function"), frame(5, 17, "04 06 022B 0000 0064")),
        (WrongPdu("byte count"), frame(5, 17, "03 08 022B 0000 0064")),
        (WrongPdu("short"), frame(5, 17, "03 04 022B 0000")),
        (Deformed(noise.wrong_transaction), frame(4, 17, TOLD)),
        (Deformed(noise.wrong_protocol), frame(5, 17, TOLD, protocol=1)),
        (Deformed(noise.garbage_before(b"xyz")), b"xyz" + frame(5, 17, TOLD)),
        (HangUp(4), frame(5, 17, TOLD)[:4]),
        (HangUp(), b""),
    ],
    ids=lambda part: type(part).__name__,
)
def test_faults_of_a_gateway_on_the_wire(fault: Fault, answer: bytes) -> None:
    async def scenario(gateway: ModbusGateway, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        await exchange(client, frame(5, 17, ASKED), answer)
        if isinstance(fault, HangUp):
            assert await client[0].read() == b""
            client = await connect()
        await exchange(client, frame(6, 21, ASKED), frame(6, 21, TOLD))

    with_gateway(scenario, fault)


def test_faults_of_a_gateway_change_from_request_to_request() -> None:
    async def scenario(gateway: ModbusGateway, connect: Callable[[], Awaitable[Client]]) -> None:
        gateway.for_silence = None
        client = await connect()
        client[1].write(frame(1, 17, ASKED))
        await exchange(client, frame(2, 17, ASKED), frame(2, 17, "83 06"))
        client[1].write(frame(3, 17, ASKED))
        assert await client[0].read() == b""
        await exchange(await connect(), frame(4, 17, ASKED), frame(4, 17, TOLD))
        assert [asked.unit for asked in gateway.units.asked] == [17] * 4

    served = with_gateway(scenario, Script(Silent(), Refuse(6), HangUp()))
    assert [response.hex() for _, _, response in served] == ["8306", bytes.fromhex(TOLD).hex()]


def test_a_slow_unit_holds_the_link_a_late_one_does_not() -> None:
    async def scenario(gateway: ModbusGateway, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        both = frame(1, 17, ASKED) + frame(2, 21, ASKED)
        first, second = frame(1, 17, TOLD), frame(2, 21, TOLD)
        began = asyncio.get_running_loop().time()
        await exchange(client, both, first + second)
        assert asyncio.get_running_loop().time() - began >= 0.2
        gateway.units.set_faults(17, Late(0.2))
        await exchange(client, both, second + first)

    assert [unit for unit, _, _ in with_gateway(scenario, Slow(0.2))] == [17, 21, 21]


def test_a_late_answer_is_lost_with_its_connection() -> None:
    async def scenario(gateway: ModbusGateway, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        await exchange(client, frame(1, 17, ASKED) + frame(2, 21, ASKED), frame(2, 21, TOLD))
        client[1].write_eof()
        assert await client[0].read() == b""

    with_gateway(scenario, Late(60))


def test_a_late_hang_up_ends_the_connection() -> None:
    async def scenario(gateway: ModbusGateway, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        client[1].write(frame(1, 17, ASKED) + frame(2, 21, ASKED))
        assert await client[0].read() == frame(2, 21, TOLD) + frame(1, 17, TOLD)[:5]

    with_gateway(scenario, Late(0.1), HangUp(5))


@pytest.mark.parametrize("code", [0x0A, 0x0B])
def test_a_gateway_answers_in_place_of_a_silent_unit(code: int) -> None:
    async def scenario(gateway: ModbusGateway, connect: Callable[[], Awaitable[Client]]) -> None:
        gateway.for_silence, gateway.silence_time = code, 0.2
        client = await connect()
        began = asyncio.get_running_loop().time()
        await exchange(client, frame(1, 17, ASKED), frame(1, 17, f"83 {code:02x}"))
        assert asyncio.get_running_loop().time() - began >= 0.2

    with_gateway(scenario, Silent())


def test_a_gateway_with_one_connection_closes_or_ignores_another() -> None:
    async def scenario(gateway: ModbusGateway, connect: Callable[[], Awaitable[Client]]) -> None:
        gateway.listener.most = 1
        first = await connect()
        await exchange(first, frame(1, 17, ASKED), frame(1, 17, TOLD))
        assert await (await connect())[0].read() == b""
        gateway.listener.beyond = "ignore"
        ignored = await connect()
        ignored[1].write(frame(1, 17, ASKED))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ignored[0].read(1), 0.2)
        await exchange(first, frame(2, 17, ASKED), frame(2, 17, TOLD))
        first[1].write_eof()
        assert await first[0].read() == b""
        await exchange(await connect(), frame(3, 17, ASKED), frame(3, 17, TOLD))
        assert gateway.listener.accepted == 4

    with_gateway(scenario)


def test_a_gateway_drops_connections_without_a_pause_in_listening() -> None:
    async def scenario(gateway: ModbusGateway, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        await exchange(client, frame(1, 17, ASKED), frame(1, 17, TOLD))
        await gateway.listener.drop()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await client[0].readexactly(1)
        await exchange(await connect(), frame(2, 17, ASKED), frame(2, 17, TOLD))

    with_gateway(scenario)


def test_a_stopped_gateway_cuts_connections_and_frees_the_port() -> None:
    async def scenario(gateway: ModbusGateway, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        await exchange(client, frame(1, 17, ASKED), frame(1, 17, TOLD))
        port = gateway.listener.port
        await gateway.listener.stop()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await client[0].readexactly(1)
        with pytest.raises(ConnectionRefusedError):
            await connect()
        await gateway.listener.resume()
        assert gateway.listener.port == port
        await exchange(await connect(), frame(2, 17, ASKED), frame(2, 17, TOLD))

    with_gateway(scenario)
