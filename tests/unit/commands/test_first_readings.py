"""Which devices have answered after a start, by what the daemon's own status says."""

from typing import Any

import pytest

from inviseobox import events
from inviseobox.acquisition.schedule import effective_period
from inviseobox.commands.first_readings import Silent, Standing, longest_wait
from inviseobox.configuration import Configuration, HttpSettings, ModbusSettings
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.devices.inventory import Inventory
from inviseobox.health.health import Health
from inviseobox.health.troubles import LINK
from inviseobox.host import status_file
from inviseobox.records import Reading
from tests.support.entries import listed, modbus_device, web_device

INVENTORY = listed(
    modbus_device(502, {3: [0, 1]}, name="meter"),
    modbus_device(502, {4: [7]}, name="other"),
    web_device("http://192.0.2.34/", ["t"], name="page"),
)
METER, OTHER, PAGE = INVENTORY.devices
assert METER.link
assert PAGE.link
GATEWAY, HOST = METER.link.name, PAGE.link.name


class Box:
    """A daemon that has read some of the devices."""

    def __init__(self, inventory: Inventory = INVENTORY) -> None:
        self.devices = DevicesInForce(600, inventory)
        self.health = Health(lambda: 0.0)

    def reads(self, **values: float | None) -> "Box":
        for identity, value in values.items():
            one = self.devices.find(identity)
            assert one is not None
            self.health.note_readings([Reading(one.series, value)], 1000.0)
        return self

    @property
    def status(self) -> dict[str, Any]:
        devices = list(status_file.devices(self.health, self.devices))
        return {**status_file.overview(self.health, self.devices, 2000.0, "run"), "devices": devices}


def test_before_there_is_a_status_nothing_has_answered() -> None:
    standing = Standing(INVENTORY)
    assert standing.answering == 0
    assert not standing.is_complete
    assert {one.cause for one in standing.silent()} == {"it has not been read yet"}


def test_when_everything_gave_a_value_nothing_is_left() -> None:
    standing = Standing(INVENTORY, Box().reads(**{"3/0": 1.0, "3/1": 2.0, "4/7": 3.0, "page/t": 4.0}).status)
    assert (standing.answering, standing.is_complete, list(standing.silent())) == (3, True, [])


def test_a_round_that_is_not_over_yet_is_waited_for() -> None:
    box = Box().reads(**{"3/0": 1.0, "4/7": 3.0, "page/t": 4.0})
    standing = Standing(INVENTORY, box.status)
    assert (standing.answering, standing.is_complete) == (3, False)
    standing = Standing(INVENTORY, box.reads(**{"3/1": None}).status)
    assert standing.is_complete
    assert list(standing.silent()) == [Silent("meter, 3/1", GATEWAY, "it gives no value")]


def test_a_window_that_ends_meanwhile_takes_nothing_away() -> None:
    box = Box().reads(**{"3/0": 1.0, "3/1": None, "4/7": 3.0, "page/t": 4.0})
    before = Standing(INVENTORY, box.status)
    box.health.note_window()
    assert not Standing(INVENTORY, box.status).is_complete
    after = Standing(INVENTORY, box.status, before)
    assert after.is_complete
    assert [one.cause for one in after.silent()] == ["it gives no value"]


def test_a_modbus_device_has_two_rounds_and_a_page_one_read_before_it_is_silent() -> None:
    box = Box().reads(**{"3/0": 1.0, "3/1": 2.0, "4/7": None, "page/t": None})
    standing = Standing(INVENTORY, box.status)
    assert not standing.is_complete
    standing = Standing(INVENTORY, box.status, standing)
    assert not standing.is_complete, "the same status says nothing new"
    standing = Standing(INVENTORY, box.reads(**{"4/7": None}).status, standing)
    assert standing.is_complete
    assert [one.name for one in standing.silent()] == ["other", "page"]


def test_rounds_are_counted_over_the_end_of_a_window() -> None:
    box = Box().reads(**{"3/0": 1.0, "3/1": 2.0, "4/7": None, "page/t": 4.0})
    before = Standing(INVENTORY, box.status)
    box.health.note_window()
    after = Standing(INVENTORY, box.status, before)
    assert not after.is_complete
    assert Standing(INVENTORY, box.reads(**{"4/7": None}).status, after).is_complete


def test_a_silent_device_is_told_with_its_cause() -> None:
    box = Box().reads(**{"3/0": 1.0, "3/1": 2.0, "4/7": None, "page/t": None})
    unit = events.DEVICE("no answer within 1 s", link=GATEWAY, device="other", device_id=OTHER.id, unit="4")
    box.health.troubles.begin("unit", unit)
    page = events.PAGE("it answered 500", link=HOST, device="page", device_id=PAGE.id, page="http://h/")
    box.health.troubles.begin("page", page)
    standing = Standing(INVENTORY, box.status)
    assert (standing.answering, standing.is_complete) == (1, False)
    assert list(standing.silent()) == [
        Silent("other", GATEWAY, "no answer within 1 s"),
        Silent("page", HOST, "it answered 500"),
    ]


def test_the_cause_of_a_link_counts_before_those_of_its_devices() -> None:
    box = Box().reads(**{"3/0": None, "3/1": None, "4/7": None, "page/t": 4.0})
    name = GATEWAY
    box.health.troubles.begin("unit", events.DEVICE("silent", link=name, device="other", device_id=OTHER.id, unit="4"))
    box.health.troubles.begin(LINK, events.HOST("Connection refused", link=name, device="meter, other"), scope=name)
    silent = list(Standing(INVENTORY, box.status).silent())
    assert silent == [Silent(one, name, "Connection refused") for one in ("meter", "other")]


def test_a_measurement_is_told_with_its_own_cause() -> None:
    box = Box().reads(**{"3/0": 1.0, "3/1": None, "4/7": 3.0, "page/t": 4.0})
    one = box.devices.find("3/1")
    assert one is not None
    box.health.troubles.begin("value", events.VALUE("NaN\x1b[31m", **_about(one.about)))
    (silent,) = Standing(INVENTORY, box.status).silent()
    assert silent == Silent("meter, 3/1", GATEWAY, "NaN\ufffd[31m")


def _about(about: events.AboutMeasurement) -> dict[str, str]:
    return {name: getattr(about, name) for name in ("device", "device_id", "measurement", "measurement_id")}


def test_what_cannot_be_read_as_it_is_described_is_told_and_not_waited_for() -> None:
    odd = modbus_device(503, {5: [0]}, name="odd")
    odd["communication"]["protocol"] = "Modbuss"
    without = modbus_device(504, {}, name="without")
    inventory = listed(odd, without, web_device("http://192.0.2.34/", ["t"], name="page"))
    standing = Standing(inventory, Box(inventory).reads(**{"page/t": 1.0}).status)
    assert standing.is_complete
    causes = {one.name: one.cause for one in standing.silent()}
    assert set(causes) == {"odd", "without"}
    assert "Modbuss" in causes["odd"]
    assert causes["without"] == "the server lists no measurement of it"


@pytest.mark.parametrize(
    "status",
    [
        {"devices": 5, "links": {}, "troubles": "x"},
        {
            "devices": [5, {"measurements": 5}, {"measurements": [5, {"_id": []}]}],
            "links": [5, {}],
            "troubles": [5, {}],
        },
        {"troubles": [{"fields": {"INVISEOBOX_DEVICE_ID": 5}}, {"fields": []}]},
    ],
)
def test_a_status_that_is_odd_harms_nobody(status: dict[str, Any]) -> None:
    standing = Standing(INVENTORY, status)
    assert standing.answering == 0
    assert len(list(standing.silent())) == 3


def test_the_wait_is_long_enough_for_the_slowest_link_and_no_longer() -> None:
    usual = Configuration(token="t", url="u")  # noqa: S106
    page = usual.http.timeout
    assert page < longest_wait(INVENTORY, usual) < page + 20
    quick = Configuration(
        token="t",  # noqa: S106
        url="u",
        modbus=ModbusSettings(period=1, timeout=0.1),
        http=HttpSettings(timeout=1),
    )
    assert 1 < longest_wait(INVENTORY, quick) < 20
    many = listed(modbus_device(502, {unit: [0] for unit in range(1, 101)}, name="meters"))
    rounds = effective_period(usual.modbus.period, 1800) + 100 * 2 * usual.modbus.timeout
    assert rounds < longest_wait(many, usual) < 2 * rounds
    pages = listed(*(web_device(f"http://192.0.2.34/{page}", ["t"], name=f"page {page}") for page in range(1000)))
    assert longest_wait(pages, usual) == 600
