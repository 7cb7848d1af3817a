"""A serial adapter that is pulled out for 30 s and put back."""

import asyncio
from collections.abc import Callable

import pytest

from inviseobox import events
from inviseobox.simulator.faults import Silent
from inviseobox.simulator.meters import two_blocks
from inviseobox.simulator.modbus_reply import Asked, Fault, Replies
from inviseobox.simulator.rtu_bus import RtuBus
from tests.support import virtual_time

from .wires import Box, Meters, Wire, wire

PERIOD = 10.0


async def between_rounds(link: Wire, pull: Callable[[], None]) -> None:
    await asyncio.sleep(5)
    pull()


async def in_a_round(link: Wire, pull: Callable[[], None]) -> None:
    """Pull when the second of three units is asked, and nothing has come from it yet."""
    asked = asyncio.Event()

    def pulling(question: Asked, replies: Replies) -> Replies:
        asked.set()
        pull()
        return ()

    link.units.set_faults(2, pulling)
    await asked.wait()
    link.units.clear_faults()


async def while_waiting(link: Wire, pull: Callable[[], None]) -> None:
    """Pull half a second after the request to a unit that is silent."""
    asked = asyncio.Event()

    def noticed(question: Asked, replies: Replies) -> Replies:
        asked.set()
        return replies

    silent: tuple[Fault, ...] = (noticed, Silent())
    link.units.set_faults(3, *silent)
    await asked.wait()
    await asyncio.sleep(0.5)
    pull()
    link.units.clear_faults()


@pytest.mark.parametrize("moment", [between_rounds, in_a_round, while_waiting])
def test_an_adapter_that_vanishes_for_30_s_is_polled_again_within_5_s(
    moment: Callable[[Wire, Callable[[], None]], asyncio.Future[None]], caplog: pytest.LogCaptureFixture
) -> None:
    """No restart, one line at each change, and one failed reading of each measurement for each round meanwhile."""
    caplog.set_level("INFO")

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        meters = Meters([two_blocks(unit) for unit in (1, 2, 3)], "serial")
        box = Box()
        async with wire("serial", meters.images, served=meters.served) as link:
            bus = link.instrument
            assert isinstance(bus, RtuBus)
            devices = meters.devices(link.communication)
            names = {one["_id"] for device in devices for one in device["measurements"]}
            async with box.polling(*devices):
                began = loop.time()
                await box.next_round(60)
                await asyncio.sleep(3 * PERIOD + 1)
                assert set(box.good().values()) == {4}
                pulling: list[asyncio.Task[None]] = []
                await moment(link, lambda: pulling.append(loop.create_task(bus.vanish())))
                await pulling[0]
                pulled = loop.time()
                await asyncio.sleep(PERIOD)
                assert [(one.levelname, link.link.name in one.getMessage()) for one in caplog.records] == [
                    ("WARNING", True)
                ]
                await asyncio.sleep(30 - PERIOD)
                assert box.good(since=pulled + 1).total() == 0
                assert len(caplog.records) == 1
                await bus.return_()
                returned = loop.time()
                await asyncio.sleep(6)
                for name in names:
                    first = min(at for at, value in box.of(name) if value is not None and at >= returned)
                    assert first - returned <= 5, name
                assert [one.levelname for one in caplog.records] == ["WARNING", "INFO"]
                assert link.link.name in caplog.messages[1]
                told = [vars(one)["MESSAGE_ID"] for one in caplog.records]
                assert told == [events.PORT_GONE.id, events.PORT_BACK.id]
                for name in names:
                    starts = [began + number * PERIOD for number in range(4, 9)]
                    due = [start for start in starts if start < returned - 1]
                    taken = [at for at, _ in box.of(name) if began + 3.5 * PERIOD < at < returned - 1]
                    # The round before the return may end on either side of it: opening the port takes its time.
                    assert len(due) - 1 <= len(taken) <= len(due), "one reading for each round that was due"
                failed = box.failed()
                assert set(failed.values()) <= {3, 4}
                assert failed.keys() == names
                await asyncio.sleep(3 * PERIOD)
                assert box.failed() == failed
                assert len(caplog.records) == 2

    virtual_time.run(scenario())
