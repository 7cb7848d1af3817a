"""What fresh connections need: played through with a model of a gateway that swallows what comes too early."""

import pytest

from inviseobox.acquisition.fresh_connections import LONGEST_PAUSE, LONGEST_SETTLING, FreshConnections

TIMEOUT = 1.0


class Played:
    """A link whose connections swallow all that comes in their first seconds."""

    def __init__(self, swallows: float, timeout: float = TIMEOUT) -> None:
        self.fresh = FreshConnections()
        self.swallows = swallows
        self.timeout = timeout
        self.now = 100.0
        self.opened_at = 0.0
        self.is_open = False
        self.opened = 0
        self.asked = 0

    def read(self, *, unit: int = 1, answers: bool = True) -> bool:
        """Read once, as a link does; return whether there was an answer."""
        if not self.is_open:
            self.fresh.opened(self.now)
            self.is_open, self.opened_at = True, self.now
            self.opened += 1
        self.now += self.fresh.pause(self.now)
        while True:
            self.fresh.asked(unit, self.now)
            self.asked += 1
            if answers and self.now - self.opened_at >= self.swallows:
                self.fresh.answered()
                return True
            self.now += self.timeout
            if not self.fresh.asks_again():
                break
        if not self.fresh.stays_open():
            self.close()
        return False

    def close(self) -> None:
        self.fresh.dropped()
        self.is_open = False


def test_a_link_that_answers_at_once_is_asked_once() -> None:
    link = Played(0)
    assert link.read()
    assert not link.fresh.settles
    before = link.now
    assert not link.read(answers=False)
    assert link.now - before == TIMEOUT
    assert not link.is_open, "a silence closes it"


@pytest.mark.parametrize("timeout", [0.1, 0.3, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("swallows", [0.4, 0.5, 1.0, 1.9, 2.0, 2.9, 3.0])
def test_what_helped_is_remembered(swallows: float, timeout: float) -> None:
    link = Played(swallows, timeout)
    assert link.read(), "within the one read"
    assert link.opened == 1
    assert link.fresh.settles
    for _ in range(5):
        link.close()
        asked, began = link.asked, link.now
        assert link.read()
        assert link.asked == asked + 1, "the first request is answered at once"
        assert link.now - began <= LONGEST_PAUSE


def test_a_pause_that_is_not_needed_is_found_out() -> None:
    link = Played(1.0)
    assert link.read()
    link.swallows = 0.0
    for _ in range(10):
        assert link.fresh.settles
        link.close()
        assert link.read()
    assert not link.fresh.settles


def test_a_connection_that_settles_is_closed_by_three_silences_in_a_row() -> None:
    link = Played(2.0)
    assert link.read()
    for _ in range(3):
        assert not link.read(answers=False)
        assert not link.read(answers=False)
        assert link.is_open
        assert link.read()
    for _ in range(3):
        assert link.is_open
        assert not link.read(answers=False)
    assert not link.is_open


def test_five_fresh_connections_without_an_answer_and_nothing_is_known() -> None:
    for swallows in (0.0, 2.0):
        link = Played(swallows)
        assert link.read()
        link.close()
        for _ in range(5):
            assert not link.read(answers=False)
            assert link.is_open is False
        link.swallows = 2.0 - swallows
        link.now += 20
        assert link.read()
        assert link.fresh.settles == (swallows == 0.0)


def test_a_pause_that_became_too_short_grows() -> None:
    link = Played(0.5)
    assert link.read()
    link.close()
    link.swallows = 2.0
    assert link.read()
    link.close()
    asked = link.asked
    assert link.read()
    assert link.asked == asked + 1


def test_a_silent_unit_takes_the_long_way_once_and_leaves_it_to_the_next() -> None:
    link = Played(2.0)
    began = link.now
    assert not link.read(unit=1, answers=False)
    assert LONGEST_SETTLING < link.now - began < LONGEST_SETTLING + 2 * TIMEOUT
    began = link.now
    assert not link.read(unit=1, answers=False)
    assert not link.read(unit=2)
    assert link.now - began == 2 * TIMEOUT
    link.now += 20
    assert not link.read(unit=1, answers=False)
    assert link.read(unit=2)


def test_a_link_on_which_nothing_answers_costs_little_more_and_is_found_when_it_does() -> None:
    units = range(1, 11)
    link = Played(2.0)
    began = link.now
    for unit in units:
        for _ in range(2):
            assert not link.read(unit=unit, answers=False)
    assert link.now - began <= 2 * len(units) * TIMEOUT + 2 * LONGEST_SETTLING
    began = link.now
    for _ in range(20):
        for unit in units:
            assert not link.read(unit=unit, answers=False)
    assert link.now - began < 1.5 * 20 * len(units) * TIMEOUT
    began = link.now
    found: set[int] = set()
    while not found:
        found = {unit for unit in units if link.read(unit=unit)}
    assert link.now - began < 45


def test_dead_units_beside_one_that_answers_make_nothing_forgotten() -> None:
    link = Played(0.0)
    for _ in range(3):
        link.now += 20
        assert link.read(unit=1)
        link.close()
        for unit in range(2, 20):
            began = link.now
            assert not link.read(unit=unit, answers=False)
            assert link.now - began == TIMEOUT


def test_a_gateway_that_begins_to_swallow_requests_is_found_by_the_units_that_answered() -> None:
    link = Played(0.0)
    for unit in range(1, 4):
        assert link.read(unit=unit)
    link.close()
    link.swallows = 2.0
    failed = 0
    while not link.read(unit=failed % 3 + 1):
        failed += 1
        link.now += 10
    assert failed <= 3 + 5
    assert link.fresh.settles
