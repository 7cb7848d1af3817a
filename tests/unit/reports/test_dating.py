"""Which windows readings go to once the time is known, or known better."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.records import Dating
from inviseobox.reports.dating import TOLERANCE, Unsealed, dated
from inviseobox.reports.window_ends import earliest_unsealed

NOW = 1_700_000_040.0
MINUTE = 60
HERE, BEFORE = "this boot", "the boot before"


def waiting(number: int, uptime: float, boot: str = HERE, interval: int = MINUTE) -> Unsealed:
    return Unsealed(number, None, interval, boot, uptime, None)


def known(number: int, uptime: float, now: float, end: int, boot: str = HERE) -> Unsealed:
    return Unsealed(number, end, MINUTE, boot, uptime, now)


def dating(uptime: float, *, is_witnessed: bool = True, confirmed: float | None = None) -> Dating:
    return Dating(NOW, uptime, is_witnessed, confirmed)


def ends(rows: list[Unsealed], known_now: Dating, sealed: set[int] | None = None) -> list[int | None]:
    """Return the windows of all rows after the dating, in seconds after NOW."""
    changed = {row.id: row for row in dated(rows, HERE, known_now, (sealed or set()).__contains__)}
    after = [changed.get(row.id, row) for row in rows]
    return [None if row.end is None else row.end - int(NOW) for row in after]


def test_what_waited_in_this_boot_is_dated_by_the_boot_time_clock() -> None:
    rows = [waiting(1, 10.0), waiting(2, 70.0), waiting(3, 130.0)]
    assert ends(rows, dating(130.0)) == [-60, 0, 60]
    assert ends(rows, dating(130.0, is_witnessed=False)) == [-60, 0, 60]


def test_what_waited_is_dated_so_that_a_witness_may_still_refute_it() -> None:
    (row,) = dated([waiting(1, 100.0)], HERE, dating(130.0, is_witnessed=False), set[int]().__contains__)
    assert (row.end, row.now) == (NOW, NOW - 30)
    later = Dating(NOW + 3600, 130.0, is_witnessed=True, confirmed=None)
    (row,) = dated([row], HERE, later, set[int]().__contains__)
    assert (row.end, row.now) == (NOW + 3600, NOW + 3570)


def test_a_sealed_end_is_not_used_again() -> None:
    sealed = {int(NOW) - 60, int(NOW)}
    assert ends([waiting(1, 10.0), waiting(2, 130.0)], dating(130.0), sealed) == [60, 60]


def test_what_waited_in_an_earlier_boot_goes_after_the_newest_confirmed_time() -> None:
    rows = [waiting(1, 500.0, BEFORE), waiting(2, 9000.0, BEFORE), waiting(3, 5.0)]
    assert ends(rows, dating(10.0, confirmed=NOW - 600)) == [-540, -540, 0]
    assert ends(rows, dating(10.0, confirmed=NOW - 600), {int(NOW) - 540}) == [-480, -480, 0]


def test_what_waited_in_an_earlier_boot_joins_the_open_window_where_no_time_was_ever_confirmed() -> None:
    assert ends([waiting(1, 500.0, BEFORE), waiting(2, 5.0)], dating(10.0)) == [60, 60]


def test_a_confirmed_time_that_lies_ahead_makes_no_window_that_lies_ahead() -> None:
    assert ends([waiting(1, 500.0, BEFORE)], dating(10.0, confirmed=NOW + 1e6)) == [60]


def test_a_witness_refutes_the_clock_of_this_boot_only() -> None:
    hour_ago = int(NOW) - 3600
    rows = [known(1, 100.0, NOW - 3600, hour_ago + 60, BEFORE), known(2, 100.0, NOW - 3600, hour_ago + 60)]
    assert ends(rows, dating(130.0)) == [-3540, 0]
    assert ends(rows, dating(130.0, is_witnessed=False)) == [-3540, -3540]


@pytest.mark.parametrize(("wrong_by", "moves"), [(TOLERANCE - 1, False), (TOLERANCE + 1, True), (-TOLERANCE - 1, True)])
def test_a_clock_that_differs_by_a_minute_is_right(wrong_by: float, moves: bool) -> None:
    own = NOW - 30 + wrong_by
    row = known(1, 100.0, own, earliest_unsealed(own, MINUTE, set[int]().__contains__))
    assert (ends([row], dating(130.0)) != [row.end - int(NOW) if row.end else None]) is moves


def test_a_witness_undoes_what_a_step_back_did_to_a_reading_whose_own_time_was_right() -> None:
    """Its date agrees with the witness; the window into which a later step of the clock moved it does not."""
    rows = [known(1, 100.0, NOW - 30, 120), known(2, 110.0, 61.0, 120)]
    assert ends(rows, dating(130.0)) == [0, 0]
    assert ends(rows, dating(130.0, is_witnessed=False)) == [120 - int(NOW)] * 2


@pytest.mark.parametrize(("end", "moves"), [(NOW - TOLERANCE + 1, False), (NOW - TOLERANCE, True)])
def test_a_window_that_ended_less_than_a_minute_before_its_reading_may_be_right(end: float, moves: bool) -> None:
    row = known(1, 130.0, NOW, int(end))
    assert (ends([row], dating(130.0)) == [60]) is moves


def test_a_reading_goes_to_no_earlier_window_than_the_one_before_it() -> None:
    rows = [waiting(1, 100.0, interval=1800), waiting(2, 101.0, interval=60)]
    longer = ends(rows[:1], dating(130.0))
    assert ends(rows, dating(130.0)) == longer * 2


ROWS = st.tuples(
    st.none() | st.integers(-100, 100),
    st.sampled_from([1, 60, 1800, 0, -5, 10**9]),
    st.sampled_from([HERE, BEFORE]),
    st.floats(0, 5000) | st.sampled_from([math.inf, 1e300, -1.0]),
    st.none() | st.floats(NOW - 9000, NOW + 9000) | st.sampled_from([math.inf, -math.inf, 1e300]),
)
DATINGS = st.builds(dating, st.floats(0, 5000), is_witnessed=st.booleans(), confirmed=st.none() | st.floats(0, 2e9))


@given(st.lists(ROWS, max_size=12), DATINGS, st.sets(st.integers(-50, 50)))
def test_whatever_lies_on_the_disk_all_has_a_window_that_is_not_sealed_and_in_order(
    found: list[tuple[int | None, int, str, float, float | None]], known_now: Dating, sealed: set[int]
) -> None:
    sealed_ends = {int(NOW) + 60 * number for number in sealed}
    rows = []
    for number, (end, interval, boot, uptime, now) in enumerate(found):
        place = None if end is None or end in sealed else int(NOW) + 60 * end
        rows.append(Unsealed(number, place, interval, boot, uptime, now))
    after = ends(rows, known_now, sealed_ends)
    assert None not in after
    for before, following in pairwise(after):
        assert before is not None
        assert following is not None
        assert before <= following
    changed = {row.id: row for row in dated(rows, HERE, known_now, sealed_ends.__contains__)}
    assert all(row.end not in sealed_ends for row in changed.values())


@given(st.lists(ROWS, max_size=12), DATINGS)
def test_what_is_dated_once_stays_where_it_is(
    found: list[tuple[int | None, int, str, float, float | None]], known_now: Dating
) -> None:
    rows = [Unsealed(number, None, *row[1:]) for number, row in enumerate(found)]
    changed = list(dated(rows, HERE, known_now, set[int]().__contains__))
    assert list(dated(changed, HERE, known_now, set[int]().__contains__)) == []
