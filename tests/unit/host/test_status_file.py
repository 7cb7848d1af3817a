"""status.json: what programs on the same machine may rely on."""

import json
import os
import tempfile
from collections.abc import Callable
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox import events
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.errors import StatusUnreadable
from inviseobox.health.health import ClockWitness, Health
from inviseobox.health.troubles import LINK
from inviseobox.host import status_file
from inviseobox.host.status_file import MAX_SIZE, StatusFile, devices, overview, read
from inviseobox.records import Reading
from inviseobox.timekeeping.witnesses import Basis
from inviseobox.updater import daemon_status
from inviseobox.updater.seen import status_patience
from tests.support.entries import listed, modbus_device, web_device
from tests.support.status_schema import SCHEMA, assert_valid


def known(**readings: float | None) -> tuple[Health, DevicesInForce]:
    """Return a box with a meter and a sensor, of which some measurements were read."""
    devices = DevicesInForce(
        600,
        listed(
            modbus_device(502, {3: [0, 1], 4: [7]}, name="meter"), web_device("http://192.0.2.34/", ["t"], name="page")
        ),
    )
    health = Health(lambda: 0.0)
    for number, (identity, value) in enumerate(readings.items()):
        one = devices.find(identity)
        assert one is not None
        health.note_readings([Reading(one.series, value)], 1000.0 + number)
    return health, devices


def write(path: Path, health: Health, in_force: DevicesInForce) -> None:
    status_file.write(path, overview(health, in_force, 2000.0, "run"), devices(health, in_force))


def status(health: Health, in_force: DevicesInForce) -> dict[str, Any]:
    """Return the status as a reader gets it, once it is known to be valid."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "status.json"
        write(path, health, in_force)
        content = read(path)
    assert_valid(content)
    return content


def test_a_fresh_daemon_has_a_valid_status() -> None:
    content = status(Health(), DevicesInForce())
    assert content["devices"] == content["links"] == content["troubles"] == []
    assert content["interval"] == 1800


def test_each_device_has_its_units_and_each_link_the_time_of_its_last_good_reading() -> None:
    content = status(*known(**{"3/0": 5.0, "3/1": None, "4/7": 6.0}))
    assert [device["units"] for device in content["devices"]] == [[3, 4], []]
    meter, page = content["links"]
    assert (meter["name"], meter["up"], meter["last_good_reading"]) == ("127.0.0.1:502", True, 1002.0)
    assert (page["name"], page["last_good_reading"]) == ("http://192.0.2.34:80", None)
    assert content["interval"] == 600


def test_a_measurement_has_its_unit_where_the_list_gives_one() -> None:
    sensor = web_device("http://192.0.2.34/", ["t", "hum", "odd"], name="page")
    for measurement, unit in zip(sensor["measurements"], ("°C", "\x1b%", 5), strict=True):
        measurement["unit"] = unit
    content = status(Health(), DevicesInForce(600, listed(sensor)))
    assert [one.get("unit") for one in content["devices"][0]["measurements"]] == ["°C", "\ufffd%", None]


def test_a_trouble_has_its_kind_its_words_and_its_fields() -> None:
    health, devices = known()
    health.troubles.begin(LINK, events.HOST("refused", link="127.0.0.1:502", device="meter"), "127.0.0.1:502")
    content = status(health, devices)
    assert content["troubles"] == [
        {
            "kind": "host",
            "subject": "127.0.0.1:502",
            "cause": "refused",
            "fields": {"INVISEOBOX_LINK": "127.0.0.1:502", "INVISEOBOX_DEVICE": "meter"},
        }
    ]
    assert (content["links"][0]["up"], content["links"][0]["cause"]) == (False, "refused")
    assert content["links"][1]["up"]


def test_two_links_of_which_one_unit_is_silent_are_both_up() -> None:
    health, devices = known()
    silent = events.DEVICE("no answer", link="127.0.0.1:502", unit="3", device="meter", device_id="meter")
    health.troubles.begin("unit 3", silent, "127.0.0.1:502")
    assert all(link["up"] for link in status(health, devices)["links"])


def test_the_clock_and_the_disk_are_in_the_status() -> None:
    health, devices = known()
    health.clock_witness = ClockWitness(1234.5, "the server")
    health.disk_free = 10**9
    health.dated_by = "server"
    content = status(health, devices)
    assert content["clock_confirmed"] == {"at": 1234.5, "by": "the server"}
    assert content["disk_free"] == 10**9
    assert content["dated_by"] == "server"


def test_the_schema_names_all_by_which_readings_may_be_dated() -> None:
    schema = json.loads(SCHEMA.read_text())
    assert set(schema["properties"]["dated_by"]["enum"]) == {*Basis, None}


def test_a_written_status_is_read_back_and_only_the_group_may_read_it(tmp_path: Path) -> None:
    health, in_force = known(**{"3/0": 5.0})
    write(tmp_path / "status.json", health, in_force)
    described = {**overview(health, in_force, 2000.0, "run"), "devices": list(devices(health, in_force))}
    assert read(tmp_path / "status.json") == described
    assert (tmp_path / "status.json").stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in tmp_path.iterdir()] == ["status.json"]


class Hand:
    """A clock that is moved by hand, and on by so much at each look."""

    def __init__(self, passes: float = 0.0) -> None:
        self.time = 100.0
        self._passes = passes

    def __call__(self) -> float:
        self.time += self._passes
        return self.time


def many() -> tuple[Health, DevicesInForce]:
    """Return a box with a hundred meters of ten measurements."""
    meters = [modbus_device(502, {unit: list(range(10))}, name=f"meter {unit}") for unit in range(1, 101)]
    return Health(lambda: 0.0), DevicesInForce(600, listed(*meters))


def written_at(
    folder: Path,
    clock: Hand,
    news_at: set[int],
    seconds: int,
    box: Callable[[], tuple[Health, DevicesInForce]] = known,
) -> list[int]:
    """Return in which of so many seconds the file was written, with news in some of them."""
    path = folder / "status.json"
    file = StatusFile({"RUNTIME_DIRECTORY": str(folder)}, clock)
    health, in_force = box()
    began, found = clock.time, []
    for second in range(seconds):
        clock.time = began + second
        file.update(health, in_force, 2000.0, is_news=second in news_at)
        if path.exists():
            found.append(second)
            path.unlink()
    return found


def test_the_file_is_written_every_ten_seconds_and_at_once_when_there_is_news(tmp_path: Path) -> None:
    assert written_at(tmp_path, Hand(), {0, 3, 4}, 30) == [0, 3, 4, 14, 24]


def test_a_large_file_is_written_more_seldom_and_news_wait(tmp_path: Path) -> None:
    write(tmp_path / "like.json", *many())
    rest = ceil((tmp_path / "like.json").stat().st_size / 10_000)
    assert rest > 11
    assert written_at(tmp_path, Hand(), {0, 3}, 3 * rest, many) == [0, rest, 2 * rest]


def test_a_machine_that_is_slow_or_busy_writes_as_often(tmp_path: Path) -> None:
    assert written_at(tmp_path, Hand(0.2), {0}, 30) == [0, 10, 20]


def test_the_updater_misses_no_file_that_is_only_large(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    write(path, *many())
    status = daemon_status.read(str(path), "run", os.getuid())
    assert status is not None
    assert status_patience(status) > 1.5 * status.size / 10_000


def test_without_a_runtime_directory_there_is_no_file() -> None:
    StatusFile({}, Hand()).update(*known(), 2000.0, is_news=True)


def test_a_file_that_cannot_be_written_is_a_trouble_until_it_can(tmp_path: Path) -> None:
    health, in_force = known()
    file = StatusFile({"RUNTIME_DIRECTORY": str(tmp_path / "missing")}, Hand())
    file.update(health, in_force, 2000.0, is_news=True)
    assert [trouble.kind for trouble in health.troubles.current()] == [events.STATUS_FILE]
    (tmp_path / "missing").mkdir()
    file.update(health, in_force, 2000.0, is_news=True)
    assert not health.troubles.current()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2}', '{"schema": 1', "[" * 100_000, "\xff"])
def test_a_text_that_is_not_a_status_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "status.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(StatusUnreadable, match="is not a status of inviseobox"):
        read(tmp_path / "status.json")


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "status.json"
    path.write_bytes(content)
    with pytest.raises(StatusUnreadable):
        read(path)


def test_a_status_that_is_missing_says_what_to_look_at(tmp_path: Path) -> None:
    with pytest.raises(StatusUnreadable, match="systemctl status inviseobox"):
        read(tmp_path / "status.json")


@pytest.mark.parametrize("kind", ["link", "directory", "fifo", "large"])
def test_a_status_that_is_not_a_plain_file_of_bounded_size_is_not_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "status.json"
    match kind:
        case "link":
            write(tmp_path / "other", *known())
            path.symlink_to(tmp_path / "other")
        case "directory":
            path.mkdir()
        case "fifo":
            os.mkfifo(path)
        case "large":
            path.touch()
            os.truncate(path, MAX_SIZE + 1)
    with pytest.raises(StatusUnreadable):
        read(path)
