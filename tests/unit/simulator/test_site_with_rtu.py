"""A site with its serial links: what the list promises of them, and what is on them."""

import socket
import struct
from pathlib import Path
from typing import Any

import serial

from inviseobox.simulator.background import RunningSite, running_site
from inviseobox.simulator.rtu_frame import sealed


def exchange_tcp(site: RunningSite, request: bytes, length: int) -> bytes:
    """Return the first `length` bytes of the gateway's answer."""
    listener = site.site.gateway.listener
    with socket.create_connection((listener.host, listener.port), timeout=5) as connection:
        connection.sendall(request)
        with connection.makefile("rb") as answer:
            return answer.read(length)


def exchange_rtu(device: dict[str, Any], request: bytes, length: int) -> bytes:
    """Return the answer of a device of the list over its own link, a serial port or RTU over TCP."""
    configuration = device["communication"]["configuration"]
    if device["communication"]["mode"] == "RTU":
        with serial.Serial(configuration["port"], configuration["baudrate"], timeout=5) as port:
            port.write(request)
            return bytes(port.read(length))
    with socket.create_connection((configuration["host"], configuration["port"]), timeout=5) as connection:
        connection.sendall(request)
        with connection.makefile("rb") as answer:
            return answer.read(length)


def test_a_site_with_rtu_lists_its_serial_devices_and_they_answer() -> None:
    with running_site(rtu=True) as site:
        port = Path(site.site.bus.path)
        assert port.is_relative_to("/dev")
        assert port.is_char_device()
        modes = []
        listed = [(device, measurement) for device in site.devices for measurement in device["measurements"]]
        for device, measurement in listed:
            if device["communication"].get("mode") not in ("RTU", "RTUoverTCP"):
                continue
            parameters = measurement["configuration"]["parameters"]
            code = int(parameters["register"], 0)
            request = struct.pack(">BHH", code, parameters["address"], parameters["count"])
            size = 2 * parameters["count"] if code >= 3 else 1
            answer = exchange_rtu(device, sealed(parameters["slave"], request), 5 + size)
            assert answer == sealed(parameters["slave"], answer[1:-2])
            assert answer[1:3] == bytes([code, size])
            assert len(site.served.of(measurement["_id"])) == 1
            modes.append(device["communication"]["mode"])
        assert (modes.count("RTU"), modes.count("RTUoverTCP")) == (5, 3)
    assert not port.parent.exists()


def test_the_same_unit_and_address_on_another_link_are_another_measurement() -> None:
    with running_site(rtu=True) as site:
        exchange_tcp(site, struct.pack(">HHHBBHH", 1, 0, 6, 1, 4, 52, 2), 13)
        served = {measurement for measurement in site.served.measurements() if site.served.of(measurement)}
        assert served == {"65a000000000000000000104"}


def test_the_serial_port_of_a_site_lies_in_the_directory_of_choice(tmp_path: Path) -> None:
    with running_site(rtu=True, serial_directory=tmp_path) as site:
        assert [entry.resolve() for entry in tmp_path.iterdir()] == [site.site.bus.device]
        assert site.call(lambda: len(site.site.bus.units.asked)) == 0
    assert list(tmp_path.iterdir()) == []


def test_all_values_are_on_every_link() -> None:
    with running_site(rtu=True, all_values=True, baudrate=None) as site:
        devices = [device for device in site.devices if device["name"] == "Toutes les valeurs"]
        assert [device["communication"]["mode"] for device in devices] == ["TCP", "RTU", "RTUoverTCP"]
        identities = [measurement["_id"] for device in devices for measurement in device["measurements"]]
        assert set(identities) == set(site.site.expected)
        assert len(identities) == len(set(identities))
        data = exchange_tcp(site, struct.pack(">HHHBBHH", 1, 0, 6, 100, 3, 0, 125), 259)[9:]
        request = sealed(100, struct.pack(">BHH", 3, 0, 125))
        for device in devices[1:]:
            assert exchange_rtu(device, request, 255) == sealed(100, b"\x03\xfa" + data)
