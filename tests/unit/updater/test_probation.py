"""The judge of a version under watch, with a service that is played second by second."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.updater import green
from inviseobox.updater.observation import LinkState, NotReached, Observation, Reached, Status
from inviseobox.updater.probation import Bad, Good, Judgement, Undecided, Waiting, judge
from inviseobox.updater.seen import Seen
from inviseobox.updater.state import Cause, Probation, Required

LIMIT = 256_000_000
ALL = ("polling", "commits", "delivery")
NEVER = 10.0**9
LINKS = ("Modbus TCP 10.0.0.5:502", "/dev/ttyUSB0", "http://10.0.0.7")


def watched(interval: int = 60, **changes: object) -> Probation:
    """Return the watch over a version that comes after one which did everything."""
    usual = Probation(
        "2.0", "1.0", Cause.UPDATE, "boot", 0.0, Required(ALL, LINKS), invocation_id="old", configuration="same"
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


@dataclass
class Service:
    """A service that does its work from `starts` on, in seconds of the boot-time clock.

    `stops` says when a facet or link gets somewhere for the last time. `server_is_up` tells of a time; the service
    tries again 300 s after a failure. `wall` is the wall clock at a boot time. `crashes` are times at which it ends;
    it is ready again `rest` seconds later.
    """

    interval: int = 60
    period: float = 10.0
    starts: float = 5.0
    ready_after: float = 2.0
    stops: Mapping[str, float] = field(default_factory=dict)
    links: tuple[str, ...] = LINKS
    server_is_up: Callable[[float], bool] = lambda at: True
    wall: Callable[[float], float] = lambda at: 1e9 + at
    crashes: tuple[float, ...] = ()
    rest: float = 5.0
    rss: Callable[[float], int] = lambda at: 50_000_000
    status_every: float = 10.0
    status_stops: float = NEVER

    def invocation(self, at: float) -> tuple[int, float]:
        """Return the number of the run and when it began."""
        ended = [crash for crash in self.crashes if crash + self.rest <= at]
        return len(ended), (ended[-1] + self.rest if ended else self.starts)

    def observe(self, at: float) -> Observation:
        if at < self.starts:
            return Observation(at, "activating", "start", "old", configuration="same")
        number, began = self.invocation(at)
        is_down = any(crash <= at < crash + self.rest for crash in self.crashes)
        is_ready = not is_down and at >= began + self.ready_after
        answer = (Reached() if self.server_is_up(at) else NotReached("no route to host")) if at % 30 == 0 else None
        return Observation(
            at,
            "active" if is_ready else "activating",
            "running" if is_ready else ("auto-restart" if is_down else "start"),
            f"new{number}",
            n_restarts=number,
            result="exit-code" if is_down else "success",
            exit_status=1 if is_down else 0,
            rss_bytes=None if is_down else self.rss(at),
            memory_max=LIMIT,
            status=self.status(at, began, f"new{number}") if is_ready else None,
            server=answer,
            configuration="same",
        )

    def status(self, at: float, began: float, invocation: str) -> Status | None:
        written = began + self.ready_after + (at - began - self.ready_after) // self.status_every * self.status_every
        while written > self.status_stops:
            written -= self.status_every
        if written < began + self.ready_after:
            return None
        read = {name: self.last(name, began, written) for name in self.links}
        polled = max((one for one in read.values() if one is not None), default=None)
        facets = {"polling": self.cut("polling", polled, began), "commits": self.cut("commits", polled, began)}
        return Status(
            "2.0",
            invocation,
            self.wall(written),
            self.interval,
            {name: self.dated(one) for name, one in {**facets, "delivery": self.delivered(began, written)}.items()},
            {name: LinkState(one is not None, "", self.dated(one)) for name, one in read.items()},
            stamp=int(written * 1000),
            size=5000,
        )

    def dated(self, at: float | None) -> float | None:
        return None if at is None else self.wall(at)

    def last(self, name: str, began: float, now: float) -> float | None:
        """Return when the link gave a value last."""
        return self.cut(name, began + (now - began) // self.period * self.period, began)

    def cut(self, name: str, at: float | None, began: float) -> float | None:
        if at is None or self.stops.get(name, NEVER) < began:
            return None
        return min(at, self.stops.get(name, NEVER))

    def delivered(self, began: float, now: float) -> float | None:
        """Return when the server took something last: a window at each whole interval, a retry after a failure."""
        found = None
        at = (began // self.interval + 1) * self.interval
        while at <= min(now, self.stops.get("delivery", NEVER)):
            if self.server_is_up(at):
                found = at
                at = (at // self.interval + 1) * self.interval
            else:
                at += 300
        return found


def play(service: Service, under: Probation | None = None, until: float = 20_000.0, step: int = 2) -> Judgement:
    """Watch the service until it is judged, for `until` seconds at most."""
    under = under or watched()
    seen = Seen(under, 0.0)
    judgement: Judgement = Undecided()
    at = 0
    while isinstance(judgement, Undecided) and at < until:
        seen.note(service.observe(float(at)))
        judgement = judge(under, seen, float(at))
        at += step
    return judgement


def test_a_version_that_does_all_is_good_after_two_windows_at_the_latest() -> None:
    under, service = watched(), Service(interval=1800)
    seen = Seen(under, 0.0)
    at = 0.0
    while isinstance(judge(under, seen, at), Undecided):
        at += 2
        seen.note(service.observe(at))
    assert judge(under, seen, at) == Good(Required(ALL, LINKS))
    assert 1800 < at <= 3700


def test_nothing_is_good_before_two_minutes() -> None:
    under, service = watched(required=Required()), Service()
    seen = Seen(under, 0.0)
    for at in range(126):
        seen.note(service.observe(float(at)))
        assert isinstance(judge(under, seen, float(at)), Undecided)
    for at in range(126, 130):
        seen.note(service.observe(float(at)))
    assert isinstance(judge(under, seen, 130.0), Good)


@pytest.mark.parametrize("facet", ALL)
@pytest.mark.parametrize("stops", [-1.0, 20.0, 70.0])
@pytest.mark.parametrize("interval", [10, 60, 1800])
def test_a_facet_that_stops_is_bad(facet: str, stops: float, interval: int) -> None:
    judgement = play(Service(interval=interval, stops={facet: stops}))
    assert isinstance(judgement, Bad)
    assert facet in judgement.missing.facets


def test_a_link_that_stops_is_bad_and_is_named() -> None:
    judgement = play(Service(stops={LINKS[0]: 40.0}))
    assert judgement == Bad("1 of 3 links is not read any more: Modbus TCP 10.0.0.5:502", Required((), LINKS[:1]))


def test_what_comes_of_it_is_not_named_before_the_root() -> None:
    judgement = play(Service(stops=dict.fromkeys([*LINKS, "delivery"], 40.0)))
    assert isinstance(judgement, Bad)
    assert judgement.reason == (
        "nothing is read any more; readings are not written to the disk any more; nothing is delivered any more"
    )


def test_a_link_that_left_the_device_list_is_not_missed() -> None:
    assert isinstance(play(Service(links=LINKS[1:])), Good)
    judgement = play(Service(links=LINKS[1:], stops={LINKS[1]: 30.0}))
    assert judgement == Bad("1 of 3 links is not read any more: /dev/ttyUSB0", Required((), LINKS[1:2]))


def test_cables_that_were_moved_while_the_machine_was_off_are_no_fault() -> None:
    after_boot = watched(cause=Cause.BOOT, required=green.required_at_boot(Required(ALL, LINKS)))
    assert play(Service(stops=dict.fromkeys(LINKS, -1.0)), after_boot) == Waiting("no link is up")
    assert isinstance(play(Service(stops=dict.fromkeys(LINKS[1:], -1.0)), after_boot), Good)
    # Links that are up and from which nothing comes are the program's fault.
    assert isinstance(play(Service(stops=dict.fromkeys(["polling", *LINKS], 30.0)), after_boot), Bad)
    older = watched(cause=Cause.BACK, required=Required(ALL))
    assert isinstance(play(Service(stops=dict.fromkeys(LINKS, -1.0)), older), Bad)


def test_a_list_of_devices_that_is_lost_as_a_whole_is_missed() -> None:
    judgement = play(Service(links=()))
    assert isinstance(judgement, Bad)
    assert judgement.reason.startswith("nothing is read any more")


def test_a_step_of_the_clock_before_the_first_look_makes_nothing_that_stops_good() -> None:
    for by in (3e7, -3e7, 3600.0):
        # The value that is seen first was dated before the step, the status was written after it.
        service = Service(starts=-1000.0, stops={LINKS[0]: 60.0}, wall=stepping([(-9, by)]))
        assert isinstance(play(service), Bad)


def test_names_of_others_are_shown_in_one_line() -> None:
    links = tuple(f"link {number}\n\x1b[2J" for number in range(8))
    judgement = play(Service(links=links, stops={links[0]: 1.0}), watched(required=Required((), links)))
    assert isinstance(judgement, Bad)
    assert judgement.reason.isprintable()
    judgement = play(Service(links=links, stops=dict.fromkeys(links, 1.0)), watched(required=Required((), links)))
    assert isinstance(judgement, Bad)
    assert judgement.reason.startswith("8 of 8 links are not read any more: link 0")
    assert judgement.reason.endswith(" and 3 others")


@pytest.mark.parametrize("ready_after", [185.0, 3600.0])
def test_never_ready_is_bad(ready_after: float) -> None:
    under, service = watched(), Service(ready_after=ready_after)
    seen = Seen(under, 0.0)
    at = 0.0
    while not isinstance(judge(under, seen, at), Bad) and at < 1000:
        at += 2
        seen.note(service.observe(at))
    assert judge(under, seen, at) == Bad("it is not ready after 180 s")
    assert at <= 190


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ("exit-code", "exit status 1"),
        ("watchdog", "it hung"),
        ("signal", "it ended (signal)"),
        ("success", "by itself"),
    ],
)
def test_three_restarts_are_bad_and_say_how_it_ended(result: str, words: str) -> None:
    under = watched()
    seen = Seen(under, 0.0)
    service = Service(crashes=(30.0, 60.0, 90.0))
    for at in range(100):
        one = service.observe(float(at))
        seen.note(replace(one, result=result) if one.result != "success" else one)
    judgement = judge(under, seen, 100.0)
    assert isinstance(judgement, Bad)
    assert judgement.reason.startswith("it was restarted 3 times: ")
    assert words in judgement.reason


def test_restarts_by_a_person_count_for_nothing() -> None:
    under, service = watched(), Service(crashes=(30.0, 60.0, 90.0, 120.0))
    seen = Seen(under, 0.0)
    judgement: Judgement = Undecided()
    for at in range(0, 400, 2):
        one = service.observe(float(at))
        seen.note(replace(one, n_restarts=0, result="success", exit_status=0))
        judgement = judge(under, seen, float(at))
        if not isinstance(judgement, Undecided):
            break
    assert isinstance(judgement, Good)


def test_memory_at_its_limit_is_bad_at_once() -> None:
    judgement = play(Service(rss=lambda at: 50_000_000 + int(at) * 2_000_000))
    assert judgement == Bad("it holds 234 MB of the 256 MB of memory that it may")


def test_a_kill_for_want_of_memory_is_bad_at_once() -> None:
    under, seen = watched(), Seen(watched(), 0.0)
    seen.note(Service().observe(20.0))
    seen.note(replace(Service().observe(22.0), active_state="activating", result="oom-kill"))
    assert isinstance(judge(under, seen, 22.0), Bad)


def test_memory_that_grows_and_grows_is_bad() -> None:
    judgement = play(Service(rss=lambda at: 50_000_000 + int(at) * 80_000))
    assert judgement == Bad("its memory grows by 288 MB an hour")


def test_memory_that_has_grown_is_no_fault() -> None:
    assert isinstance(play(Service(rss=lambda at: min(150_000_000, 50_000_000 + int(at) * 2_000_000))), Good)


def test_a_condition_of_its_unit_is_bad_though_no_run_of_it_began() -> None:
    seen = Seen(watched(), 0.0)
    for at in (2.0, 14.0):
        # The run before is the last one that systemd knows.
        seen.note(Observation(at, "inactive", invocation_id="old", result="condition", configuration="same"))
    assert judge(watched(), seen, 14.0) == Bad("a condition of its unit keeps systemd from starting it")


@pytest.mark.parametrize(
    ("state", "result", "status", "kind", "words"),
    [
        ("failed", "exit-code", 78, Bad, "it refuses the configuration"),
        ("inactive", "exec-condition", 3, Bad, "it says that it is not configured"),
        ("failed", "start-limit-hit", 1, Bad, "it does not run: it was started too often"),
        ("inactive", "success", 0, Waiting, "the service was stopped"),
    ],
)
@pytest.mark.parametrize("configuration", ["same", "another"])
def test_a_service_that_does_not_run(
    state: str, result: str, status: int, kind: type, words: str, configuration: str
) -> None:
    under, seen = watched(), Seen(watched(), 0.0)
    one = replace(
        Service().observe(20.0), active_state=state, result=result, exit_status=status, configuration=configuration
    )
    seen.note(one)
    assert isinstance(judge(under, seen, 20.0), Undecided)
    seen.note(replace(one, at=40.0))
    judgement = judge(under, seen, 40.0)
    if configuration == "another" and result != "start-limit-hit":
        assert isinstance(judgement, Waiting)
    else:
        assert isinstance(judgement, kind)
        assert words in str(judgement)


def test_the_process_of_the_version_before_is_to_be_restarted() -> None:
    under, seen = watched(), Seen(watched(), 0.0)
    for at in range(0, 620, 2):
        seen.note(replace(Service().observe(0.0), at=float(at), active_state="active"))
        if at <= 600:
            assert judge(under, seen, float(at)) == Undecided(needs_restart=True)
    assert judge(under, seen, 620.0) == Waiting("the process of the version before still runs")


def test_a_version_that_writes_no_status_is_bad() -> None:
    assert play(Service(status_stops=0.0)) == Bad("it writes no status", Required(ALL, LINKS))
    assert play(Service(status_stops=40.0)) == Bad("it writes no status any more", Required(ALL, LINKS))


def test_a_process_of_another_version_is_bad() -> None:
    assert play(Service(), watched(version="3.0")) == Bad("it runs as version 2.0", Required(ALL, LINKS))
    for version in ("2.0-1", "1:2.0"):
        assert isinstance(play(Service(), watched(version=version)), Good)


def test_many_devices_whose_status_is_written_seldom_are_no_fault() -> None:
    class Large(Service):
        def status(self, at: float, began: float, invocation: str) -> Status | None:
            status = super().status(at, began, invocation)
            return replace(status, size=4_000_000) if status else None

    assert isinstance(play(Large(status_every=400.0)), Good)


def test_a_wait_for_the_server_is_judged_by_what_comes_after_it() -> None:
    service = Service(server_is_up=lambda at: at > 10_000)
    assert play(service) == Waiting("no route to host")
    under = watched(waits_for="no route to host")
    seen = Seen(under, 9_900.0)
    judgement: Judgement = Undecided()
    for at in range(9_900, 12_000, 2):
        seen.note(service.observe(float(at)))
        judgement = judge(under, seen, float(at))
        if not isinstance(judgement, Undecided | Waiting):
            break
    assert isinstance(judgement, Good)


def test_while_the_server_is_away_the_rest_is_judged() -> None:
    judgement = play(Service(server_is_up=lambda at: False, stops={LINKS[2]: 30.0}))
    assert isinstance(judgement, Bad)
    assert judgement.missing == Required((), LINKS[2:])


outages = st.lists(st.tuples(st.integers(0, 1500), st.integers(1, 1500)), max_size=4)
steps = st.lists(st.tuples(st.integers(0, 1500), st.floats(-4e7, 4e7)), max_size=5)


def stepping(steps: list[tuple[int, float]]) -> Callable[[float], float]:
    return lambda at: 1e9 + at + sum(by for when, by in steps if at >= when)


@given(outages, steps, st.integers(10, 300), st.sets(st.sampled_from(LINKS)), st.integers(1, 5))
def test_no_server_no_cable_that_was_out_before_and_no_clock_gives_bad(
    outages: list[tuple[int, int]], steps: list[tuple[int, float]], interval: int, unplugged: set[str], step: int
) -> None:
    def is_up(at: float) -> bool:
        return not any(begin <= at < begin + length for begin, length in outages)

    old = Service(interval=interval, period=min(10, interval / 2), starts=-1000.0, stops=dict.fromkeys(unplugged, -2e6))
    under = watched(required=green.required(old.status(0.0, -1000.0, "old")))
    assert set(under.required.links) == set(LINKS) - unplugged
    new = replace(old, starts=5.0, server_is_up=is_up, wall=stepping(steps))
    assert not isinstance(play(new, under, step=step), Bad)


@given(
    st.sets(st.sampled_from([*ALL[:2], *LINKS]), min_size=1),
    steps,
    st.integers(10, 300),
    st.integers(-1, 60),
    st.data(),
)
def test_nothing_that_is_required_and_red_is_ever_good(
    broken: set[str], steps: list[tuple[int, float]], interval: int, stops: int, data: st.DataObject
) -> None:
    is_up = data.draw(st.booleans())
    service = Service(
        interval=interval,
        period=min(10, interval / 2),
        stops=dict.fromkeys(broken, float(stops)),
        server_is_up=lambda at: is_up,
        wall=stepping(steps),
    )
    assert isinstance(play(service), Bad)


@given(st.integers(10, 300), st.integers(-1, 60), steps)
def test_delivery_that_stops_while_the_server_is_there_is_bad(
    interval: int, stops: int, steps: list[tuple[int, float]]
) -> None:
    service = Service(interval=interval, stops={"delivery": float(stops)}, wall=stepping(steps))
    assert isinstance(play(service), Bad)


@given(st.lists(st.integers(6, 55), min_size=4, max_size=8), st.integers(10, 3600), steps)
def test_three_crashes_are_always_bad(gaps: list[int], interval: int, steps: list[tuple[int, float]]) -> None:
    crashes = tuple(float(sum(gaps[: number + 1])) for number in range(len(gaps)))
    assert isinstance(play(Service(interval=interval, crashes=crashes, wall=stepping(steps)), step=1), Bad)


@given(st.integers(10, 3600), st.floats(185, 5000), steps)
def test_never_ready_is_always_bad(interval: int, ready_after: float, steps: list[tuple[int, float]]) -> None:
    assert isinstance(play(Service(interval=interval, ready_after=ready_after, wall=stepping(steps))), Bad)


@given(st.integers(10, 3600), st.integers(150_000, 3_000_000))
def test_a_leak_is_always_bad(interval: int, rate: int) -> None:
    service = Service(interval=interval, rss=lambda at: 50_000_000 + int(at * rate))
    assert isinstance(play(service), Bad)
