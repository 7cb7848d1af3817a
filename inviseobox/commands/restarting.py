"""The service, restarted with what the configuration says now, until it reads."""

import contextlib
import time
from typing import Any

from inviseobox.commands.exit_status import WRONG
from inviseobox.commands.first_readings import Standing, longest_wait
from inviseobox.commands.layout import Tone
from inviseobox.commands.terminal import Terminal
from inviseobox.configuration import Configuration
from inviseobox.control.client import ask
from inviseobox.control.protocol import SOCKET, Status
from inviseobox.devices.inventory import Inventory
from inviseobox.errors import DaemonDown, NotPermitted, RequestRefused, StatusUnreadable
from inviseobox.host import status_file
from inviseobox.host.service import Service
from inviseobox.translation import _

MOST_SHOWN = 20
"""Devices that are shown one by one; the others are counted."""
_LOOK = 0.25
_LOOK_AT_DEVICES = 0.5
_ANSWER_WITHIN = 2.0
_READY_WITHIN = 60.0
"""Seconds. Saving a damaged database takes longer; then the service is said not to be ready yet."""


class Restart:
    """One restart, which systemd was asked for."""

    def __init__(self, terminal: Terminal, service: Service) -> None:
        """Ask for it; print nothing before, so that it takes place though nobody reads on.

        Raises NotPermitted, ServiceFault.
        """
        self._terminal = terminal
        self._service = service
        self._before = service.state().invocation
        service.restart()

    def wait(
        self, configuration: Configuration, inventory: Inventory | None, ready_within: float = _READY_WITHIN
    ) -> int:
        """Wait until the service reads what there is, or with no `inventory` until it runs; return the exit status.

        It has `ready_within` seconds to be ready. Raises NotPermitted, ServiceFault.
        """
        self._terminal.line(_("the service is restarted …"))
        self._terminal.finish()
        invocation = self._ready(ready_within)
        if invocation is None:
            self._terminal.error(_("the service is not ready yet; look again in a while: inviseobox status"))
            return WRONG
        if not invocation:
            self._terminal.error(_("the service does not start; what it says: journalctl -u inviseobox"))
            return WRONG
        if inventory is None:
            self._terminal.line(_("the service runs"), Tone.GOOD)
            return 0
        return self._verdict(self._first_readings(configuration, inventory, invocation), len(inventory.devices))

    def _ready(self, seconds: float) -> str | None:
        """Return the id of the run that is ready, empty where there is none, None where it still gets there."""
        deadline = time.monotonic() + seconds
        with self._terminal.progress(_("the service starts"), 1):
            while True:
                state = self._service.state()
                if state.active == "active" and state.invocation != self._before:
                    return state.invocation
                if state.active in ("failed", "inactive") and not state.has_job:
                    return ""
                if time.monotonic() >= deadline:
                    # It ends again and again, and systemd(1) waits before it starts it once more.
                    return "" if state.sub == "auto-restart" else None
                time.sleep(_LOOK)

    def _first_readings(self, configuration: Configuration, inventory: Inventory, invocation: str) -> Standing:
        """Wait until everything was read, or has had its chance; Ctrl-C ends the wait."""
        standing = Standing(inventory)
        longest = longest_wait(inventory, configuration)
        deadline = time.monotonic() + longest
        if inventory.devices:
            sentence = _("waiting for first values of {count} devices, for at most {seconds} s …")
            self._terminal.line(sentence.format(count=len(inventory.devices), seconds=f"{longest:.0f}"))
            self._terminal.finish()
        try:
            with self._terminal.progress(_("first readings"), len(inventory.devices)) as show:
                while not standing.is_complete and time.monotonic() < deadline:
                    time.sleep(_LOOK_AT_DEVICES)
                    status = _status(self._service)
                    if status.get("invocation_id") == invocation:
                        standing = Standing(inventory, status, standing)
                        show(standing.answering)
        except KeyboardInterrupt:
            self._terminal.line()
        return standing

    def _verdict(self, standing: Standing, of: int) -> int:
        """Tell what gave no value, and how many of the devices did; return the exit status."""
        silent, count = list(standing.silent()), standing.answering
        if silent:
            shown = silent[:MOST_SHOWN]
            self._terminal.line(_("no value came from:"), Tone.BAD)
            self._terminal.table(
                [_("device"), _("link"), _("cause")], [(one.name, one.link, one.cause) for one in shown]
            )
            if more := len(silent) - len(shown):
                self._terminal.line(_("… and {count} more").format(count=more))
        sentence = _("the service runs; {count} of {of} devices answer")
        self._terminal.line(sentence.format(count=count, of=of), Tone.BAD if silent else Tone.GOOD)
        return WRONG if silent else 0


def _status(service: Service) -> dict[str, Any]:
    """Return what the daemon says, else what it wrote last; empty where that is nothing."""
    try:
        top, *devices = ask(Status(), str(service.status_path.with_name(SOCKET)), _ANSWER_WITHIN)
    except (DaemonDown, NotPermitted, RequestRefused, ValueError):
        with contextlib.suppress(StatusUnreadable):
            return status_file.read(service.status_path)
        return {}
    return {**top, "devices": devices}
