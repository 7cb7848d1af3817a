"""Answers that come late, twice, or both: none is ever booked to another measurement.

Every register says which one it is. What no RTU reader can tell apart is left out: an answer that comes twice, or later
than the guard time, for another read of the same unit, function code and length.
"""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inviseobox.acquisition.modbus_link import GUARD_TIME
from inviseobox.configuration import ModbusSettings
from inviseobox.devices.links import Framing
from inviseobox.errors import NoAnswer, Refused
from inviseobox.simulator.fault_choice import Script
from inviseobox.simulator.faults import Late, Slow, Twice
from inviseobox.simulator.modbus_pdu import UnitImage
from inviseobox.simulator.modbus_reply import Asked, Fault, Replies
from tests.support import virtual_time
from tests.support.entries import listed, modbus_device

from .frames import Asked as Request
from .frames import holding, right, values
from .frames import registers as answer
from .modbus_tcp_links import framed, talking_to
from .wires import TRANSPORTS, Box, wire

TIMEOUT = 1.0
EXAMPLES = 40

ALIKE = {unit: [0, 50, 100, 150] for unit in (1, 2, 3)}
"""Reads that nothing tells apart but their address, which no answer repeats."""
OF_ALL_LENGTHS = {unit: [0, 50, 51, 100, 101, 102, 150, 151, 152, 153] for unit in (1, 2, 3)}
"""Reads of one unit that differ in length."""


def both(first: Fault, second: Fault) -> Fault:
    def fault(asked: Asked, replies: Replies) -> Replies:
        return second(asked, first(asked, replies))

    return fault


def seconds(longest: float) -> st.SearchStrategy[float]:
    return st.floats(0, longest, allow_subnormal=False)


def late(longest: float) -> st.SearchStrategy[Fault]:
    return st.builds(Late, seconds(longest)) | st.builds(Slow, seconds(longest))


def doubled(longest: float) -> st.SearchStrategy[Fault]:
    return st.builds(Twice, seconds(longest)) | st.builds(both, late(longest), st.builds(Twice, seconds(longest)))


def scripts(*faults: st.SearchStrategy[Fault]) -> st.SearchStrategy[list[Fault | None]]:
    return st.lists(st.one_of(st.none(), *faults), min_size=1, max_size=12)


def registers(unit: int) -> UnitImage:
    return {3: {address: 1000 * unit + address for address in range(200)}}


def poll_through(transport: str, units: dict[int, list[int]], script: Sequence[Fault | None]) -> None:
    async def scenario() -> None:
        box = Box(ModbusSettings(period=10, timeout=TIMEOUT, gap=0))
        images = {unit: lambda unit=unit: registers(unit) for unit in units}
        async with wire(transport, images) as link:
            link.units.set_faults(None, Script(*script))
            device = {**modbus_device(0, units), "communication": link.communication}
            async with box.polling(device):
                await asyncio.sleep(65)
        for _, reading in box.readings:
            unit, _, address = reading.series.measurement.partition("/")
            assert reading.value in (None, 1000 * int(unit) + int(address)), reading.series.measurement
        # It goes on: in the last round everything was read.
        last = {one.series.measurement: one.value for _, one in box.readings}
        assert len(last) == sum(map(len, units.values()))
        assert transport == "serial" or None not in last.values()

    virtual_time.run(scenario())


@settings(max_examples=EXAMPLES)
@given(scripts(late(3.0), doubled(3.0)))
@example([Late(1.2), None, Late(0.9)])
@example([Twice(), Twice(), Twice(0.5)])
def test_late_and_doubled_tcp_answers_are_booked_to_no_other_measurement(script: list[Fault | None]) -> None:
    poll_through("tcp", ALIKE, script)


@pytest.mark.parametrize("transport", TRANSPORTS[1:])
def test_late_rtu_answers_to_reads_that_are_alike_are_booked_to_no_other_measurement(transport: str) -> None:
    @settings(max_examples=EXAMPLES)
    @given(scripts(late(TIMEOUT + GUARD_TIME - 0.1)))
    @example([Late(1.05), Late(1.2), Late(1.39)])
    def holds(script: list[Fault | None]) -> None:
        poll_through(transport, ALIKE, script)

    holds()


@pytest.mark.parametrize("transport", TRANSPORTS[1:])
def test_late_and_doubled_rtu_answers_to_reads_of_other_lengths_are_booked_to_no_other_measurement(
    transport: str,
) -> None:
    @settings(max_examples=EXAMPLES)
    @given(scripts(late(4.0), doubled(4.0)))
    @example([Twice(), Twice(), Twice(0.01), Late(1.6)])
    def holds(script: list[Fault | None]) -> None:
        poll_through(transport, OF_ALL_LENGTHS, script)

    holds()


@pytest.mark.parametrize("change", ["of the device list", "of the configuration"])
@pytest.mark.parametrize("late", [0.3, TIMEOUT - 0.1, TIMEOUT + GUARD_TIME - 0.1])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_answer_to_a_read_before_a_change_is_booked_to_no_read_after_it(
    transport: str, late: float, change: str
) -> None:
    """The task that asked was ended in mid-read; the one in its place knows nothing of that."""

    async def scenario() -> None:
        box = Box(ModbusSettings(period=10, timeout=TIMEOUT, gap=0))
        async with wire(transport, {1: lambda: registers(1)}) as link:
            link.units.set_faults(None, Script(Late(late), Late(late + 0.2)))
            before, after = (
                modbus_device(0, {1: addresses}) | {"communication": link.communication}
                for addresses in (ALIKE[1], ALIKE[1][1:])
            )
            async with box.polling(before) as acquisition:
                await virtual_time.until(lambda: bool(link.units.asked), 5)
                if change == "of the device list":
                    await acquisition.adopt(listed(after))
                    await box.next_round(3)
            if change == "of the configuration":
                async with box.polling(after):
                    await box.next_round(3)
        assert {(one.series.measurement, one.value) for _, one in box.readings if one.value is not None} <= {
            (f"1/{address}", 1000 + address) for address in ALIKE[1]
        }
        assert box.good().total() >= 3

    virtual_time.run(scenario())


@pytest.mark.parametrize("lag", [0.0, 0.03, 0.08])
def test_where_each_rtu_answer_comes_twice_none_is_booked_to_the_next_read(lag: float) -> None:
    """The last register is silent: the only answer that comes after its request is the second to the one before."""
    doubles: set[asyncio.Task[None]] = set()

    async def twice(asked: Request, writer: asyncio.StreamWriter) -> None:
        frame = framed(Framing.RTU, asked, right(asked))

        async def again() -> None:
            await asyncio.sleep(lag)
            writer.write(frame)

        if asked.address != 30:
            writer.write(frame)
            doubles.add(asyncio.ensure_future(again()))

    async def scenario() -> None:
        async with talking_to(twice, Framing.RTU) as link:
            for _ in range(3):
                for address in (10, 20):
                    assert await link.read(holding(address, 1)) == values(holding(address, 1))
                with pytest.raises(NoAnswer):
                    await link.read(holding(30, 1))

    virtual_time.run(scenario())


@pytest.mark.parametrize("lag", [0.0, 0.03, 0.08])
@pytest.mark.parametrize("refuses", [False, True])
def test_where_one_unit_of_a_quiet_line_answers_twice_none_is_booked_to_the_next_read(
    lag: float, refuses: bool
) -> None:
    """The line was found quiet with another unit; after that, what came just before is not believed at once."""
    doubles: set[asyncio.Task[None]] = set()

    async def act(asked: Request, writer: asyncio.StreamWriter) -> None:
        refused = refuses and asked.address == 10
        frame = framed(Framing.RTU, asked, bytes([0x83, 2]) if refused else right(asked))

        async def again() -> None:
            await asyncio.sleep(lag)
            writer.write(frame)

        if asked.address != 40:
            writer.write(frame)
            if asked.unit == 2:
                doubles.add(asyncio.ensure_future(again()))

    async def scenario() -> None:
        async with talking_to(act, Framing.RTU) as link:
            for unit in (1, 1, 2, 2, 1, 2):
                for address in (10, 20, 30):
                    span = holding(address, 1, unit)
                    if refuses and address == 10:
                        with pytest.raises(Refused):
                            await link.read(span)
                    else:
                        assert await link.read(span) == values(span)
                if unit == 2:
                    with pytest.raises(NoAnswer):
                        await link.read(holding(40, 1, unit))

    virtual_time.run(scenario())


def test_equal_values_of_neighbours_cost_a_unit_two_more_looks_in_its_life() -> None:
    asked: list[int] = []

    async def equal(request: Request, writer: asyncio.StreamWriter) -> None:
        asked.append(request.unit)
        writer.write(framed(Framing.RTU, request, answer(7)))

    async def scenario() -> None:
        async with talking_to(equal, Framing.RTU) as link:
            for unit in (1, 2, 3):
                for address in range(10):
                    assert await link.read(holding(address, 1, unit)) == [7]
        assert [asked.count(unit) for unit in (1, 2, 3)] == [11, 11, 11]

    virtual_time.run(scenario())
