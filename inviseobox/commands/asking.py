"""Whom `inviseobox status` and `inviseobox history` ask: the running daemon, else what it wrote last."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inviseobox.control.client import ask
from inviseobox.control.protocol import Request, Status, socket_path
from inviseobox.control.selection import plain
from inviseobox.errors import DaemonDown, DaemonSilent, InviseoBoxError, StatusUnreadable
from inviseobox.host import status_file
from inviseobox.host.service import Service
from inviseobox.translation import _
from inviseobox.untrusted import MAX_TEXT

_SYSTEMD = 0.4
"""Seconds for systemd to say how the service is."""
_EX_CONFIG = 78


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of the daemon: `top` as in status.json without its devices, and the devices that were chosen.

    `problem`, sentence by sentence, is why the daemon itself does not tell it; empty where it does.
    """

    top: dict[str, Any]
    devices: list[dict[str, Any]]
    problem: list[str] = field(default_factory=list)

    @property
    def source(self) -> str:
        """Who tells it, for programs."""
        return "status.json" if self.problem else "daemon"


def answer(request: Request, seconds: float) -> list[dict[str, Any]]:
    """Return the lines of the daemon's answer. Raises NotPermitted, DaemonDown, RequestRefused."""
    return ask(request, socket_path(os.environ), seconds)


def told(select: str, seconds: float) -> Told:
    """Find out all but the last windows, within some `seconds`.

    Raises NotPermitted, RequestRefused, DaemonDown where nothing is known.
    """
    try:
        top, *devices = answer(Status(select=select), seconds)
    except DaemonDown as error:
        return _written(select, error)
    except ValueError:
        return _written(select, DaemonDown(_("the daemon's answer is not understood (systemctl restart inviseobox)")))
    return Told(top, devices)


def recent(devices: list[dict[str, Any]], select: str, seconds: float) -> list[dict[str, Any]]:
    """Return those devices as the daemon tells them with their last windows; as they are where it does not in time."""
    until = time.monotonic() + seconds
    selects = [select] if select else [str(device.get("_id")) for device in devices]
    found: dict[Any, dict[str, Any]] = {}
    for text in selects:
        try:
            lines = answer(Status(recent=True, select=text), max(0.0, until - time.monotonic()))[1:]
        except (InviseoBoxError, ValueError):
            break
        # A text that is one device's _id may stand in names of other devices, of which only a part is told then.
        found |= {device.get("_id"): device for device in lines if select or device.get("_id") == text}
    return [found.get(device.get("_id"), device) for device in devices]


def _written(select: str, error: DaemonDown) -> Told:
    """Read what the daemon wrote last. Raises DaemonDown, which says why, where there is nothing."""
    path = Path(socket_path(os.environ)).parent / "status.json"
    try:
        content = status_file.read(path)
    except StatusUnreadable:
        raise DaemonDown(" ".join([*_reasons(error), _("There is no status.json either.")])) from None
    devices = content.pop("devices", None)
    there = [one for one in devices if isinstance(one, dict)] if isinstance(devices, list) else []
    return Told(content, list(_chosen(there, select)), [*_reasons(error), _("This is from {path}.").format(path=path)])


def _reasons(error: DaemonDown) -> Iterator[str]:
    """Say why the daemon does not answer, and what to do about it."""
    if isinstance(error, DaemonSilent):
        yield _("The service runs, but does not answer in time.")
        return
    yield _("The service does not run.")
    try:
        state = Service(_SYSTEMD).state()
    except InviseoBoxError:
        return
    if state.active == "failed" and state.exit_status == _EX_CONFIG:
        yield _("Its configuration is wrong: journalctl -u inviseobox -n 5")
    elif state.active == "failed":
        yield _("It failed: journalctl -u inviseobox -n 20")
    elif state.active in ("activating", "reloading", "deactivating"):
        yield _("It is just being started or stopped.")
    elif state.start.startswith("masked"):
        yield _("It is masked: sudo systemctl unmask inviseobox")
    elif state.is_skipped:
        yield _("It is not configured yet: sudo inviseobox configure")
    elif state.active == "inactive":
        yield _("It was stopped: sudo systemctl start inviseobox")


def _chosen(devices: list[dict[str, Any]], select: str) -> Iterator[dict[str, Any]]:
    """Yield what the daemon would tell of them."""
    wanted = plain(select)
    for device in devices:
        listed = device.get("measurements")
        measurements = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        if _is_meant(device, select, wanted):
            yield device
        elif found := [one for one in measurements if _is_meant(one, select, wanted)]:
            yield {**device, "measurements": found}


def _is_meant(content: dict[str, Any], select: str, wanted: str) -> bool:
    return content.get("_id") == select or wanted in plain(str(content.get("name")))


def checked(text: str) -> str:
    """Return a text by which somebody names a device or measurement. Raises ValueError, which says what is wrong."""
    if len(text) > MAX_TEXT or not text.isprintable():
        raise ValueError(_("a name is a text of at most {count} printable characters").format(count=MAX_TEXT))
    return text
