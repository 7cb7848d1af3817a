"""Ten units with twenty single floats each, in two blocks of ten with a small gap between them."""

import pytest

from inviseobox.simulator.meters import two_blocks
from tests.support import virtual_time

from .wires import TRANSPORTS, Box, Meters, wire

UNITS = range(1, 11)


async def requests_a_round(transport: str, *, holes: bool) -> list[dict[int, int]]:
    """Count each unit's requests in the first round and in the three after it; check every value."""
    meters = Meters([two_blocks(unit, gap=4, holes=holes) for unit in UNITS], transport)
    box = Box()
    counts: list[dict[int, int]] = []
    async with wire(transport, meters.images, served=meters.served) as link:
        devices = meters.devices(link.communication)
        async with box.polling(*devices):
            for _ in range(4):
                values = await box.next_round(200)
                assert values == {name: meters.expected(name) for name in values}
                assert len(values) == 200
                counts.append(dict(link.asked()))
    return counts


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_unit_is_read_with_one_request_a_round(transport: str) -> None:
    async def scenario() -> None:
        assert await requests_a_round(transport, holes=False) == 4 * [dict.fromkeys(UNITS, 1)]

    virtual_time.run(scenario())


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_unit_that_refuses_to_bridge_a_gap_is_read_with_two_requests_a_round(transport: str) -> None:
    """Only the first round takes more, to find out; every value is read all the same."""

    async def scenario() -> None:
        first, *later = await requests_a_round(transport, holes=True)
        assert set(first) == set(UNITS)
        assert max(first.values()) <= 4
        assert later == 3 * [dict.fromkeys(UNITS, 2)]

    virtual_time.run(scenario())
