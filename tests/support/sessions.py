"""What a run of slow tests asks of its machine and of pytest."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest


def limit_time(items: Iterable[pytest.Item], folder: Path, seconds: float) -> None:
    """Let each test of `folder` take `seconds`, unless it has a limit of its own."""
    for item in items:
        if item.path.parent == folder and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(seconds))


def require_root(purpose: str) -> None:
    """Fail unless this is root; `purpose` says what takes root and how to run the tests so."""
    if os.geteuid() != 0:
        pytest.fail(purpose, pytrace=False)
