"""One silent unit among ten on a link: ten minutes of rounds every ten seconds."""

import asyncio

import pytest

from inviseobox.simulator.faults import Silent
from inviseobox.simulator.meters import two_blocks
from tests.support import virtual_time

from .wires import TRANSPORTS, Box, Meters, wire

PERIOD = 10.0
ROUNDS = 60


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("silent", [1, 6], ids=["the first", "in the middle"])
def test_a_silent_unit_harms_no_other_and_is_read_again_soon_after_its_return(
    transport: str, silent: int, caplog: pytest.LogCaptureFixture
) -> None:
    """At least 95 % for each measurement of the others; within 60 s of its return for the silent one."""
    caplog.set_level("INFO", "inviseobox")

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        meters = Meters([two_blocks(unit) for unit in range(1, 11)], transport)
        box = Box()
        async with wire(transport, meters.images, served=meters.served) as link:
            devices = meters.devices(link.communication)
            link.units.set_faults(silent, Silent())
            own = {one["_id"] for one in devices[silent - 1]["measurements"]}
            began = loop.time()
            async with box.polling(*devices):
                await asyncio.sleep(ROUNDS * PERIOD - 1)
                good, failed = box.good(), box.failed()
                assert len(good) == 180
                assert min(good.values()) >= 0.95 * ROUNDS
                assert set(failed) == own
                assert set(failed.values()) == {ROUNDS}, "what back-off skips counts as failed"
                assert [record.levelname for record in caplog.records] == ["WARNING"]
                link.units.set_faults(silent)
                back = loop.time()
                await asyncio.sleep(61)
                for name in own:
                    first = min(at for at, value in box.of(name) if value is not None)
                    assert first - back <= 60
                assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
            assert loop.time() - began < 700

    virtual_time.run(scenario())
