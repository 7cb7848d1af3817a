"""What the tests share: a place for a daemon."""

from collections.abc import Iterator

import pytest

from tests.support.daemons import Place, place


@pytest.fixture
def box() -> Iterator[Place]:
    with place() as made:
        yield made
