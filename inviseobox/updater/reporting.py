"""Telling the maintainer of what was taken back, if there is an address for it."""

from pathlib import Path

from . import reports, service_configuration
from .box import Box
from .errors import ReportNotTaken, ServiceNotConfigured
from .state import MOST_REPORTS

_LINES = 50
_MOST_BYTES = 1_000_000


def queue_report(box: Box, version: str, back_to: str, reason: str) -> None:
    """Make a report, which waits until it is taken. Raises OSError."""
    if not box.settings.report_url:
        return
    report = reports.body(
        machine_id=_text(box.places.root / "etc/machine-id"),
        hostname=box.hostname(),
        version=version,
        back_to=back_to,
        reason=reason,
        at=box.wall(),
        debian=_text(box.places.root / "etc/debian_version"),
        journal=box.systemd.journal_tail(_LINES),
        secrets=secrets(box.places.daemon_configuration),
    )
    box.remember(reports=(*box.state.reports, report)[-MOST_REPORTS:])


def send_reports(box: Box) -> None:
    """Send what waits, the oldest first; the first that is not taken ends it, until the next run. Raises OSError."""
    while box.settings.report_url and box.state.reports:
        box.stop.check()
        try:
            reports.post(box.settings.report_url, box.state.reports[0])
        except ReportNotTaken:
            return
        box.remember(reports=box.state.reports[1:])


def secrets(path: Path) -> list[str]:
    """Return what must not leave the box: the token, wherever the configuration says it is."""
    try:
        return [service_configuration.read(str(path)).token]
    except ServiceNotConfigured:
        return []


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES).decode("utf-8", "replace").strip()
    except OSError:
        return ""
