"""The one line of `systemctl status`."""

import time
from collections.abc import Iterator

import pytest

from inviseobox import events
from inviseobox.devices.in_force import DevicesInForce
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


def health() -> Health:
    return Health(lambda: 0.0)


def devices(*names: str) -> DevicesInForce:
    listed = (
        Device(name, name, None, (Measurement(Series(name, name, "f", ()), name, Unusable("")),)) for name in names
    )
    return DevicesInForce(None, Inventory(tuple(listed)))


def read(known: Health, **values: float | None) -> None:
    known.note_readings([Reading(Series(name, name, "f", ()), value) for name, value in values.items()], 1000)


def test_before_there_is_a_device_list() -> None:
    assert status_line(health(), DevicesInForce()) == "no device list yet"


def test_before_the_first_reading() -> None:
    assert status_line(health(), devices("a", "b")) == "2 devices, first reading"


def test_an_empty_list_is_not_waited_for() -> None:
    assert status_line(health(), devices()) == "0 of 0 devices answer"


def test_devices_and_the_last_window() -> None:
    known = health()
    read(known, a=1.0, b=None)
    known.last_delivered = 1735054200
    assert status_line(known, devices("a", "b")) == "1 of 2 devices answer; window 15:30:00 delivered"


def test_every_trouble_is_named_with_its_cause() -> None:
    known = health()
    read(known, a=1.0)
    known.backlog = 3
    known.troubles.begin("server", events.SERVER("no connection"))
    line = status_line(known, devices("a"))
    assert "3 windows wait for the server" in line
    assert line.endswith("server: no connection")


def test_a_long_line_is_cut() -> None:
    known = health()
    for number in range(100):
        trouble = events.DEVICE("no answer within 1 s", link="p", unit="1", device=f"meter {number}", device_id="d")
        known.troubles.begin(str(number), trouble)
    line = status_line(known, devices("a"))
    assert len(line) <= 400
    assert line.endswith("...")


def test_the_status_is_one_line_of_ascii() -> None:
    known = health()
    about = {"device": "Hygrométrie", "device_id": "h", "measurement": "Unité 2", "measurement_id": "m"}
    known.troubles.begin("value", events.PAGE_VALUE("it has no clé", **about))
    line = status_line(known, devices("a"))
    assert line.isascii()
    assert line.isprintable()
