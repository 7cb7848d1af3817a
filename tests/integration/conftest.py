"""What the tests share: a place for a daemon, and both framings of Modbus over TCP."""

from collections.abc import Iterator

import pytest

from inviseobox.links import Framing

from .daemons import Place, place


@pytest.fixture
def box() -> Iterator[Place]:
    with place() as made:
        yield made


@pytest.fixture(params=[Framing.TCP, Framing.RTU], ids=["tcp", "rtu over tcp"])
def framing(request: pytest.FixtureRequest) -> Framing:
    framing: Framing = request.param
    return framing
