"""Buffers with a backlog, and what is in them."""

from collections.abc import Sequence
from pathlib import Path

from tests.support import backlogs

from .files import OnDisk, on_disk


def fill(path: Path, measurements: Sequence[str], windows: int, interval: int) -> OnDisk:
    """Fill a buffer as tests.support.backlogs does, and return what is sealed in it."""
    backlogs.fill(path, measurements, windows, interval)
    return on_disk(path)
