"""status.json: what the daemon knows of itself, for programs on the same machine.

`status.schema.json` beside this file describes it (JSON Schema 2020-12). While `schema` is 1, keys are only added.
"""

import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import inviseobox
from inviseobox import events
from inviseobox.clock import MonotonicClock, loop_clock
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.devices.inventory import Device, Measurement
from inviseobox.devices.sources import RegisterSource
from inviseobox.errors import StatusUnreadable
from inviseobox.events import Trouble
from inviseobox.health import sentences
from inviseobox.health.health import Health
from inviseobox.health.latest import Latest
from inviseobox.health.troubles import LINK

SCHEMA = 1
MODE = 0o640
MAX_SIZE = 16_777_216
"""Bytes; ten thousand devices take about half of it."""

_PERIOD = 10.0
"""Seconds between two times that the file is written while there is no news."""
_BYTES_A_SECOND = 10_000
"""So much is written on the average at the most: of many devices it takes a while. A reader knows from the size of the
file when to miss the next one, however slow or busy the machine is.
"""


class StatusFile:
    """The file of the running daemon, which is written anew now and then."""

    def __init__(self, environment: Mapping[str, str], now: MonotonicClock = loop_clock) -> None:
        """Write it into $RUNTIME_DIRECTORY of `environment` as systemd sets it; without one there is no file."""
        directory = environment.get("RUNTIME_DIRECTORY")
        self._path = Path(directory) / "status.json" if directory is not None else None
        self._invocation_id = environment.get("INVOCATION_ID", "")
        self._now = now
        self._due = self._rests_until = float("-inf")

    def update(self, health: Health, in_force: DevicesInForce, time: float, *, is_news: bool) -> None:
        """Write the file if it is due, sooner if there `is_news`; note in `health` if it cannot be written.

        `time` is in seconds since the epoch. To be called every second or so.
        """
        began = self._now()
        if is_news:
            self._due = began
        if self._path is None or began < max(self._due, self._rests_until):
            return
        size = 0
        try:
            write(self._path, overview(health, in_force, time, self._invocation_id), devices(health, in_force))
            size = self._path.stat().st_size
        except OSError as error:
            trouble = events.STATUS_FILE(error.strerror or str(error), file=str(self._path))
            health.troubles.begin("status file", trouble)
        else:
            health.troubles.end("status file")
        self._due = began + _PERIOD
        self._rests_until = began + size / _BYTES_A_SECOND


def overview(health: Health, in_force: DevicesInForce, now: float, invocation_id: str) -> dict[str, Any]:
    """Describe the daemon at the time `now`, apart from its devices. Pure; times are in seconds since the epoch."""
    content = top(health, in_force, now, invocation_id)
    return {**content, "troubles": list(content["troubles"]), "links": list(content["links"])}


def devices(health: Health, in_force: DevicesInForce) -> Iterator[dict[str, Any]]:
    """Describe one device after the other. Pure."""
    for device in in_force.inventory.devices:
        yield {**device_top(device), "measurements": [measurement(health, one) for one in device.measurements]}


def top(health: Health, in_force: DevicesInForce, now: float, invocation_id: str) -> dict[str, Any]:
    """Describe the daemon without its devices; troubles and links come one by one, from iterators. Pure."""
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
        "backlog_bytes": health.backlog_bytes,
        "rejected_deliveries": health.rejected,
        "clock_ahead_of_server": health.clock_error,
        "clock_confirmed": {"at": witness.at, "by": witness.by} if witness else None,
        "dated_by": health.dated_by,
        "disk_free": health.disk_free,
        "troubles": map(_trouble, health.troubles.current()),
        "links": _links(health, links),
    }


def _trouble(trouble: Trouble) -> dict[str, Any]:
    return {
        "kind": trouble.kind.name,
        "subject": sentences.subject(trouble),
        "cause": trouble.cause,
        "fields": trouble.about.fields(),
    }


def _links(health: Health, links: dict[str, list[Device]]) -> Iterator[dict[str, Any]]:
    return (_link(health, name, devices) for name, devices in links.items())


def _link(health: Health, name: str, devices: list[Device]) -> dict[str, Any]:
    trouble = health.troubles.of(name).get(LINK)
    known = health.latest
    times = [known[one.id].at for device in devices for one in device.measurements if one.id in known]
    return {
        "name": name,
        "up": trouble is None,
        "cause": trouble.cause if trouble else None,
        "last_good_reading": max((at for at in times if at is not None), default=None),
    }


def device_top(device: Device) -> dict[str, Any]:
    """Describe a device without its measurements. Pure."""
    sources = [measurement.source for measurement in device.measurements]
    return {
        "_id": device.id,
        "name": device.name,
        "link": device.link.name if device.link else None,
        "units": sorted({source.span.unit for source in sources if isinstance(source, RegisterSource)}),
    }


def measurement(health: Health, measurement: Measurement) -> dict[str, Any]:
    """Describe a measurement, with its unit where the device list gives one. Pure."""
    latest = health.latest.get(measurement.id, Latest())
    return {
        "_id": measurement.id,
        "name": measurement.name,
        **({"unit": measurement.value_unit} if measurement.value_unit else {}),
        "value": latest.value,
        "at": latest.at,
        "answers": latest.answers,
        "good_reads": latest.good,
        "reads": latest.reads,
    }


def write(path: Path, overview: Mapping[str, Any], devices: Iterable[Mapping[str, Any]]) -> None:
    """Replace the file as a whole, so that a reader never sees half of it. Raises OSError.

    Of many devices the text is never in memory as a whole.
    """
    new = path.with_suffix(".new")
    with new.open("w") as file:
        # Without indentation, which the C part of json does not know: it takes a quarter of the time.
        file.write(json.dumps(overview).removesuffix("}") + ', "devices": [')
        for number, device in enumerate(devices):
            file.write(",\n" * (number > 0) + json.dumps(device))
        file.write("]}\n")
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
