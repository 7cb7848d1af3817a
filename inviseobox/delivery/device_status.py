"""What the server is told of each device: ok, partial or dead. Pure."""

from collections.abc import Sequence


def measurement_status(good: int, reads: int) -> str:
    """Judge a measurement by its reads in the window, of which `good` gave a value."""
    if good == reads:
        return "ok"
    return "partial" if good else "dead"


def device_status(device: str, measurements: Sequence[dict[str, str]]) -> dict[str, object]:
    """Give the server's entry for a device from those of its measurements, of which there is at least one."""
    states = {measurement["status"] for measurement in measurements}
    return {
        "_id": device,
        "status": states.pop() if len(states) == 1 else "partial",
        "measurements": measurements,
    }
