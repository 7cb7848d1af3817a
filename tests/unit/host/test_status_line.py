"""The one line of `systemctl status`."""

import time
from collections.abc import Iterator

import pytest

from inviseobox import events
from inviseobox.devices.inventory import Device, Inventory, Measurement
from inviseobox.devices.sources import Unusable
from inviseobox.health.health import Health
from inviseobox.host.status_line import status_line
from inviseobox.records import Reading, Series


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def with_devices(*names: str) -> Health:
    health = Health()
    devices = (
        Device(name, name, None, (Measurement(Series(name, name, "f", ()), name, Unusable("")),)) for name in names
    )
    health.note_inventory(Inventory(tuple(devices)))
    return health


def read(health: Health, **values: float | None) -> None:
    health.note_readings([Reading(Series(name, name, "f", ()), value) for name, value in values.items()], 1000)


def test_before_there_is_a_device_list() -> None:
    assert status_line(Health()) == "no device list yet"


def test_before_the_first_reading() -> None:
    assert status_line(with_devices("a", "b")) == "2 devices, first reading"


def test_an_empty_list_is_not_waited_for() -> None:
    assert status_line(with_devices()) == "0 of 0 devices answer"


def test_devices_and_the_last_window() -> None:
    health = with_devices("a", "b")
    read(health, a=1.0, b=None)
    health.last_delivered = 1735054200
    assert status_line(health) == "1 of 2 devices answer; window 15:30:00 delivered"


def test_what_is_wrong_is_named_with_its_cause() -> None:
    health = with_devices("a")
    read(health, a=1.0)
    health.backlog = 3
    health.troubles.begin(events.SERVER(), "server", "no connection")
    line = status_line(health)
    assert "3 windows wait for the server" in line
    assert line.endswith("server: no connection")


def test_a_long_line_is_cut() -> None:
    health = with_devices("a")
    for number in range(100):
        health.troubles.begin(events.SERVER(), f"meter {number}", "no answer within 1 s")
    line = status_line(health)
    assert len(line) <= 400
    assert line.endswith("...")


def test_it_is_one_line_of_ascii() -> None:
    health = with_devices("a")
    health.troubles.begin(events.SERVER(), "Hygrométrie (unité 2)", "it has no clé")
    line = status_line(health)
    assert line.isascii()
    assert line.isprintable()
