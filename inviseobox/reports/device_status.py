"""What the server is told of each device: ok, partial or dead. Pure."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from inviseobox.reports.batches import MAX_BYTES, cut, halves


def measurement_status(good: int, reads: int) -> str:
    """Judge a measurement by its reads in the window, of which `good` gave a value."""
    if good == reads:
        return "ok"
    return "partial" if good else "dead"


def device_status(device: str, measurements: Sequence[dict[str, str]]) -> dict[str, Any]:
    """Return the server's entry for a device from those of its measurements, of which there is at least one."""
    states = {measurement["status"] for measurement in measurements}
    return {
        "_id": device,
        "status": states.pop() if len(states) == 1 else "partial",
        "measurements": measurements,
    }


def status_lists(devices: Iterable[dict[str, Any]], max_bytes: int = MAX_BYTES) -> Iterator[str]:
    """Yield JSON lists of entries for devices, none longer than `max_bytes` as far as that is possible.

    A device that is too long by itself is told in several entries, each with the device's own status.
    """
    for text, _ in cut((part for device in devices for part in _parts(device, max_bytes)), max_bytes):
        yield text


def halved(devices: str) -> list[str]:
    """Cut a list of entries that the server found too long in two; return nothing where it cannot be cut."""
    try:
        entries = json.loads(devices)
    except ValueError:
        # It was damaged on the disk.
        return []
    if len(entries) == 1:
        (device,) = entries
        measurements = device["measurements"]
        middle = (len(measurements) + 1) // 2
        entries = [device | {"measurements": part} for part in (measurements[:middle], measurements[middle:]) if part]
    return [text for text, _ in halves(json.dumps(entries))] if len(entries) > 1 else []


def _parts(device: dict[str, Any], max_bytes: int) -> Iterator[dict[str, Any]]:
    frame = len(json.dumps(device | {"measurements": []}, separators=(",", ":")))
    for measurements, _ in cut(device["measurements"], max_bytes - frame - 2):
        yield device | {"measurements": json.loads(measurements)}
