"""status.json: what the daemon knows of itself, for programs on the same machine.

The schema is documented in inviseobox(1). While `schema` is 1, keys are only added.
"""

import json
from pathlib import Path
from typing import Any

import inviseobox
from inviseobox.devices.inventory import Measurement
from inviseobox.health.health import Health, Latest

SCHEMA = 1
MODE = 0o640


def snapshot(health: Health, now: float, invocation_id: str) -> dict[str, Any]:
    """Describe the daemon at the wall clock `now`. Pure; all times are in seconds since the epoch."""
    causes = dict(health.troubles.current())
    links = dict.fromkeys(device.link.name for device in health.inventory.devices if device.link)
    return {
        "schema": SCHEMA,
        "version": inviseobox.__version__,
        "invocation_id": invocation_id,
        "written_at": now,
        "progress": {
            "polling": health.progress.polling,
            "commits": health.progress.commits,
            "delivery": health.progress.delivery,
        },
        "last_delivered_window": health.last_delivered,
        "backlog_windows": health.backlog,
        "rejected_deliveries": health.rejected,
        "clock_ahead_of_server": health.clock_error,
        "troubles": [{"subject": subject, "cause": cause} for subject, cause in causes.items()],
        "links": [{"name": name, "up": name not in causes, "cause": causes.get(name)} for name in links],
        "devices": [
            {
                "_id": device.id,
                "name": device.name,
                "link": device.link.name if device.link else None,
                "measurements": [_measurement(health, entry) for entry in device.measurements],
            }
            for device in health.inventory.devices
        ],
    }


def _measurement(health: Health, measurement: Measurement) -> dict[str, Any]:
    latest = health.latest.get(measurement.series.measurement, Latest())
    return {
        "_id": measurement.series.measurement,
        "name": measurement.name,
        "value": latest.value,
        "at": latest.at,
        "answers": latest.answers,
        "good_reads": latest.good,
        "reads": latest.reads,
    }


def write(path: Path, content: dict[str, Any]) -> None:
    """Replace the file as a whole, so that a reader never sees half of it. Raises OSError."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(content, indent=1) + "\n")
    # The unit's umask lets nobody else in; the group may read this.
    new.chmod(MODE)
    new.replace(path)
