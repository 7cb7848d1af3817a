"""What the campaigns share: root, time, and a place for a daemon."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemons import Place, place
from tests.support.sessions import limit_time, require_root
from tests.support.soak import SOAK

from .sizes import FIGURES

_LONGEST = 3600 if SOAK else 180
"""Seconds for one test."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Set a longer time limit for campaigns."""
    limit_time(items, Path(__file__).parent, _LONGEST)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show what was measured."""
    for figure in FIGURES:
        terminalreporter.write_line(figure)


@pytest.fixture(scope="session", autouse=True)
def _root() -> None:
    require_root("campaigns mount disks of their own, which takes root; run: sudo make campaigns")


@pytest.fixture
def box() -> Iterator[Place]:
    """Yield a folder for a daemon."""
    with place() as made:
        yield made


@pytest.fixture
def silence() -> Iterator[None]:
    """Keep the lines of thousands of lives out of memory."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)
