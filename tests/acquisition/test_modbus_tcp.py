"""A Modbus link over TCP: right answers are read, and errors say what is wrong."""

import asyncio

import pytest

from inviseobox.acquisition.modbus_link import ModbusLink
from inviseobox.devices.links import Framing, TcpLink
from inviseobox.devices.registers import FunctionCode, Span
from inviseobox.errors import LinkDown, NoAnswer, Refused
from inviseobox.network.name_lookup import NameLookups
from inviseobox.simulator.modbus_gateway import ModbusGateway
from inviseobox.simulator.modbus_units import ModbusUnits
from tests.support import virtual_time

from .frames import Asked, device, holding, right, values
from .modbus_tcp_links import TIMEOUT, assert_is_a_line, framed, honest, opened, talking_to

SPANS = [
    Span(1, FunctionCode.COILS, 0, 1),
    Span(1, FunctionCode.COILS, 5, 13),
    Span(1, FunctionCode.COILS, 0, 2000),
    Span(2, FunctionCode.DISCRETE_INPUTS, 65_535, 1),
    Span(2, FunctionCode.DISCRETE_INPUTS, 100, 16),
    Span(3, FunctionCode.HOLDING_REGISTERS, 0, 1),
    Span(247, FunctionCode.HOLDING_REGISTERS, 1000, 125),
    Span(255, FunctionCode.INPUT_REGISTERS, 65_411, 125),
    Span(0, FunctionCode.INPUT_REGISTERS, 52, 2),
]


def test_all_four_function_codes_are_read_over_tcp(framing: Framing) -> None:
    async def scenario() -> None:
        async with talking_to(honest(framing), framing) as link:
            for span in SPANS:
                if framing is Framing.TCP or 1 <= span.unit <= 247:
                    assert await link.read(span) == values(span), span

    virtual_time.run(scenario())


def test_the_simulated_gateway_is_read_over_one_connection() -> None:
    async def scenario() -> None:
        image = {3: {107: 0x022B, 108: 0, 109: 0x0064}, 1: {address: address % 2 for address in range(20)}}
        gateway = ModbusGateway(ModbusUnits({17: lambda: image}))
        await gateway.listener.start()
        try:
            async with opened(gateway.listener.port) as link:
                assert await link.read(Span(17, FunctionCode.HOLDING_REGISTERS, 107, 3)) == [0x022B, 0, 0x0064]
                assert await link.read(Span(17, FunctionCode.COILS, 0, 19)) == [0, 1] * 9 + [0]
                for span, code in ((Span(17, FunctionCode(3), 0, 1), 2), (Span(18, FunctionCode(3), 107, 1), 11)):
                    with pytest.raises(Refused) as refused:
                        await link.read(span)
                    assert refused.value.exception_code == code
                assert gateway.listener.connections == 1, "a refusal is no reason to hang up"
        finally:
            await gateway.listener.stop()

    virtual_time.run(scenario())


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "illegal function"),
        (2, "illegal data address"),
        (3, "illegal data value"),
        (4, "device failure"),
        (5, "acknowledge"),
        (6, "busy"),
        (8, "parity"),
        (10, "gateway path"),
        (11, "gateway target"),
        (77, "77"),
    ],
)
def test_exceptions_keep_their_code_and_say_what_it_means(framing: Framing, code: int, words: str) -> None:
    async def refusing(asked: Asked, writer: asyncio.StreamWriter) -> None:
        pdu = bytes([asked.function | 0x80, code]) if asked.number == 1 else right(asked)
        writer.write(framed(framing, asked, pdu))

    async def scenario() -> None:
        async with talking_to(refusing, framing) as link:
            with pytest.raises(Refused, match=words) as refused:
                await link.read(holding(3, 2))
            assert refused.value.exception_code == code
            assert await link.read(holding(3, 2)) == [3, 4]

    virtual_time.run(scenario())


@pytest.mark.parametrize("cut", [1, 3, 5, 6, 7, 8, 9, 12])
def test_an_answer_in_two_tcp_segments_is_read(framing: Framing, cut: int) -> None:
    async def halting(asked: Asked, writer: asyncio.StreamWriter) -> None:
        frame = framed(framing, asked, right(asked))
        writer.write(frame[:cut])
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.write(frame[cut:])

    async def scenario() -> None:
        async with talking_to(halting, framing, timeout=2) as link:
            for address in (7, 70, 700):
                assert await link.read(holding(address, 4)) == values(holding(address, 4))

    virtual_time.run(scenario())


def test_hanging_up_instead_of_answering_is_noticed_at_once(framing: Framing) -> None:
    async def hanging_up(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.number == 1:
            writer.close()
        else:
            writer.write(framed(framing, asked, right(asked)))

    async def scenario() -> None:
        async with talking_to(hanging_up, framing, timeout=5) as link:
            began = asyncio.get_running_loop().time()
            with pytest.raises(NoAnswer, match="closed"):
                await link.read(holding(1, 1))
            assert asyncio.get_running_loop().time() - began < 1
            assert await link.read(holding(1, 1)) == [1]

    virtual_time.run(scenario())


def test_hanging_up_between_two_requests_costs_no_request(framing: Framing) -> None:
    """Gateways drop idle connections; the next read opens a new one."""

    async def one_each(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(framed(framing, asked, right(asked)))
        await writer.drain()
        writer.close()

    async def scenario() -> None:
        async with talking_to(one_each, framing) as link:
            for address in range(3):
                assert await link.read(holding(address, 1)) == [address]
                await asyncio.sleep(0.05)

    virtual_time.run(scenario())


def test_silence_takes_the_time_out_and_says_so(framing: Framing) -> None:
    async def silent(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.number == 1:
            writer.write(framed(framing, asked, right(asked)))

    async def scenario() -> None:
        async with talking_to(silent, framing) as link:
            assert await link.read(holding(0, 1)) == [0]
            began = asyncio.get_running_loop().time()
            with pytest.raises(NoAnswer, match=r"no answer within 0\.3 s \(modbus\.timeout\)"):
                await link.read(holding(1, 1))
            assert TIMEOUT <= asyncio.get_running_loop().time() - began < TIMEOUT + 0.3

    virtual_time.run(scenario())


def test_a_refused_connection_says_so(framing: Framing) -> None:
    async def nobody(asked: Asked, writer: asyncio.StreamWriter) -> None:
        raise AssertionError

    async def scenario() -> None:
        async with device(nobody) as port:
            pass
        async with opened(port, framing) as link:
            with pytest.raises(LinkDown, match="refused"):
                await link.read(holding(1, 1))
            with pytest.raises(LinkDown, match="refused"):
                await link.reopen()

    virtual_time.run(scenario())


@pytest.mark.parametrize("host", ["192.0.2..7", "a" * 64 + ".example", "::1%nope"])
def test_an_invalid_address_is_a_link_that_is_down(host: str) -> None:
    async def scenario() -> None:
        link = ModbusLink(TcpLink(host, 502, Framing.TCP), TIMEOUT, NameLookups())
        with pytest.raises(LinkDown) as raised:
            await link.read(holding(1, 1))
        assert_is_a_line(raised.value)

    virtual_time.run(scenario())


def test_a_lost_tcp_connection_is_opened_again(framing: Framing) -> None:
    async def scenario() -> None:
        async with device(honest(framing), is_rtu=framing is Framing.RTU) as port:
            pass
        async with opened(port, framing) as link:
            async with device(honest(framing), is_rtu=framing is Framing.RTU, port=port):
                assert await link.read(holding(1, 1)) == [1]
            with pytest.raises((LinkDown, NoAnswer)):
                await link.read(holding(1, 1))
            with pytest.raises(LinkDown):
                await link.read(holding(1, 1))
            async with device(honest(framing), is_rtu=framing is Framing.RTU, port=port):
                assert await link.read(holding(1, 1)) == [1]

    virtual_time.run(scenario())


def test_a_cancelled_tcp_read_ends_at_once_and_leaves_the_link_usable(framing: Framing) -> None:
    came = asyncio.Event()

    async def silent_at_first(asked: Asked, writer: asyncio.StreamWriter) -> None:
        came.set()
        if asked.number > 1:
            writer.write(framed(framing, asked, right(asked)))

    async def scenario() -> None:
        async with talking_to(silent_at_first, framing, timeout=30) as link:
            reading = asyncio.ensure_future(link.read(holding(1, 1)))
            await asyncio.wait_for(came.wait(), 5)
            began = asyncio.get_running_loop().time()
            reading.cancel()
            await asyncio.wait([reading], timeout=5)
            assert reading.cancelled()
            assert asyncio.get_running_loop().time() - began < 0.5
            assert await link.read(holding(2, 1)) == [2]

    virtual_time.run(scenario())


def test_a_tcp_read_may_be_cancelled_in_any_turn_of_the_loop(framing: Framing) -> None:
    async def scenario() -> None:
        turns, is_read = 0, False
        while not is_read:
            async with talking_to(honest(framing), framing, timeout=30) as link:
                reading = asyncio.ensure_future(link.read(holding(1, 1)))
                for _ in range(turns):
                    await asyncio.sleep(0)
                is_read = reading.done()
                reading.cancel()
                await asyncio.wait([reading], timeout=5)
                assert reading.cancelled() or reading.result() == [1]
                assert await link.read(holding(2, 1)) == [2]
            turns += 1

    virtual_time.run(scenario())


def test_a_tcp_link_sends_one_request_at_a_time_over_one_connection(framing: Framing) -> None:
    at_work = 0
    connections = set()

    async def act(asked: Asked, writer: asyncio.StreamWriter) -> None:
        nonlocal at_work
        connections.add(writer)
        at_work += 1
        assert at_work == 1
        await asyncio.sleep(0.01)
        at_work -= 1
        writer.write(framed(framing, asked, right(asked)))

    async def scenario() -> None:
        async with talking_to(act, framing, timeout=2) as link:
            spans = [holding(address, 1 + address % 5, unit=1 + address % 3) for address in range(20)]
            assert await asyncio.gather(*map(link.read, spans)) == list(map(values, spans))
        assert len(connections) == 1

    virtual_time.run(scenario())
