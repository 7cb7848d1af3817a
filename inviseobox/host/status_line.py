"""The one line that `systemctl status` shows. Pure."""

import time
import unicodedata

from inviseobox.devices.in_force import DevicesInForce
from inviseobox.health import sentences
from inviseobox.health.health import Health

_LONGEST = 400


def status_line(health: Health, in_force: DevicesInForce) -> str:
    """Say in one ASCII line how many devices answer, what was delivered last, and what is wrong."""
    good, read, listed = health.answering(in_force.inventory)
    devices = f"{good} of {listed} devices answer" if read or not listed else f"{listed} devices, first reading"
    parts = [devices if in_force.is_known else "no device list yet"]
    if health.last_delivered is not None:
        parts.append(f"window {time.strftime('%H:%M:%S', time.localtime(health.last_delivered))} delivered")
    if health.backlog:
        parts.append(f"{health.backlog} windows wait for the server")
    parts += map(sentences.summary, health.troubles.current())
    text = _ascii("; ".join(parts))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _ascii(text: str) -> str:
    """Take the accents off and replace what is left: "Compteur général" stays readable as "Compteur general"."""
    plain = "".join(mark for mark in unicodedata.normalize("NFKD", text) if not unicodedata.combining(mark))
    return " ".join(plain.encode("ascii", "replace").decode("ascii").split())
