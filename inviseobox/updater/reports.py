"""What the maintainer is told of a version that was taken back, if there is an address for it."""

from collections.abc import Mapping, Sequence
from typing import Any


def body(
    *,
    machine_id: str,
    hostname: str,
    version: str,
    back_to: str,
    reason: str,
    at: float,
    debian: str,
    journal: Sequence[str],
    secrets: Sequence[str],
) -> dict[str, Any]:
    """Return the report. `secrets` are replaced wherever they stand in it; of `journal` the last lines are taken."""
    raise NotImplementedError


def post(url: str, report: Mapping[str, Any], seconds: float = 10) -> None:
    """Send a report. Raises ReportNotTaken unless the answer is 2xx."""
    raise NotImplementedError
