"""Meters that answer some of their registers in odd ways: only these are dead, and named in one line."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from inviseobox.simulator.fault_choice import Touching
from inviseobox.simulator.faults import Deformed, Holes, Late, ReadLimit, Refuse, Silent, WrongPdu, WrongUnit
from inviseobox.simulator.modbus_pdu import exception
from inviseobox.simulator.modbus_reply import Asked, Fault, Replies
from inviseobox.simulator.noise import garbage_instead, truncated
from tests.support import virtual_time

from .odd_units import PERIOD, UNIT, Rounds, described, image, reading
from .wires import TRANSPORTS, Box, wire

HOUR = 3600.0
TIMES = {"tcp": HOUR, "rtu over tcp": 600.0, "serial": 200.0}
"""Seconds of rounds on each transport; a pseudo-terminal takes its own time for each frame."""


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class TwiceTheBytes:
    """The answer holds each register twice."""

    def __call__(self, asked: Asked, replies: Replies) -> Replies:
        return tuple(
            replace(reply, pdu=bytes([reply.pdu[0], 2 * reply.pdu[1] & 0xFF]) + 2 * reply.pdu[2:], counts=False)
            for reply in replies
        )


class BusyAfterPause:
    """Busy for `seconds` whenever nothing was asked for a second; `now` is the clock."""

    def __init__(self, seconds: float, now: Callable[[], float]) -> None:
        self._seconds = seconds
        self._now = now
        self._last = self._woken = float("-inf")

    def __call__(self, asked: Asked, replies: Replies) -> Replies:
        now = self._now()
        if now - self._last > 1:
            self._woken = now
        self._last = now
        return Refuse(6)(asked, replies) if now - self._woken < self._seconds else replies


def lines_of_the_unit(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the lines apart from that of the link, on which answers of strange units are taken for a master's."""
    return [line for line in caplog.messages if "somebody else" not in line]


ODD: dict[str, Fault] = {
    "silence": Silent(),
    "late": Late(1.4),
    "too short": WrongPdu("short"),
    "too long": WrongPdu("long"),
    "twice the bytes": TwiceTheBytes(),
    "another function": WrongPdu("function"),
    "another unit": WrongUnit(),
    "truncated": Deformed(truncated(2)),
    "garbage": Deformed(garbage_instead(30)),
    **{f"exception {code}": Refuse(code) for code in (1, 2, 3, 4, 5, 6, 8, 10, 11, 99)},
}


@pytest.mark.parametrize(
    ("transport", "kind"),
    [
        *((transport, kind) for transport in ("tcp", "rtu over tcp") for kind in ODD),
        *(("serial", kind) for kind in ("silence", "twice the bytes", "exception 4", "exception 6")),
    ],
)
def test_one_register_that_is_answered_in_an_odd_way_is_dead_alone_and_named_in_one_line(
    transport: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The others keep 90 % of their readings, over an hour on TCP, in at most twice the requests of the best plan."""

    async def scenario() -> None:
        wanted = [10, 48, 98, 100, 102, 300]
        async with reading(transport, wanted, Touching({100}, ODD[kind]), period=10) as rounds:
            await rounds.go_on(TIMES[transport])
            for address in wanted:
                if address != 100:
                    assert rounds.share(address) >= 0.9, address
            assert rounds.share(100) == 0
            # Alone, together, alone, alone, alone, alone: 98 and 102 cannot be bridged over 100.
            assert len(rounds.asked()) <= 2 * 5 * TIMES[transport] / 10
        (line,) = lines_of_the_unit(caplog)
        assert "r100" in line
        assert "check its power" not in line

    virtual_time.run(scenario())


@pytest.mark.parametrize(
    "wanted", [(10, 98, 100, 102, 300), (100, 200, 300), (10, 100), (99, 100, 101), range(90, 120)]
)
def test_a_register_that_is_silent_costs_a_few_rounds_at_most(transport: str, wanted: list[int]) -> None:
    """Wherever it stands among the others, the lowest of all or in the middle of a long read."""

    async def scenario() -> None:
        async with reading(transport, wanted, Touching({100}, Silent())) as rounds:
            for _ in range(6):
                bad = await rounds.bad()
            assert bad == {100}

    virtual_time.run(scenario())


def test_a_probe_of_a_silent_unit_asks_another_register_each_time_and_keeps_what_it_reads(transport: str) -> None:
    async def scenario() -> None:
        wanted = [10, 100, 200, 300]
        async with reading(transport, wanted, Silent()) as rounds:
            assert await rounds.bad() == set(wanted)
            rounds.link.units.set_faults(UNIT, Touching({10, 100, 200}, Silent()))
            await rounds.go_on(150)
            assert rounds.box.good()["300"] >= 8
            assert rounds.share(10) == 0

    virtual_time.run(scenario())


@pytest.mark.parametrize("code", [2, 3, 4, 1])
def test_what_was_read_well_is_read_again_soon_after_it_was_refused_for_a_while(transport: str, code: int) -> None:
    async def scenario() -> None:
        wanted = [10, 12, 14, 100]
        async with reading(transport, wanted) as rounds:
            await rounds.go_on(1000)
            rounds.link.units.set_faults(UNIT, Refuse(code))
            await rounds.go_on(12)
            rounds.link.units.set_faults(UNIT)
            await rounds.go_on(12)
            assert await rounds.bad() == set()
            await rounds.go_on(200)
            assert len(rounds.asked()) <= 2 * 200 / PERIOD + 4, "in two requests, as before"

    virtual_time.run(scenario())


def test_a_single_exception_costs_no_reading(transport: str) -> None:
    async def scenario() -> None:
        async with reading(transport, [10, 12, 14, 100]) as rounds:
            await rounds.next()
            for code in (3, 2, 4, 6):
                once = iter([Refuse(code)])

                def first(asked: Asked, replies: Replies, once: Any = once) -> Replies:
                    fault = next(once, None)
                    return fault(asked, replies) if fault else replies

                rounds.link.units.set_faults(UNIT, first)
                for _ in range(3):
                    assert await rounds.bad() == set()

    virtual_time.run(scenario())


@pytest.mark.parametrize("seconds", [0.3, 0.6, 1.2])
def test_a_unit_that_is_busy_after_each_pause_is_asked_again_at_the_end_of_the_round(
    transport: str, seconds: float
) -> None:
    async def scenario() -> None:
        busy = BusyAfterPause(seconds, asyncio.get_running_loop().time)
        async with reading(transport, [10, 100, 200], busy) as rounds:
            for _ in range(10):
                assert await rounds.bad() == set()

    virtual_time.run(scenario())


@pytest.mark.parametrize("code", [None, 2, 3, 4])
def test_a_unit_that_takes_no_long_reads_loses_nothing_by_the_trials_of_longer_ones(
    transport: str, code: int | None
) -> None:
    async def scenario() -> None:
        wanted = list(range(60))
        async with reading(transport, wanted, ReadLimit(20, code), period=10) as rounds:
            await rounds.go_on(60)
            await rounds.go_on(3 * TIMES[transport])
            assert min(rounds.share(address) for address in wanted) == 1
            assert len(rounds.asked()) <= 4 * 3 * TIMES[transport] / 10 + 40

    virtual_time.run(scenario())


def test_lengths_that_a_unit_takes_are_kept_over_a_restart() -> None:
    async def scenario() -> None:
        wanted = list(range(60))
        async with wire("tcp", {UNIT: image}) as link:
            link.units.set_faults(UNIT, ReadLimit(20, None))
            box = Box()
            async with box.polling(described(link, wanted)):
                await asyncio.sleep(60)
            link.units.asked.clear()
            async with box.polling(described(link, wanted)):
                again = Rounds(link, box, wanted)
                assert await again.bad() == set()
                assert max(len(asked) for asked in again.asked()) <= 20

    virtual_time.run(scenario())


def test_as_many_registers_are_asked_for_as_the_list_says(transport: str) -> None:
    """The device refuses count 1."""

    def picky(asked: Asked, replies: Replies) -> Replies:
        if len(asked.addresses) != 2:
            return tuple(replace(reply, pdu=exception(3, 3)) for reply in replies)
        return replies

    async def scenario() -> None:
        async with reading(transport, [10, 100], picky, count=2) as rounds:
            for _ in range(3):
                assert await rounds.bad() == set()

    virtual_time.run(scenario())


@pytest.mark.parametrize(
    "fault", [Holes({11, 101}), Touching({11, 101}, Silent()), Touching({11, 101}, WrongPdu("short"))]
)
def test_the_width_of_the_class_is_asked_for_where_the_count_of_the_list_is_refused(
    transport: str, fault: Fault
) -> None:
    async def scenario() -> None:
        async with reading(transport, [10, 100], fault, count=2) as rounds:
            await rounds.next()
            for _ in range(3):
                assert await rounds.bad() == set()
            rounds.asked()
            await rounds.go_on(100)
            assert all(len(asked) == 1 for asked in rounds.asked())

    virtual_time.run(scenario())


def test_many_registers_with_one_cause_are_told_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        wanted = [*range(40, 60), 300]
        async with reading("tcp", wanted, Holes(range(50, 60))) as rounds:
            for _ in range(4):
                assert await rounds.bad() == set(range(50, 60))
        assert len(caplog.records) == 1, caplog.messages
        assert "50-59" in caplog.messages[0]

    virtual_time.run(scenario())


@pytest.mark.parametrize("kind", ["too short", "another unit", "another function", "garbage"])
def test_a_unit_without_any_valid_answer_is_told_by_what_is_odd_about_its_answers(
    transport: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with reading(transport, [10, 100], ODD[kind]) as rounds:
            await rounds.go_on(100)
        (line,) = lines_of_the_unit(caplog)
        assert "meter (unit 1" in line
        assert ("check its power" in line) == ("no answer" in line)

    virtual_time.run(scenario())
