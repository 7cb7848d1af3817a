"""What the tests share: both framings of Modbus over TCP."""

import pytest

from inviseobox.devices.links import Framing


@pytest.fixture(params=[Framing.TCP, Framing.RTU], ids=["tcp", "rtu over tcp"])
def framing(request: pytest.FixtureRequest) -> Framing:
    framing: Framing = request.param
    return framing
