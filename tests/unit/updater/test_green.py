"""What goes on in the service's work, found out whatever becomes of its clock."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.updater import green
from inviseobox.updater.observation import LinkState, Status
from inviseobox.updater.seen import Run
from inviseobox.updater.state import Required
from tests.unit.updater.test_probation import ALL, LINKS, Service, stepping

ALL_OF_IT = Required(ALL, LINKS)
YEAR = 365 * 86_400.0


def looked(service: Service, at: float) -> Status:
    status = service.status(at, service.starts, "old")
    assert status is not None
    return status


def found(service: Service, at: float) -> Required:
    """Return what is required by looks from `at` on, as the updater makes them."""
    return waited(service, at)[0]


def waited(service: Service, at: float) -> tuple[Required, float]:
    """Return what is required by looks from `at` on, and the seconds that they took."""
    began, first = at, looked(service, at)
    last, until = first, at + green.longest_pause(first)
    while green.is_open(last, first, at - service.starts) and at < until:
        at += 10
        last = looked(service, at)
    return green.required(last, first), at - began


def test_what_is_required_is_what_is_green() -> None:
    status = looked(Service(interval=1800, starts=-5000.0, stops={LINKS[0]: -2000.0}), 0.0)
    assert green.required(status) == Required(ALL, LINKS[1:])
    assert green.required(None) == Required()
    down = {name: replace(link, up=False) for name, link in status.links.items()}
    assert green.required(replace(status, links=down)) == Required()
    for facet, kept in (("polling", ()), ("commits", ("polling",)), ("delivery", ("polling", "commits"))):
        for gone in (None, status.written_at - 4000, status.written_at + 60):
            changed = replace(status, progress={**status.progress, facet: gone})
            assert green.required(changed).facets == kept
    assert green.required_at_boot(ALL_OF_IT) == Required(ALL, ())


@given(st.floats(-1e8, 1e8))
def test_a_link_that_is_down_is_never_required(age: float) -> None:
    status = Status("1", "i", 1e9, 60, {"polling": 1e9}, {"x": LinkState(False, "gone", 1e9 - age)})
    assert green.required(status).links == ()
    assert not green.is_open(status)


def test_one_look_is_enough_where_all_goes_on() -> None:
    assert not green.is_open(looked(Service(starts=-5000.0), 0.0))
    assert not green.is_open(None)
    # What never got anywhere is not waited for: no server was ever there.
    assert not green.is_open(looked(Service(starts=-5000.0, server_is_up=lambda at: False), 0.0))


@pytest.mark.parametrize("after", [12.0, 300.0, 1700.0])
def test_what_a_young_service_had_no_time_for_is_waited_for(after: float) -> None:
    """It delivers once in half an hour: until then nothing tells whether it does."""
    service = Service(interval=1800, starts=1790 - after)
    assert green.required(looked(service, 1790.0)).facets == ("polling", "commits")
    assert found(service, 1790.0) == ALL_OF_IT


def test_a_link_that_gave_no_value_yet_is_waited_for() -> None:
    status = looked(Service(starts=-50.0), 0.0)
    links = {**status.links, LINKS[0]: LinkState(True, "", None)}
    quiet = replace(status, links=links, progress=dict.fromkeys(ALL, status.written_at))
    assert green.is_open(quiet, age=50)
    assert not green.is_open(quiet, age=green.longest_pause(quiet))


def test_what_never_works_is_waited_for_until_the_service_is_no_longer_young() -> None:
    never = Service(interval=1800, starts=-300.0, server_is_up=lambda at: False)
    required, seconds = waited(never, 0.0)
    assert required == Required(ALL[:2], LINKS)
    assert seconds + 300 <= green.longest_pause(looked(never, 0.0)) + 10
    # What reads nothing at all has nothing to do.
    assert not green.is_open(replace(looked(never, 0.0), links={}), age=300)


@pytest.mark.parametrize("by", [YEAR, -YEAR, 3600.0, -3600.0])
@pytest.mark.parametrize("interval", [10, 60, 1800])
def test_what_goes_on_is_required_after_a_step_of_the_clock(by: float, interval: int) -> None:
    service = Service(interval=interval, period=interval / 2, starts=-5000.0, wall=stepping([(1, by)]))
    assert green.is_open(looked(service, 9.0))
    assert found(service, 9.0) == ALL_OF_IT


def test_what_stopped_before_a_step_of_the_clock_is_not_required() -> None:
    for by in (YEAR, -YEAR):
        service = Service(starts=-5000.0, stops={LINKS[0]: -1000.0}, wall=stepping([(1, by)]))
        assert found(service, 9.0) == Required(ALL, LINKS[1:])


@given(
    st.integers(10, 1800), st.sets(st.sampled_from(LINKS)), st.lists(st.tuples(st.integers(-60, 0), st.floats(1, 4e7)))
)
def test_no_step_forward_hides_what_goes_on(interval: int, stopped: set[str], steps: list[tuple[int, float]]) -> None:
    wall: Callable[[float], float] = stepping(steps)
    service = Service(interval=interval, starts=-9000.0, stops=dict.fromkeys(stopped, -8000.0), wall=wall)
    assert set(found(service, 12.0).links) == set(LINKS) - stopped


def test_what_was_seen_to_go_on_is_told_by_no_clock() -> None:
    service = Service(starts=5.0, stops={LINKS[0]: 100.0}, wall=stepping([(200, -YEAR), (290, YEAR)]))
    run = Run("new0")
    for at in range(6, 300, 2):
        run.note(service.observe(float(at)))
    assert run.status is not None
    assert green.required(run.status) != Required(ALL, LINKS[1:])
    assert green.seen_green(run, run.status) == Required(ALL, LINKS[1:])
