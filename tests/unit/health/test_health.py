"""What the daemon knows of itself."""

import asyncio
import logging

import pytest

from inviseobox import events
from inviseobox.devices.inventory import Device, Inventory, Measurement
from inviseobox.devices.sources import Unusable
from inviseobox.errors import DeliveryError, ServerUnreachable, TokenRefused
from inviseobox.health.health import Health, Heartbeats, Troubles
from inviseobox.records import Reading, Series

SILENT = events.DEVICE(link="/dev/ttyUSB0", unit="5", device="Compteur général", device_id="d")


def series(measurement: str, device: str = "d") -> Series:
    return Series(measurement, device, "f", ())


def device(identity: str, *measurements: str) -> Device:
    entries = tuple(Measurement(series(one, identity), one, Unusable("")) for one in measurements)
    return Device(identity, identity, None, entries)


def test_a_promise_is_overdue_when_its_time_has_passed_and_not_before() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        beats = Heartbeats()
        assert beats.overdue() == []
        promised = loop.time() + 0.05
        beats.expect("link", 0.05)
        beats.expect("another", 0.05)
        beats.expect("windows", 3600)
        while not beats.overdue():
            assert loop.time() < promised + 5
            await asyncio.sleep(0.005)
        assert loop.time() >= promised
        await asyncio.sleep(0.01)
        assert beats.overdue() == ["another", "link"]
        beats.expect("link", 3600)
        assert beats.overdue() == ["another"]
        beats.forget("another")
        beats.forget("unknown")
        assert beats.overdue() == []

    asyncio.run(scenario())


def test_a_blocked_loop_is_seen_at_the_next_look() -> None:
    async def scenario() -> None:
        beats = Heartbeats()
        beats.expect("upload", -1)
        assert beats.overdue() == ["upload"]

    asyncio.run(scenario())


def test_a_trouble_is_told_once_with_its_advice_and_fields(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "inviseobox")
    troubles = Troubles()
    for _ in range(3):
        troubles.begin(SILENT, "meter", "no answer within 1 s", "check its power")
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == "meter: no answer within 1 s; check its power"
    assert vars(record).items() >= SILENT.begins.items()


def test_its_end_is_told_once_and_only_if_it_had_begun(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "inviseobox")
    troubles = Troubles()
    troubles.end("meter", "answers again")
    assert caplog.records == []
    troubles.begin(SILENT, "meter", "no answer")
    for _ in range(3):
        troubles.end("meter", "answers again")
    assert [record.getMessage() for record in caplog.records] == ["meter: no answer", "meter: answers again"]
    assert caplog.records[1].levelno == logging.INFO
    assert vars(caplog.records[1]).items() >= SILENT.ends.items()
    troubles.begin(SILENT, "meter", "no answer")
    assert len(caplog.records) == 3


def test_a_subject_that_left_is_dropped_without_a_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "inviseobox")
    troubles = Troubles()
    troubles.begin(SILENT, "meter", "no answer")
    troubles.drop("meter")
    troubles.drop("unknown")
    assert troubles.current() == []
    troubles.end("meter", "answers again")
    assert len(caplog.records) == 1


def test_troubles_are_listed_in_their_order_with_their_newest_cause() -> None:
    troubles = Troubles()
    troubles.begin(events.SERVER(), "server", "no connection")
    troubles.begin(SILENT, "meter", "no answer")
    troubles.begin(events.SERVER(), "server", "it refuses the token")
    assert troubles.current() == [("server", "it refuses the token"), ("meter", "no answer")]


def test_the_end_is_that_of_the_trouble_whose_beginning_was_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "inviseobox")
    troubles = Troubles()
    troubles.begin(events.PORT(link="/dev/ttyUSB0", device="a"), "/dev/ttyUSB0", "no such file")
    troubles.begin(events.LINK(link="/dev/ttyUSB0", device="a"), "/dev/ttyUSB0", "none of its 2 units answers")
    troubles.end("/dev/ttyUSB0", "reachable again")
    told = [vars(record)["MESSAGE_ID"] for record in caplog.records]
    assert told == [events.PORT_GONE.id, events.PORT_BACK.id]


def test_a_percent_sign_in_a_name_is_text(caplog: pytest.LogCaptureFixture) -> None:
    Troubles().begin(SILENT, "Humidité %s 100%", "50 %d")
    assert caplog.records[0].getMessage() == "Humidité %s 100%: 50 %d"


def test_devices_that_answer_are_counted() -> None:
    health = Health()
    assert health.answering() == (0, 0, 0)
    health.note_inventory(Inventory((device("a", "a1", "a2"), device("b", "b1"), device("c", "c1"))))
    assert health.answering() == (0, 0, 3)
    health.note_readings([Reading(series("a1", "a"), 5.0), Reading(series("a2", "a"), None)], 1000)
    health.note_readings([Reading(series("b1", "b"), None)], 1000)
    assert health.answering() == (1, 2, 3)
    health.note_readings([Reading(series("a1", "a"), None), Reading(series("b1", "b"), 0.0)], 1010)
    assert health.answering() == (1, 2, 3)
    assert health.latest["a1"].value == 5.0
    assert health.latest["a1"].at == 1000


def test_what_left_the_list_is_forgotten_and_what_stays_is_not() -> None:
    health = Health()
    health.note_inventory(Inventory((device("a", "a1"), device("b", "b1"))))
    health.note_readings([Reading(series("a1", "a"), 5.0), Reading(series("b1", "b"), 5.0)], 1000)
    health.note_inventory(Inventory((device("b", "b1"),)))
    assert health.answering() == (1, 1, 1)
    health.note_inventory(Inventory((device("a", "a1"), device("b", "b1"))))
    assert health.answering() == (1, 1, 2)


def test_the_shares_of_good_reads_begin_anew_with_a_window() -> None:
    health = Health()
    health.note_inventory(Inventory((device("a", "a1"),)))
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
def test_what_is_wrong_with_the_server_is_told_apart(
    error: DeliveryError, begins: events.Event[[]], ends: events.Event[[]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "inviseobox")
    health = Health()
    health.note_failure("upload", error, "everything is kept")
    health.note_answer("upload")
    assert [vars(record)["MESSAGE_ID"] for record in caplog.records] == [begins.id, ends.id]


@pytest.mark.parametrize(("error", "words"), [(61.0, "61 s ahead of"), (-3600.0, "3600 s behind")])
def test_a_clock_that_disagrees_is_a_trouble_until_it_agrees(error: float, words: str) -> None:
    health = Health()
    health.note_clock(error)
    ((subject, cause),) = health.troubles.current()
    assert subject == "clock"
    assert words in cause
    health.note_clock(1.0)
    assert health.troubles.current() == []
