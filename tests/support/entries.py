"""Entries of a device list, and the inventory that they make."""

import json
from collections.abc import Mapping
from typing import Any

from inviseobox.devices import inventory
from inviseobox.devices.inventory import Inventory


def modbus_device(port: int, units: dict[int, list[int]], *, name: str = "meter", **parameters: Any) -> dict[str, Any]:
    """Describe a device on a Modbus/TCP gateway: UINT16 holding registers at the addresses of each unit.

    A measurement's _id is its unit and address, as in `3/107`.
    """
    return {
        "_id": name,
        "name": name,
        "communication": {"protocol": "Modbus", "mode": "TCP", "configuration": {"host": "127.0.0.1", "port": port}},
        "measurements": [
            {
                "_id": f"{unit}/{address}",
                "configuration": {
                    "parameters": {
                        "register": "0x03",
                        "address": address,
                        "slave": unit,
                        "count": 1,
                        "value_class": "UINT16",
                        **parameters,
                    },
                    "response_format": ["min", "max", "avg"],
                },
            }
            for unit, addresses in units.items()
            for address in addresses
        ],
    }


def web_device(
    url: str, keys: list[str], *, name: str = "sensor", formats: tuple[str, ...] = ("avg",)
) -> dict[str, Any]:
    """Describe a device behind a page; a measurement's _id is the device's name and its key, as in `sensor/temp1`."""
    return {
        "_id": name,
        "name": name,
        "communication": {"protocol": "WebService", "configuration": {"url": url}},
        "measurements": [
            {
                "_id": f"{name}/{key}",
                "configuration": {"parameters": {"key": key}, "response_format": list(formats)},
            }
            for key in keys
        ],
    }


def listed(*devices: Mapping[str, Any]) -> Inventory:
    """Return the inventory of these devices."""
    return inventory.parse(json.dumps(devices))
