"""What root reads of a file that the service could have made to harm it."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import inviseobox
from inviseobox import events
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.health.health import Health
from inviseobox.health.troubles import LINK
from inviseobox.host import status_file
from inviseobox.records import Reading
from inviseobox.updater import daemon_status, green
from inviseobox.updater.observation import LinkState, Status
from inviseobox.updater.status_content import understand
from tests.support.entries import listed, modbus_device

CONTENT: dict[str, Any] = {
    "schema": 1,
    "version": "2.0",
    "invocation_id": "run",
    "written_at": 1e9,
    "interval": 60,
    "progress": {"polling": 1e9, "commits": None, "delivery": 999999999},
    "links": [{"name": "a", "up": True, "cause": None, "last_good_reading": 1e9}],
    "devices": [],
}
OWN = os.getuid()


def read(path: Path, invocation: str = "run", owner: int | None = OWN, known: Status | None = None) -> Status | None:
    return daemon_status.read(str(path), invocation, owner, known)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "status.json"
    path.write_text(json.dumps(CONTENT))
    return path


def test_what_the_service_wrote_is_read(path: Path) -> None:
    status = read(path)
    assert status is not None
    assert (status.version, status.written_at, status.interval) == ("2.0", 1e9, 60)
    assert status.progress == {"polling": 1e9, "commits": None, "delivery": 999999999.0}
    assert status.links == {"a": LinkState(True, "", 1e9)}


def test_what_todays_service_writes_is_read(tmp_path: Path) -> None:
    in_force = DevicesInForce(600, listed(modbus_device(502, {3: [0]}, name="meter")))
    (measurement,) = in_force.inventory.devices[0].measurements
    health = Health(lambda: 0.0)
    health.note_readings([Reading(measurement.series, 21.5)], 1000.0)
    health.progress.delivery = 900.0
    path = tmp_path / "status.json"
    status_file.write(
        path, status_file.overview(health, in_force, 1010.0, "run"), status_file.devices(health, in_force)
    )
    assert daemon_status._DEVICES in path.read_bytes()
    status = read(path)
    assert status is not None
    assert status.version == inviseobox.__version__
    assert status.progress == {"polling": 1000.0, "commits": None, "delivery": 900.0}
    assert status.links == {"127.0.0.1:502": LinkState(True, "", 1000.0)}
    assert green.required(status).facets == ("polling",)


def test_the_same_file_is_not_read_twice_and_a_new_one_is(path: Path) -> None:
    first = read(path)
    assert read(path, known=first) is first
    new = path.with_name("new")
    new.write_text(json.dumps(CONTENT | {"version": "3.0"}))
    new.replace(path)
    second = read(path, known=first)
    assert second is not None
    assert first is not None
    assert second.version == "3.0"
    assert second.stamp != first.stamp
    assert read(path, "another run", known=second) is None


def test_another_run_s_status_is_none(path: Path) -> None:
    assert read(path, "another") is None
    path.write_text(json.dumps(CONTENT | {"invocation_id": ""}))
    assert read(path, "") is None


def test_a_symbolic_link_is_not_followed(path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(path)
    assert read(link) is None


def test_a_file_of_somebody_else_is_not_read(path: Path) -> None:
    if OWN:
        assert read(path, owner=OWN + 1) is None
        return
    os.chown(path, 65534, 65534)
    assert read(path, owner=1000) is None
    assert read(path, owner=None) is None
    assert read(path, owner=65534) is not None


def test_a_pipe_does_not_hold_the_reader(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)
    assert read(path) is None
    writer = os.open(path, os.O_RDWR)
    try:
        os.write(writer, json.dumps(CONTENT).encode())
        assert read(path) is None
    finally:
        os.close(writer)


def test_a_directory_a_device_and_nothing_are_none(path: Path) -> None:
    assert read(path.parent) is None
    assert read(Path("/dev/zero"), owner=0) is None
    assert read(path.with_name("gone")) is None


def test_a_gigabyte_is_not_read(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(1 << 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert read(path) is None
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1000


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"schema": 1, "links": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'{"schema": 1}',
        b'{"schema": ' + b"9" * 10_000 + b"}",
        b', "devices": [',
    ],
)
def test_what_is_no_status_is_none(path: Path, text: bytes) -> None:
    path.write_bytes(text)
    assert read(path) is None


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"version": 2},
        {"invocation_id": None},
        {"written_at": "1"},
        {"written_at": True},
        {"written_at": float("nan")},
        {"written_at": 10**400},
        {"interval": 0},
        {"interval": 1.5},
        {"interval": 86_401},
        {"interval": True},
        {"progress": None},
    ],
)
def test_a_wrong_type_is_none(path: Path, change: dict[str, object]) -> None:
    path.write_text(json.dumps(CONTENT | change))
    assert read(path) is None


def test_wrong_times_and_links_are_left_out(path: Path) -> None:
    links = [1, {}, {"name": 1}, {"name": "n" * 501}, {"name": "b", "up": 1, "cause": 5, "last_good_reading": "x"}]
    progress = {"polling": float("inf"), "commits": 10**30, "more": 1}
    path.write_text(json.dumps(CONTENT | {"links": links, "progress": progress}))
    status = read(path)
    assert status is not None
    assert status.links == {"b": LinkState(False, "", None)}
    assert status.progress == {"polling": None, "commits": None, "delivery": None}


def test_ten_thousand_devices_are_read(path: Path) -> None:
    device = {
        "_id": "65a000000000000000000100", "name": "Compteur" * 5, "link": "Modbus TCP 10.0.0.5:502", "units": [1],
        "measurements": [{"_id": "65a000000000000000000101", "name": "Puissance", "unit": "W", "value": 123.456789,
                          "at": 1e9 + 0.123456, "answers": True, "good_reads": 180, "reads": 180}] * 3,
    }  # fmt: skip
    links = [{"name": f"Modbus TCP 10.0.{n >> 8}.{n & 255}:502", "up": True, "cause": None, "last_good_reading": 1e9}
             for n in range(5000)]  # fmt: skip
    overview = {key: value for key, value in (CONTENT | {"links": links}).items() if key != "devices"}
    status_file.write(path, overview, [device] * 10_000)
    assert 6_000_000 < path.stat().st_size < daemon_status.MAX_SIZE
    status = read(path)
    assert status is not None
    assert len(status.links) == 5000


def _device(port: int) -> dict[str, Any]:
    return modbus_device(port, {port // 200 + 1: [port % 200]}, name=f"meter {port}")


def test_ten_thousand_links_that_are_down_are_read(tmp_path: Path) -> None:
    """What comes before the devices is longest when each link is in trouble, and each has a device of its own."""
    count = 10_000
    in_force = DevicesInForce(600, listed(*(_device(port) for port in range(1, count + 1))))
    health = Health(lambda: 0.0)
    health.progress.polling = 1e9
    for device in in_force.inventory.devices:
        assert device.link
        link = device.link.name
        health.troubles.begin(LINK, events.LINK("no connection within 5 s", link=link, device=device.name), link)
    path = tmp_path / "status.json"
    status_file.write(path, status_file.overview(health, in_force, 1e9, "run"), status_file.devices(health, in_force))
    status = read(path)
    assert status is not None
    assert [link.up for link in status.links.values()] == [False] * count


def test_twenty_thousand_links_are_read(path: Path) -> None:
    links = [
        {"name": f"Modbus TCP {n:075d}", "up": True, "cause": None, "last_good_reading": 1e9} for n in range(20_000)
    ]
    overview = {key: value for key, value in (CONTENT | {"links": links}).items() if key != "devices"}
    status_file.write(path, overview, [{"name": "x" * 100}] * 50_000)
    assert path.stat().st_size > daemon_status.READ_AT_MOST
    status = read(path)
    assert status is not None
    assert len(status.links) == 20_000


_PEAK = """
import os, resource, sys
from pathlib import Path
from inviseobox.updater import daemon_status
assert daemon_status.read(sys.argv[1], "run", os.getuid()) is None
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""


_NESTED = {"objects": '{"":' * 900 + "0" + "}" * 900, "lists": "[" * 900 + "]" * 900, "none": "[]"}


@pytest.mark.parametrize("piece", _NESTED.values(), ids=_NESTED)
@pytest.mark.parametrize("devices", ['], "devices": []}', "]}"], ids=["devices", "no devices"])
@pytest.mark.parametrize("size", [daemon_status.READ_AT_MOST, daemon_status.MAX_SIZE])
def test_no_content_takes_the_memory_of_the_unit(path: Path, piece: str, devices: str, size: int) -> None:
    begin = '{"schema": 1, "links": ['
    count = (size - len(begin) - len(devices) + 1) // (len(piece) + 1)
    path.write_text(begin + ",".join([piece] * count) + devices)
    assert size - len(piece) <= path.stat().st_size + 1 <= size + 1
    peak = subprocess.run([sys.executable, "-c", _PEAK, path], capture_output=True, text=True, check=True).stdout
    # In kB; the unit has 512 MB, for more than this.
    assert int(peak) < 400_000


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(list(CONTENT)), values))
def test_no_content_is_an_error(change: dict[str, Any]) -> None:
    status = understand(CONTENT | change, 1, 1)
    assert status is None or isinstance(status, Status)
    assert understand(list(change), 1, 1) is None
