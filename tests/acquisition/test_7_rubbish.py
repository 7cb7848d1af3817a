"""Thousands of random and mutated answers: an error each, never a wrong value, and no memory kept.

Ten thousand on Modbus over TCP in both framings, a quarter of it elsewhere, unless INVISEOBOX_RUBBISH says how many.
"""

import asyncio
import contextlib
import gc
import random
import sys
from collections import Counter, deque

import pytest

from inviseobox.acquisition.http_sensor import read_page, read_value
from inviseobox.acquisition.modbus_link import ModbusLink
from inviseobox.devices.registers import FunctionCode, Span
from inviseobox.errors import ReadError
from inviseobox.network.name_lookup import NameLookups
from inviseobox.simulator.faults import Deformed
from inviseobox.simulator.modbus_pdu import UnitImage
from tests.support import virtual_time
from tests.support.tcp import serving

from .pages import http_client
from .rubbish import COUNT, SLOW_COUNT, page, readable_page, readable_rtu, readable_tcp, spoilt_frame, spoilt_page
from .wires import TRANSPORTS, wire

UNIT = 17
RIGHT = 0.3
"""The share of answers that are right."""
KEPT = 3000
"""Blocks of memory that may have been added after the first fifth, whatever the number of answers."""


class Memory:
    """What the interpreter holds, after all that can be collected was."""

    def __init__(self) -> None:
        gc.collect()
        self.blocks = sys.getallocatedblocks()

    def grown(self) -> int:
        gc.collect()
        return sys.getallocatedblocks() - self.blocks


@pytest.mark.timeout(900)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_no_rubbish_on_a_modbus_link_is_more_than_an_error(transport: str, caplog: pytest.LogCaptureFixture) -> None:
    dice = random.Random(f"rubbish {transport}")  # noqa: S311
    is_tcp = transport == "tcp"
    total = SLOW_COUNT if transport == "serial" else COUNT
    sent: deque[tuple[bytes, bytes]] = deque(maxlen=2)
    counts: Counter[str] = Counter()

    def image() -> UnitImage:
        return {3: {address: dice.randrange(0x10000) for address in range(8)}}

    def deform(frame: bytes, request: bytes) -> bytes:
        is_right = dice.random() < RIGHT
        out = frame if is_right else spoilt_frame(frame, request, dice, is_tcp=is_tcp)
        counts["right"] += is_right
        sent.append((request, out))
        return out

    def readable(count: int) -> list[list[int]]:
        # The rest of the answer before may be in front of this one.
        data = b"".join(out for _, out in sent)
        if is_tcp:
            return list(readable_tcp(data, sent[-1][0][:2], UNIT, 3, count))
        return list(readable_rtu(data, UNIT, 3, count))

    async def scenario() -> None:
        memory = Memory()
        async with wire(transport, {UNIT: image}) as one:
            one.units.set_faults(None, Deformed(deform))
            link = ModbusLink(one.link, 0.1, NameLookups())
            for number in range(total):
                if number == total // 5:
                    memory = Memory()
                # Of another length each time, so that an answer that comes twice is told from the next one.
                count = 1 + number % 7
                with contextlib.suppress(ReadError):
                    values = await link.read(Span(UNIT, FunctionCode.HOLDING_REGISTERS, 0, count))
                    assert values in readable(count), (number, sent)
                    counts["read"] += 1
                one.units.asked.clear()
                if not is_tcp:
                    one.line.frames.clear()
                    one.line.rubbish.clear()
            assert memory.grown() < KEPT
            await link.close()
            await asyncio.sleep(1)
        # The last request that was given up ends in the library; asyncio would tell of one that ends with the loop.
        await asyncio.sleep(1)

    virtual_time.run(scenario())
    assert counts["read"] > 0.9 * counts["right"] > 0.2 * total
    assert caplog.records == [], "an answer is no reason for a line"


@pytest.mark.timeout(900)
def test_no_rubbish_from_a_sensor_page_is_more_than_an_error(caplog: pytest.LogCaptureFixture) -> None:
    dice = random.Random("rubbish pages")  # noqa: S311
    sent: list[bytes] = []
    counts: Counter[str] = Counter()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            answer = page(round(dice.uniform(-40, 40), 2), dice)
            is_right = dice.random() < RIGHT
            counts["right"] += is_right
            sent.append(answer if is_right else spoilt_page(answer, dice))
            writer.write(sent[-1])
            await writer.drain()
            if not is_right:
                return

    def readable() -> list[float]:
        values = []
        for document in map(readable_page, sent):
            with contextlib.suppress(ReadError):
                values.append(read_value(document, "temp1"))
        return values

    async def scenario() -> None:
        memory = Memory()
        async with serving(serve) as port, http_client() as client:
            url = f"http://127.0.0.1:{port}/"
            for number in range(SLOW_COUNT):
                if number == SLOW_COUNT // 5:
                    memory = Memory()
                sent.clear()
                with contextlib.suppress(ReadError):
                    value = read_value(await read_page(client, url, timeout=1, max_body=65_536), "temp1")
                    assert value in readable(), (number, sent)
                    counts["read"] += 1
            assert memory.grown() < KEPT

    virtual_time.run(scenario())
    assert counts["read"] > 0.9 * counts["right"] > 0.2 * SLOW_COUNT
    assert caplog.records == []
