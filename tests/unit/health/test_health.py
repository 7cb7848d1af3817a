"""What the daemon knows of itself."""

import logging

import pytest

from inviseobox import events
from inviseobox.devices.inventory import Device, Inventory, Measurement
from inviseobox.devices.sources import Unusable
from inviseobox.errors import DeliveryError, ServerUnreachable, TokenRefused
from inviseobox.health.health import Health
from inviseobox.records import Reading, Series


def series(measurement: str, device: str = "d") -> Series:
    return Series(measurement, device, "f", ())


def device(identity: str, *measurements: str) -> Device:
    entries = tuple(Measurement(series(one, identity), one, Unusable("")) for one in measurements)
    return Device(identity, identity, None, entries)


def test_devices_that_answer_are_counted() -> None:
    health = Health()
    assert health.answering(Inventory()) == (0, 0, 0)
    listed = Inventory((device("a", "a1", "a2"), device("b", "b1"), device("c", "c1")))
    assert health.answering(listed) == (0, 0, 3)
    health.note_readings([Reading(series("a1", "a"), 5.0), Reading(series("a2", "a"), None)], 1000)
    health.note_readings([Reading(series("b1", "b"), None)], 1000)
    assert health.answering(listed) == (1, 2, 3)
    health.note_readings([Reading(series("a1", "a"), None), Reading(series("b1", "b"), 0.0)], 1010)
    assert health.answering(listed) == (1, 2, 3)
    assert health.latest["a1"].value == 5.0
    assert health.latest["a1"].at == 1000


def test_measurements_that_left_the_list_are_forgotten_and_those_that_stay_are_not() -> None:
    health = Health()
    listed = Inventory((device("a", "a1"), device("b", "b1")))
    health.note_readings([Reading(series("a1", "a"), 5.0), Reading(series("b1", "b"), 5.0)], 1000)
    health.keep_only({"b1"})
    assert health.answering(listed) == (1, 1, 2)


def test_the_shares_of_good_reads_begin_anew_with_a_window() -> None:
    health = Health()
    health.note_readings([Reading(series("a1", "a"), 5.0), Reading(series("a1", "a"), None)], 1000)
    assert (health.latest["a1"].good, health.latest["a1"].reads) == (1, 2)
    health.note_window()
    assert (health.latest["a1"].good, health.latest["a1"].reads) == (0, 0)
    assert health.latest["a1"].value == 5.0


@pytest.mark.parametrize(
    ("error", "begins", "ends"),
    [
        (ServerUnreachable("no connection"), events.SERVER_UNREACHABLE, events.SERVER_BACK),
        (DeliveryError("500"), events.SERVER_FAILS, events.SERVER_BACK),
        (TokenRefused("401"), events.TOKEN_REFUSED, events.TOKEN_ACCEPTED),
    ],
)
def test_troubles_of_the_server_are_told_apart(
    error: DeliveryError, begins: events.Event[[]], ends: events.Event[[]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "inviseobox")
    health = Health(lambda: 0.0)
    health.note_failure("upload", error, "everything is kept")
    health.note_answer("upload")
    assert [vars(record)["MESSAGE_ID"] for record in caplog.records] == [begins.id, ends.id]
    assert caplog.messages[0].endswith("; everything is kept")


def test_a_server_that_comes_back_and_refuses_the_token_takes_one_line_more(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "inviseobox")
    health = Health(lambda: 0.0)
    health.note_failure("upload", ServerUnreachable("no connection"), "everything is kept")
    health.note_failure("upload", TokenRefused("401"), "everything is kept")
    told = [events.SERVER_UNREACHABLE.id, events.TOKEN_REFUSED.id]
    assert [vars(record)["MESSAGE_ID"] for record in caplog.records] == told
    assert [trouble.kind for trouble in health.troubles.current()] == [events.TOKEN]


def test_a_trouble_of_the_server_lasts_until_no_loop_has_any() -> None:
    health = Health(lambda: 0.0)
    for asker in ("upload", "device list"):
        health.note_failure(asker, DeliveryError("500"), "")
    health.note_answer("upload")
    assert len(health.troubles.current()) == 1
    health.note_answer("device list")
    assert health.troubles.current() == []
