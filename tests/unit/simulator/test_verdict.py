"""The judge of delivered windows: it must accept what is right and notice what is not."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.simulator.received import ReceivedField
from inviseobox.simulator.served_log import Served
from inviseobox.simulator.verdict import Loss, Slice, aggregate, explains, problems

INTERVAL = 10
EVERYTHING = ("min", "max", "avg", "diff")


def report(
    end: int, values: Sequence[float], previous_last: float | None, names: Sequence[str] = EVERYTHING
) -> ReceivedField:
    value = {name: str(aggregate(name, values, previous_last)) for name in names}
    stamp = datetime.fromtimestamp(end, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return ReceivedField(end + 0.1, None, "m", value, stamp, end)


def changed(reports: Sequence[ReceivedField], position: int, value: Mapping[str, str]) -> list[ReceivedField]:
    return [
        replace(entry, value={**entry.value, **value}) if number == position else entry
        for number, entry in enumerate(reports)
    ]


def a_run(count: int = 40, first_at: float = 100.5, pause: float = 1.0) -> list[Served]:
    return [Served(first_at + pause * step, 1000.1 + step * step * 0.3) for step in range(count)]


def delivered(borders: Sequence[int], served: Sequence[Served], first_end: int = 110) -> list[ReceivedField]:
    """Return the reports of windows that hold served[borders[0]:borders[1]], and so on to the last border."""
    reports = []
    previous: float | None = None
    for number, (start, stop) in enumerate(pairwise(borders)):
        values = [reading.value for reading in served[start:stop]]
        reports.append(report(first_end + number * INTERVAL, values, previous))
        previous = values[-1]
    return reports


@pytest.mark.parametrize(
    ("name", "values", "previous", "expected"),
    [
        ("min", [12.3, 25.7], None, "12.3"),
        ("max", [12.3, 25.7], None, "25.7"),
        ("avg", [0.1, 0.2, 0.3], None, "0.2"),
        ("avg", [1.7e308, 1.7e308], None, "1.7E+308"),
        ("avg", [1e16, 1.0, -1e16], None, "0.3333333333333333"),
        ("diff", [1.1, 3.3], None, "2.2"),
        ("diff", [1.1, 3.3], 0.3, "3.0"),
        ("diff", [5.0], None, "0.0"),
        ("diff", [1e22], 0.1, "9999999999999999999999.9"),
    ],
)
def test_aggregates_are_exact(name: str, values: list[float], previous: float | None, expected: str) -> None:
    assert str(aggregate(name, values, previous)) == expected


def test_a_window_is_explained_by_its_slice() -> None:
    served = a_run()
    value = report(120, [reading.value for reading in served[10:20]], served[9].value).value
    assert explains(served, value, 110, 120, served[9].value) == Slice(10, 20, served[19].value)
    assert explains(served, value, 110, 120, served[8].value) is None
    assert explains(served, value, 120, 130, served[9].value) is None


@given(st.integers(9, 11), st.integers(19, 21))
def test_a_reading_near_a_border_may_belong_to_either_side(start: int, stop: int) -> None:
    served = a_run()
    value = report(120, [reading.value for reading in served[start:stop]], served[start - 1].value).value
    assert explains(served, value, 110, 120, served[start - 1].value) == Slice(start, stop, served[stop - 1].value)


@pytest.mark.parametrize(("start", "stop"), [(8, 20), (12, 20), (10, 18), (10, 22)])
def test_a_reading_away_from_a_border_may_not_belong_to_the_other_side(start: int, stop: int) -> None:
    served = a_run()
    value = report(120, [reading.value for reading in served[start:stop]], served[start - 1].value).value
    assert explains(served, value, 110, 120, served[start - 1].value) is None


def test_only_aggregates_that_were_asked_for_are_judged() -> None:
    served = a_run()
    assert explains(served, {"max": repr(served[19].value)}, 110, 120) is not None
    assert explains(served, {}, 500, 510) is None


def test_windows_that_join_have_no_problem() -> None:
    served = a_run()
    for borders in ([0, 10, 20, 30, 40], [0, 9, 21, 30, 39], [0, 10, 19, 29]):
        assert problems(served, delivered(borders, served), INTERVAL) == []
    assert problems(served, [], INTERVAL) == []


def test_readings_lost_or_counted_twice_between_windows_are_a_problem() -> None:
    served = a_run()
    lost = [
        *delivered([0, 10], served),
        report(120, [reading.value for reading in served[11:20]], served[9].value),
    ]
    twice = [
        *delivered([0, 10], served),
        report(120, [reading.value for reading in served[9:20]], served[9].value),
    ]
    assert len(problems(served, lost, INTERVAL)) == 1
    assert len(problems(served, twice, INTERVAL)) == 1


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_wrong_value_is_one_problem(name: str) -> None:
    served = a_run()
    reports = delivered([0, 10, 20, 30], served)
    found = problems(served, changed(reports, 1, {name: "1.5"}), INTERVAL)
    assert len(found) == 1
    assert reports[1].timestamp in found[0]


def test_a_diff_that_does_not_join_is_a_problem() -> None:
    served = a_run()
    reports = delivered([0, 10, 20], served)
    own_first = report(120, [reading.value for reading in served[10:20]], None)
    assert len(problems(served, [reports[0], own_first], INTERVAL)) == 1


def test_a_window_that_had_readings_and_is_missing_is_a_problem() -> None:
    served = a_run()
    first, third = ([reading.value for reading in served[at : at + 10]] for at in (0, 20))
    reports = [report(110, first, None, ["min", "max"]), report(130, third, None, ["min", "max"])]
    (found,) = problems(served, reports, INTERVAL)
    assert "no report of the window that ended at 120" in found
    assert problems(served, reports, INTERVAL, losses=[Loss(110, 120)]) == []


def test_a_box_that_was_off_for_some_windows_goes_on_from_its_last_reading() -> None:
    served = [*a_run(10), *a_run(10, first_at=150.5)]
    first, later = [reading.value for reading in served[:10]], [reading.value for reading in served[10:]]
    assert problems(served, [report(110, first, None), report(160, later, first[-1])], INTERVAL) == []
    assert len(problems(served, [report(110, first, None), report(160, later, None)], INTERVAL)) == 1


def test_a_crash_may_cost_one_run_of_readings_within_its_loss() -> None:
    served = a_run()
    whole = [reading.value for reading in served]
    loss = Loss(113.0, 117.0)
    kept = whole[10:13] + whole[16:20]
    reports = [*delivered([0, 10], served), report(120, kept, whole[9])]
    assert len(problems(served, reports, INTERVAL)) == 1
    assert problems(served, reports, INTERVAL, losses=[loss]) == []
    with_a_second_hole = [*delivered([0, 10], served), report(120, kept[:-2] + kept[-1:], whole[9])]
    assert len(problems(served, with_a_second_hole, INTERVAL, losses=[loss])) == 1


def test_a_crash_over_a_border_may_cost_a_run_on_either_side() -> None:
    served = a_run(30)
    whole = [reading.value for reading in served]
    reports = [
        report(110, whole[:7], None),
        report(120, whole[13:20], whole[6]),
        report(130, whole[20:30], whole[19]),
    ]
    assert problems(served, reports, INTERVAL, losses=[Loss(107.0, 113.0)]) == []


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_avg_lies_between_min_and_max(values: list[float]) -> None:
    assert aggregate("min", values) <= aggregate("avg", values) <= aggregate("max", values)
