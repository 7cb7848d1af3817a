"""What the Inviseo API accepts: the shapes of fields and statuses, checked to the letter.

A real server may be more lenient; the simulated one is strict so that a test sees the first deviation.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

AGGREGATES = ("min", "max", "avg", "diff")
STATUSES = ("ok", "partial", "dead")

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


class SchemaError(Exception):
    """Something received is not what the API asks for; the text says what and where."""


@dataclass(frozen=True, slots=True)
class Field:
    """One checked report of a measurement; `end` is its timestamp in seconds since the epoch."""

    measurement: str
    value: Mapping[str, str]
    timestamp: str
    end: int


class KnownDevices:
    """Every device and measurement that was ever listed, with every response format a measurement ever had.

    Reports of measurements that were removed, or of windows that closed before a change, stay acceptable.
    """

    def __init__(self) -> None:
        self._formats: dict[str, set[frozenset[str]]] = {}
        self._measurements: dict[str, set[str]] = {}

    def learn(self, devices: object) -> None:
        """Take in a device list; entries that are no devices or measurements are passed over."""
        for device in _objects(devices):
            owned = self._measurements.setdefault(str(device.get("_id")), set())
            for measurement in _objects(device.get("measurements")):
                identity = str(measurement.get("_id"))
                owned.add(identity)
                configuration = measurement.get("configuration")
                listed = configuration.get("response_format") if isinstance(configuration, dict) else None
                if isinstance(listed, list):
                    wanted = frozenset(entry for entry in listed if entry in AGGREGATES)
                    self._formats.setdefault(identity, set()).add(wanted)

    def check_field(self, item: object) -> Field:
        """Return `item` as a Field. Raises SchemaError unless it is one as the API describes it."""
        keys = _exact_keys(item, ("measurement", "value", "timestamp"), "field")
        measurement, value, timestamp = keys["measurement"], keys["value"], keys["timestamp"]
        if not isinstance(measurement, str) or measurement not in self._formats:
            raise SchemaError(f"field of an unknown measurement {measurement!r}")
        if not isinstance(value, dict) or frozenset(value) not in self._formats[measurement]:
            raise SchemaError(f"value of {measurement} is not what its response_format asks for: {value!r}")
        for aggregate, text in value.items():
            _check_number(text, shortest=aggregate != "diff", where=f"{aggregate} of {measurement}")
        return Field(measurement, value, *_check_timestamp(timestamp, measurement))

    def check_status(self, status: object) -> list[dict[str, Any]]:
        """Return the devices in a status report. Raises SchemaError unless `status` is the inside of one."""
        devices = _exact_keys(status, ("devices",), "status")["devices"]
        if not isinstance(devices, list):
            raise SchemaError("devices of a status is not a list")
        for device in devices:
            self._check_device_status(device)
        return devices

    def _check_device_status(self, device: object) -> None:
        keys = _exact_keys(device, ("_id", "status", "measurements"), "device status")
        owned = self._measurements.get(keys["_id"]) if isinstance(keys["_id"], str) else None
        if owned is None:
            raise SchemaError(f"status of an unknown device {keys['_id']!r}")
        if not isinstance(keys["measurements"], list):
            raise SchemaError(f"measurements of device {keys['_id']} is not a list")
        seen = []
        for measurement in keys["measurements"]:
            inner = _exact_keys(measurement, ("_id", "status"), "measurement status")
            if not isinstance(inner["_id"], str) or inner["_id"] not in owned:
                raise SchemaError(f"device {keys['_id']} has no measurement {inner['_id']!r}")
            if inner["status"] not in STATUSES:
                raise SchemaError(f"status of {inner['_id']} is {inner['status']!r}")
            seen.append(inner["status"])
        # A device of very many measurements is told in parts, each with the status of the whole.
        is_part = len(seen) < len(owned) and keys["status"] == "partial"
        if keys["status"] not in STATUSES or (seen and not is_part and keys["status"] != _summary(seen)):
            raise SchemaError(f"device {keys['_id']} is called {keys['status']!r}, its measurements are {seen}")


def parse_json(body: bytes) -> Any:
    """Parse JSON as RFC 8259 has it: UTF-8, no NaN, no repeated key. Raises SchemaError."""
    try:
        return json.loads(body.decode(), parse_constant=_no_constant, object_pairs_hook=_no_repeated_key)
    except (ValueError, RecursionError) as error:
        raise SchemaError(f"not JSON: {error}") from error


def envelope(document: object, inner: str) -> tuple[object, object]:
    """Return token and payload of a POST whose only keys are `token` and `inner`. Raises SchemaError."""
    keys = _exact_keys(document, ("token", inner), "envelope")
    return keys["token"], keys[inner]


def _exact_keys(item: object, expected: Iterable[str], what: str) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise SchemaError(f"{what} is not an object: {item!r:.200}")
    if set(item) != set(expected):
        raise SchemaError(f"{what} has the keys {sorted(item)} instead of {sorted(expected)}")
    return item


def _objects(items: object) -> list[dict[str, Any]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _summary(statuses: list[str]) -> str:
    return statuses[0] if len(set(statuses)) == 1 else "partial"


def _check_number(text: object, *, shortest: bool, where: str) -> None:
    if not isinstance(text, str) or not _NUMBER.fullmatch(text):
        raise SchemaError(f"{where} is no decimal string: {text!r}")
    nearest = float(text)
    if not math.isfinite(nearest):
        raise SchemaError(f"{where} is beyond a double: {text}")
    if shortest and Decimal(repr(nearest)) != Decimal(text):
        raise SchemaError(f"{where} is not the shortest form of a double: {text}")


def _check_timestamp(timestamp: object, measurement: str) -> tuple[str, int]:
    if isinstance(timestamp, str) and _TIMESTAMP.fullmatch(timestamp):
        try:
            return timestamp, int(datetime.fromisoformat(timestamp).timestamp())
        except ValueError:
            pass  # a thirteenth month, an hour 25: answered below
    raise SchemaError(f"timestamp of {measurement} is not of the form 2024-12-24T15:30:00Z: {timestamp!r}")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _no_repeated_key(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key is repeated")
    return result
