"""The device list that the simulated server hands out for its site, in the shapes a real server uses.

Numbers come as numbers in some places and as text in others, and optional keys are missing here and there.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from inviseobox.simulator.meters import Meter, Register
from inviseobox.simulator.served_log import ServedLog

GATEWAY, BUS, SERIAL_SERVER = "gateway", "bus", "serial server"
"""The links of a site, by the names that the log of what was served knows them by."""

EXTREMES = ["min", "max", "avg"]
EVERYTHING = ["min", "max", "avg", "diff"]

_MAIN, _COLD_ROOM, _HEAT, _SENSOR = (f"65a0000000000000000{number}00" for number in ("001", "002", "003", "004"))


def build_device_list(
    meters: dict[int, Meter], gateway: tuple[str, int], sensor_url: str, served: ServedLog
) -> list[dict[str, Any]]:
    """Describe the site's instruments, and tell `served` where each measurement comes from."""
    listing = _Listing(meters, served)
    host, port = gateway
    return [
        listing.main_meter({"host": host, "port": port}),
        listing.cold_room_meter({"ip": host, "port": str(port)}),
        listing.heat_meter({"host": host, "port": port}),
        listing.sensor(sensor_url),
    ]


class _Listing:
    """Writes the entry of each instrument."""

    def __init__(self, meters: dict[int, Meter], served: ServedLog) -> None:
        self._meters = meters
        self._served = served

    def main_meter(self, gateway: dict[str, Any]) -> dict[str, Any]:
        power = self._register(_numbered(_MAIN, 4), "Puissance active", (1, "power"), EXTREMES, unit="W")
        energy = self._register(_numbered(_MAIN, 5), "Énergie active", (1, "energy"), EVERYTHING, unit="Wh")
        voltages = [
            self._register(_numbered(_MAIN, phase), f"Tension L{phase}", (1, f"voltage L{phase}"), EXTREMES, unit="V")
            for phase in (1, 2, 3)
        ]
        about = {"name": "Compteur général", "usage": "général", "energy": "électricité"}
        typed = [*voltages, power | {"type": "puissance"}, energy | {"type": "index"}]
        return {"_id": _MAIN, **about, "communication": _tcp(gateway), "measurements": typed}

    def cold_room_meter(self, gateway: dict[str, Any]) -> dict[str, Any]:
        measurements = [
            self._register(_numbered(_COLD_ROOM, 1), "Puissance chambre froide", (2, "power"), EXTREMES),
            self._register(_numbered(_COLD_ROOM, 2), "Énergie chambre froide", (2, "energy"), ["diff"]),
        ]
        return {
            "_id": _COLD_ROOM,
            "name": "Compteur chambre froide",
            "communication": _tcp(gateway),
            "measurements": [_with_text(measurement) for measurement in measurements],
        }

    def heat_meter(self, gateway: dict[str, Any]) -> dict[str, Any]:
        return {
            "_id": _HEAT,
            "name": "Compteur de chaleur",
            "communication": _tcp(gateway),
            "measurements": [
                self._register(_numbered(_HEAT, 1), "Énergie thermique", (3, "energy"), ["diff"], unit="kWh"),
                self._register(_numbered(_HEAT, 2), "Départ", (3, "flow temperature"), EXTREMES, unit="°C"),
                self._register(_numbered(_HEAT, 3), "Retour", (3, "return temperature"), EXTREMES, unit="°C"),
                self._register(_numbered(_HEAT, 4), "Extérieur", (3, "ambient"), ["avg"], unit="°C"),
            ],
        }

    def sensor(self, url: str) -> dict[str, Any]:
        return {
            "_id": _SENSOR,
            "name": "Capteur chambre froide",
            "communication": {"protocol": "WebService", "configuration": {"url": url}},
            "measurements": [
                self._key(_numbered(_SENSOR, 1), "Température", "temp1", EXTREMES, unit="°C"),
                self._key(_numbered(_SENSOR, 2), "Hygrométrie", "hum1", EXTREMES, unit="%"),
                self._key(_numbered(_SENSOR, 3), "Pression", "nested.a.1", ["avg"], unit="bar"),
                self._key(_numbered(_SENSOR, 4), "Impulsions", "pulses", ["diff"]),
            ],
        }

    def _register(
        self, identity: str, name: str, register: tuple[int, str], formats: list[str], **more: str
    ) -> dict[str, Any]:
        unit, quantity = register
        place = self._meters[unit].register(quantity)
        self._served.watch_register(identity, GATEWAY, unit, place.function_code, place.address, place.encoding)
        configuration = {"parameters": _parameters(unit, place), "response_format": formats}
        return {"_id": identity, "name": name, "configuration": configuration, **more}

    def _key(self, identity: str, name: str, key: str, formats: list[str], **more: str) -> dict[str, Any]:
        self._served.watch_key(identity, key)
        configuration = {"parameters": {"key": key}, "response_format": formats}
        return {"_id": identity, "name": name, "configuration": configuration, **more}


def _tcp(gateway: dict[str, Any]) -> dict[str, Any]:
    return {"protocol": "Modbus", "mode": "TCP", "configuration": gateway}


def serial_communication(port: Path, baudrate: int) -> dict[str, Any]:
    """Describe Modbus RTU on a serial port."""
    settings = {"port": str(port), "baudrate": baudrate, "bytesize": 8, "parity": "N", "stopbits": 1}
    return {"protocol": "Modbus", "mode": "RTU", "type": "RS-485", "configuration": settings}


def tcp_communication(mode: Literal["TCP", "RTUoverTCP"], host: str, port: int) -> dict[str, Any]:
    """Describe Modbus/TCP, or RTU frames through TCP."""
    return {"protocol": "Modbus", "mode": mode, "configuration": {"host": host, "port": port}}


def listed_meter(
    identity: str, name: str, meter: Meter, communication: Mapping[str, Any], served: ServedLog, link: str
) -> dict[str, Any]:
    """Return the device with all that `meter` measures, reached over `link`; tell `served` where each one is."""
    measurements = []
    for number, register in enumerate(meter.registers, 1):
        measurement = _numbered(identity, number)
        served.watch_register(
            measurement, link, meter.unit, register.function_code, register.address, register.encoding
        )
        configuration = {"parameters": _parameters(meter.unit, register), "response_format": EXTREMES}
        measurements.append({"_id": measurement, "name": register.name, "configuration": configuration})
    return {"_id": identity, "name": name, "communication": dict(communication), "measurements": measurements}


def _numbered(device: str, number: int) -> str:
    return f"{device[:-2]}{number:02d}"


def _parameters(unit: int, register: Register) -> dict[str, Any]:
    return {
        "register": f"0x{register.function_code:02x}",
        "address": register.address,
        "slave": unit,
        "count": register.encoding.width,
        "byte_order": register.encoding.byte_order,
        "value_class": register.encoding.value_class,
    }


def _with_text(measurement: dict[str, Any]) -> dict[str, Any]:
    """Change a measurement to what a server writes that keeps numbers as text, the address in hexadecimal."""
    parameters = measurement["configuration"]["parameters"]
    parameters["address"] = hex(parameters["address"])
    parameters["slave"] = str(parameters["slave"])
    parameters["count"] = str(parameters["count"])
    parameters["value_class"] = parameters["value_class"].lower()
    return measurement
