"""Which run of the kernel this is."""

from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id(environment: Mapping[str, str]) -> str:
    """Return what names this run of the kernel (random(4)), a name of its own where nothing tells it.

    The unit hides /proc/sys from the service and tells it in the environment instead (`%b` in systemd.unit(5)).
    """
    told = environment.get("INVISEOBOX_BOOT_ID")
    if told:
        return told
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return uuid4().hex
