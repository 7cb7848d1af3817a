"""What the daemon makes of device lists, and of devices that cannot be read."""

from typing import Any

from inviseobox.simulator.background import running_site
from inviseobox.simulator.central_server import Outcome
from inviseobox.simulator.http_server import Response
from tests.support.daemons import Place
from tests.support.entries import modbus_device, web_device
from tests.support.judging import faults
from tests.support.ports import deaf

from .daemon_sites import INTERVAL, WITHIN, at_work, wait_for_more


def test_a_device_that_never_answers_is_dead_and_disturbs_nobody(box: Place) -> None:
    with deaf() as port, running_site() as site:
        good = site.served.measurements()
        site.central.devices = [
            modbus_device(port, {1: [0], 2: [0]}, name="deaf gateway"),
            web_device(f"http://127.0.0.1:{port}/", ["temp1"], name="deaf sensor"),
            *site.devices,
        ]
        with at_work(box, site):
            site.wait_for_windows(4, WITHIN + 4 * INTERVAL, good)
            assert faults(site, INTERVAL) == []
            status = site.central.statuses[-1]
            assert status.of("deaf gateway") == "dead"
            assert any(one.of("deaf sensor") == "dead" for one in site.central.statuses)
            assert status.of(site.devices[2]["_id"]) == "ok"


def test_the_cached_device_list_is_read_without_a_server_at_the_start(box: Place) -> None:
    with running_site() as site:
        with at_work(box, site) as daemon:
            wait_for_more(site, 1)
            daemon.stop()
        site.central.script("list", lambda request: Outcome(Response(500)))
        before = len(site.served.of(site.served.measurements()[0]))
        with at_work(box, site) as daemon:
            daemon.told.wait_for("READY=1", 5)
            site.wait_until(lambda: len(site.served.of(site.served.measurements()[0])) > before, 5)
            daemon.log.wait_for("list kept from before stays in force", WITHIN)
            wait_for_more(site, 1)


def test_an_invalid_device_list_leaves_everything_running(box: Place) -> None:
    with running_site() as site, at_work(box, site) as daemon:
        wait_for_more(site, 1)
        page = Outcome(Response(200, {}, b"<html>It works!</html>"))
        site.central.script("list", lambda request: page)
        daemon.log.wait_for("list kept from before stays in force", WITHIN)
        wait_for_more(site, 1)
        assert faults(site, INTERVAL) == []


def test_an_empty_device_list_is_obeyed_and_so_is_the_next_one(box: Place) -> None:
    with running_site() as site, at_work(box, site) as daemon:
        devices = site.devices
        wait_for_more(site, 1)
        site.central.devices = []
        daemon.log.wait_for("device list: 0 devices", WITHIN)
        site.central.devices = devices
        daemon.log.wait_for("device list: 4 devices", WITHIN, after=len(daemon.log.all))
        wait_for_more(site, 2)
        assert site.central.violations == []
        assert site.central.conflicts() == []


ODDITIES: list[Any] = [
    None,
    5,
    "device",
    [],
    {},
    {"_id": 5},
    {"_id": "no communication", "measurements": []},
    {"_id": "\ud800", "measurements": []},
    {"_id": "no measurements", "communication": {"protocol": "Modbus"}},
    {"_id": "measurements of nothing", "communication": None, "measurements": [None, 5, {}, {"_id": "odd/1"}]},
]


def odd_devices(port: int) -> list[dict[str, Any]]:
    """Describe devices with one measurement each that cannot be read, every one for another reason."""
    changes: list[dict[str, Any]] = [
        {"protocol": "Profibus"},
        {"mode": "ASCII"},
        {"mode": ["TCP"]},
        {"configuration": {"host": "192.0.2..7", "port": 502}},
        {"configuration": {"host": "a" * 64 + ".example", "port": 502}},
        {"configuration": {"host": "127.0.0.1", "port": 70_000}},
        {"configuration": {"host": "evil/../host", "port": 502}},
        {"configuration": {}},
        {"mode": "RTU", "configuration": {"port": "/etc/passwd"}},
        {"mode": "RTU", "configuration": {"port": "/dev/null"}},
        {"mode": "RTU", "configuration": {"port": "/dev/../etc/passwd"}},
        {"mode": "RTU", "configuration": {"port": "/dev/ttyNOBODY"}},
        {"mode": "RTU", "configuration": {"port": "/dev/zero", "baudrate": 123_457}},
        {"protocol": "WebService", "configuration": {"url": "file:///etc/passwd"}},
        {"protocol": "WebService", "configuration": {"url": "http://192.0.2..7/"}},
        {"protocol": "WebService", "configuration": {"url": "http://[::1"}},
    ]
    devices = []
    for number, change in enumerate(changes):
        device = modbus_device(port, {1: [0]}, name=f"odd {number}")
        device["communication"].update(change)
        parameters = device["measurements"][0]["configuration"]["parameters"]
        parameters["key"] = "temp1"
        device["measurements"][0]["_id"] = f"odd {number}/1"
        devices.append(device)
    for number, (key, value) in enumerate(
        {
            "slave": 300,
            "register": "0x05",
            "value_class": "FLOAT48",
            "byte_order": [],
            "address": -1,
            "count": 0,
        }.items()
    ):
        device = modbus_device(port, {1: [0]}, name=f"bent {number}", **{key: value})
        device["measurements"][0]["_id"] = f"bent {number}/1"
        devices.append(device)
    return devices


def test_a_device_that_cannot_be_understood_is_dead_and_the_others_live(box: Place) -> None:
    with running_site() as site:
        good, devices = site.served.measurements(), site.devices
        odd = odd_devices(site.site.gateway.listener.port)
        site.central.devices = [*ODDITIES, *odd, *devices]
        with at_work(box, site) as daemon:
            site.wait_for_windows(2, WITHIN, good)
            assert faults(site, INTERVAL) == []

            def all_dead() -> bool:
                told = {entry["_id"]: entry["status"] for one in site.central.statuses[-1:] for entry in one.devices}
                return all(told.get(device["_id"]) == "dead" for device in odd)

            site.wait_until(all_dead, WITHIN)
            assert all(site.central.statuses[-1].of(device["_id"]) == "ok" for device in devices)
            assert not any(one.measurement.startswith(("odd", "bent")) for one in site.central.received)
            assert daemon.stop() < 5
