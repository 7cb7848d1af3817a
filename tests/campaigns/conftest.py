"""What the campaigns share: root, time, and a place for a daemon."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.daemons import Place, place

from .sizes import FIGURES, SOAK

_LONGEST = 3600 if SOAK else 180
"""Seconds for one test."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give campaigns the time for what they do."""
    for item in items:
        if item.path.parent == Path(__file__).parent and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(_LONGEST))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show what was measured."""
    for figure in FIGURES:
        terminalreporter.write_line(figure)


@pytest.fixture(scope="session", autouse=True)
def _root() -> None:
    if os.geteuid() != 0:
        pytest.fail("campaigns mount disks of their own, which takes root; run: sudo make campaigns", pytrace=False)


@pytest.fixture
def box() -> Iterator[Place]:
    """A folder for a daemon."""
    with place() as made:
        yield made
