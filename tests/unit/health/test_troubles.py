"""What is wrong, and the lines that tell of it."""

import logging
import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox import events
from inviseobox.events import Trouble, TroubleKind
from inviseobox.health import sentences
from inviseobox.health.steadiness import STEADY, Steadiness, Telling
from inviseobox.health.troubles import LINK, Troubles

MOST_LINES_AN_HOUR = 12
"""What inviseobox.service(8) promises."""


@dataclass
class Clock:
    """A clock that is set by hand."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


def silent(name: str = "meter", cause: str = "no answer") -> Trouble:
    return events.DEVICE(cause, link="/dev/ttyUSB0", unit="5", device=name, device_id="d")


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "inviseobox")
    return caplog


def test_a_trouble_is_told_once_with_its_advice_and_fields(log: pytest.LogCaptureFixture) -> None:
    troubles = Troubles(Clock())
    for _ in range(3):
        troubles.begin("unit 5", silent(cause="no answer within 1 s"), "/dev/ttyUSB0")
    (record,) = log.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        "meter (unit 5 on /dev/ttyUSB0): no answer within 1 s; check its power, its address and the bus"
    )
    assert vars(record).items() >= silent().begins.items()


def test_the_end_of_a_trouble_is_told_once_and_only_if_it_had_begun(log: pytest.LogCaptureFixture) -> None:
    troubles = Troubles(Clock())
    troubles.end("unit 5")
    assert log.records == []
    troubles.begin("unit 5", silent())
    for _ in range(3):
        troubles.end("unit 5")
    assert [record.levelno for record in log.records] == [logging.WARNING, logging.INFO]
    assert log.messages[1] == "meter (unit 5 on /dev/ttyUSB0): answers again"
    assert vars(log.records[1]).items() >= silent().ends.items()
    troubles.begin("unit 5", silent())
    assert len(log.records) == 3


def test_an_end_tells_what_the_trouble_cost(log: pytest.LogCaptureFixture) -> None:
    troubles = Troubles(Clock())
    troubles.begin("memory", events.MEMORY("full"))
    troubles.end("memory", "7 readings were lost")
    assert log.messages[1] == "memory: has room again; 7 readings were lost"


def test_two_subjects_of_one_name_are_two_subjects(log: pytest.LogCaptureFixture) -> None:
    troubles = Troubles(Clock())
    troubles.begin("unit 5", silent(), "a")
    troubles.begin("unit 5", silent(), "b")
    troubles.end("unit 5", scope="a")
    assert len(log.records) == 3
    assert [trouble.about for trouble in troubles.current()] == [silent().about]
    assert troubles.of("b").keys() == {"unit 5"}


def test_a_scope_that_left_is_dropped_without_a_line(log: pytest.LogCaptureFixture) -> None:
    troubles = Troubles(Clock())
    troubles.begin("unit 5", silent(), "a")
    troubles.begin("unit 5", silent("other"), "b")
    troubles.drop("a")
    troubles.drop("unknown")
    assert [trouble.about for trouble in troubles.current()] == [silent("other").about]
    troubles.end("unit 5", scope="a")
    assert len(log.records) == 2


def test_the_troubles_that_a_scope_shows_replace_those_it_had(log: pytest.LogCaptureFixture) -> None:
    troubles = Troubles(Clock())
    troubles.show("a", {"unit 1": silent("one"), "unit 2": silent("two")})
    troubles.show("b", {"unit 1": silent("three")})
    troubles.show("a", {"unit 2": silent("two")})
    assert [line.partition(" ")[0] for line in log.messages] == ["one", "two", "three", "one"]
    assert [sentences.subject(trouble).partition(" ")[0] for trouble in troubles.current()] == ["two", "three"]


def test_subjects_that_have_a_greater_cause_stay_as_they_were(log: pytest.LogCaptureFixture) -> None:
    troubles = Troubles(Clock())
    whole = events.LINK("none of its 2 units answers", link="a", device="one, two")
    troubles.show("a", {"unit 1": silent("one")})
    troubles.show("a", {LINK: whole}, covered=["unit 1", "unit 2"])
    troubles.show("a", {"unit 1": silent("one")})
    assert [line.partition(":")[2].partition(";")[0] for line in log.messages] == [
        " no answer",
        " none of its 2 units answers",
        " reachable again",
    ]


def test_troubles_are_listed_in_their_order_with_their_newest_cause() -> None:
    troubles = Troubles(Clock())
    troubles.begin("server", events.SERVER("no connection"))
    troubles.begin("unit 5", silent())
    troubles.begin("server", events.SERVER("500"))
    assert [trouble.cause for trouble in troubles.current()] == ["500", "no answer"]


def test_the_end_that_is_told_is_of_the_trouble_whose_beginning_was_told(log: pytest.LogCaptureFixture) -> None:
    troubles = Troubles(Clock())
    troubles.begin(LINK, events.PORT("no such file", link="/dev/ttyUSB0", device="a"))
    troubles.begin(LINK, events.LINK("none of its 2 units answers", link="/dev/ttyUSB0", device="a"))
    troubles.end(LINK)
    told = [vars(record)["MESSAGE_ID"] for record in log.records]
    assert told == [events.PORT_GONE.id, events.PORT_BACK.id]


def test_a_percent_sign_in_a_name_is_text(log: pytest.LogCaptureFixture) -> None:
    Troubles(Clock()).begin("unit 5", silent("Humidité %s 100%", "50 %d"))
    assert log.messages[0].startswith("Humidité %s 100% (unit 5 on /dev/ttyUSB0): 50 %d")


def test_a_trouble_that_comes_and_goes_is_told_so_once_and_then_not_until_it_is_steady(
    log: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    troubles = Troubles(clock)
    for number in range(100):
        troubles.begin("unit 5", silent()) if number % 2 == 0 else troubles.end("unit 5")
        assert len(troubles.current()) == (number + 1) % 2, "the present state is always known"
        troubles.settle()
        clock.seconds += 10
    assert len(log.records) == 5
    assert "again and again" in log.messages[4]
    assert vars(log.records[4])["MESSAGE_ID"] == events.UNSTEADY.id
    assert vars(log.records[4])["INVISEOBOX_UNIT"] == "5"
    clock.seconds += STEADY
    for _ in range(3):
        troubles.settle()
    assert log.messages[5:] == ["meter (unit 5 on /dev/ttyUSB0): answers again (for 15 minutes now)"]
    assert log.records[5].levelno == logging.INFO


def test_a_subject_that_comes_and_goes_and_then_dies_is_told_to_be_dead(log: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    troubles = Troubles(clock)
    for number in range(9):
        troubles.begin("unit 5", silent()) if number % 2 == 0 else troubles.end("unit 5")
        clock.seconds += 10
    clock.seconds += STEADY
    troubles.settle()
    assert log.messages[-1].startswith("meter (unit 5 on /dev/ttyUSB0): no answer; ")
    assert log.messages[-1].endswith("(for 15 minutes now)")
    assert vars(log.records[-1])["MESSAGE_ID"] == events.DEVICE_SILENT.id


def test_a_trouble_that_is_long_past_is_forgotten() -> None:
    clock = Clock()
    troubles = Troubles(clock)
    troubles.begin("unit 5", silent(), "a")
    troubles.end("unit 5", scope="a")
    clock.seconds += 3601
    troubles.settle()
    assert troubles._scopes == {"a": {}}


@given(gaps=st.lists(st.one_of(st.floats(0, 30), st.floats(0, 4000), st.just(STEADY)), max_size=200))
def test_no_subject_takes_more_lines_an_hour_than_is_promised_and_its_last_state_is_told(gaps: list[float]) -> None:
    subject, now = Steadiness(), 0.0
    fails = told_failing = False
    lines: list[float] = []
    for gap in [*gaps, STEADY]:
        # The daemon looks once a second; here at the end of each gap, and in it where that could matter.
        for moment in (now + min(gap, STEADY), now + gap):
            if subject.settle(moment):
                lines.append(moment)
                told_failing = fails
        now += gap
        fails = not fails
        match subject.change(now):
            case Telling.STATE:
                lines.append(now)
                told_failing = fails
            case Telling.UNSTEADY:
                lines.append(now)
    if subject.settle(now + STEADY + 1):
        told_failing = fails
    assert told_failing == fails
    for first, at in enumerate(lines):
        assert sum(1 for later in lines[first:] if later < at + 3600) <= MOST_LINES_AN_HOUR
    assert all(math.isfinite(at) for at in lines)


def test_there_are_words_for_every_kind_of_trouble() -> None:
    kinds = {value for value in vars(events).values() if isinstance(value, TroubleKind)}
    assert sentences._WORDS.keys() == kinds
    assert len({kind.name for kind in kinds}) == len(kinds)
