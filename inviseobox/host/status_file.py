"""status.json: what the daemon knows of itself, for programs on the same machine.

`status.schema.json` beside this file describes it (JSON Schema 2020-12). While `schema` is 1, keys are only added.
"""

import json
import os
import stat
from pathlib import Path
from typing import Any

import inviseobox
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.devices.inventory import Device, Measurement
from inviseobox.devices.sources import RegisterSource
from inviseobox.errors import StatusUnreadable
from inviseobox.events import Trouble
from inviseobox.health import sentences
from inviseobox.health.health import Health, Latest
from inviseobox.health.troubles import LINK

SCHEMA = 1
MODE = 0o640
MAX_SIZE = 16_777_216
"""Bytes; ten thousand devices take about half of it."""


def snapshot(health: Health, in_force: DevicesInForce, now: float, invocation_id: str) -> dict[str, Any]:
    """Describe the daemon at the time `now`. Pure; all times are in seconds since the epoch."""
    devices = in_force.inventory.devices
    links: dict[str, list[Device]] = {}
    for device in devices:
        if device.link:
            links.setdefault(device.link.name, []).append(device)
    witness = health.clock_witness
    return {
        "schema": SCHEMA,
        "version": inviseobox.__version__,
        "invocation_id": invocation_id,
        "written_at": now,
        "interval": in_force.interval(),
        "progress": {
            "polling": health.progress.polling,
            "commits": health.progress.commits,
            "delivery": health.progress.delivery,
        },
        "last_delivered_window": health.last_delivered,
        "backlog_windows": health.backlog,
        "rejected_deliveries": health.rejected,
        "clock_ahead_of_server": health.clock_error,
        "clock_confirmed": {"at": witness.at, "by": witness.by} if witness else None,
        "dated_by": health.dated_by,
        "disk_free": health.disk_free,
        "troubles": [_trouble(trouble) for trouble in health.troubles.current()],
        "links": [_link(health, name, of_link) for name, of_link in links.items()],
        "devices": [_device(health, device) for device in devices],
    }


def _trouble(trouble: Trouble) -> dict[str, Any]:
    return {
        "kind": trouble.kind.name,
        "subject": sentences.subject(trouble),
        "cause": trouble.cause,
        "fields": trouble.about.fields(),
    }


def _link(health: Health, name: str, devices: list[Device]) -> dict[str, Any]:
    trouble = health.troubles.of(name).get(LINK)
    times = [health.latest[one.id].at for device in devices for one in device.measurements if one.id in health.latest]
    return {
        "name": name,
        "up": trouble is None,
        "cause": trouble.cause if trouble else None,
        "last_good_reading": max((at for at in times if at is not None), default=None),
    }


def _device(health: Health, device: Device) -> dict[str, Any]:
    sources = [measurement.source for measurement in device.measurements]
    return {
        "_id": device.id,
        "name": device.name,
        "link": device.link.name if device.link else None,
        "units": sorted({source.span.unit for source in sources if isinstance(source, RegisterSource)}),
        "measurements": [_measurement(health, measurement) for measurement in device.measurements],
    }


def _measurement(health: Health, measurement: Measurement) -> dict[str, Any]:
    latest = health.latest.get(measurement.id, Latest())
    return {
        "_id": measurement.id,
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
    # Without indentation, which the C part of json does not know: of many devices it takes a quarter of the time.
    new.write_text(json.dumps(content) + "\n")
    # The unit's umask lets nobody else in; the group may read this.
    new.chmod(MODE)
    new.replace(path)


def read(path: Path) -> dict[str, Any]:
    """Return what the daemon wrote last. Raises StatusUnreadable.

    The file is not trusted, for a reader may have more rights than the daemon: a symbolic link is not followed, and
    what is not a plain file of at most MAX_SIZE bytes is not read.
    """
    try:
        with open(path, "rb", opener=_plain_file) as file:
            text = file.read(MAX_SIZE + 1)
    except FileNotFoundError:
        raise StatusUnreadable(f"{path}: there is none; does the service run? (systemctl status inviseobox)") from None
    except OSError as error:
        raise StatusUnreadable(f"{path}: cannot be read: {error.strerror or error}") from None
    try:
        content = json.loads(text) if len(text) <= MAX_SIZE else None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise StatusUnreadable(f"{path}: is not a status of inviseobox in schema {SCHEMA}")
    return content


def _plain_file(path: str, flags: int) -> int:
    file = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError("it is not a plain file")
    return file
