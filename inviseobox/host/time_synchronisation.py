"""What systemd knows of the machine's clock (systemd-timesyncd.service(8), FILES)."""

from pathlib import Path

SYNCHRONIZED = Path("/run/systemd/timesync/synchronized")


def last_set(path: Path = SYNCHRONIZED) -> float | None:
    """Return when systemd-timesyncd set the clock right, in seconds since the epoch, by that clock.

    None where it did not, which proves nothing: chrony and ntpsec leave no such file.
    """
    try:
        return path.stat().st_mtime
    except OSError:
        return None
