"""The daemon on a machine whose clock is wrong: every reading is under the time at which it was read.

The clock, the server's Date and the file of the time synchronisation are set by the tests; windows last two seconds.
"""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import formatdate

import pytest

from inviseobox.host import status_file
from inviseobox.simulator.background import RunningSite, running_site
from inviseobox.simulator.central_server import Outcome, Route
from inviseobox.simulator.http_server import Request, Response
from inviseobox.simulator.verdict import Loss, problems
from tests.support.clocks import Machine
from tests.support.daemons import Daemon, Place
from tests.support.status_schema import assert_valid
from tests.support.waiting import wait_for

from .daemon_sites import INTERVAL, WITHIN, in_flight, wait_for_more

HOUR = 3600.0
Y2024 = 1_717_200_000.0
Y2037 = 2_130_000_000.0
ROUTES: tuple[Route, ...] = ("list", "status", "fields")


@contextmanager
def at_work(box: Place, site: RunningSite, interval: int = INTERVAL, **environment: str) -> Iterator[Daemon]:
    box.configure(site.token, site.url, interval)
    with box.daemon(**environment) as daemon:
        daemon.told.wait_for("READY=1", 10)
        yield daemon


def to_year(moment: float) -> float:
    """Return how far a clock is ahead that shows this moment now."""
    return moment - time.time()


def learn(box: Place, site: RunningSite) -> Loss:
    """Let the daemon fetch its device list and confirm the time, and stop; return what may be lost by the stop."""
    with at_work(box, site) as daemon:
        wait_for_more(site, 1)
        loss = in_flight()
        daemon.stop()
    return loss


def answer(site: RunningSite, response: Response | None) -> None:
    """Let the server answer everything in one way, or as usual again."""
    for route in ROUTES:
        site.central.script(route, None if response is None else lambda request: Outcome(response))


def closed(daemon: Daemon, count: int) -> None:
    """Wait until that many more windows were closed."""
    after = len(daemon.log.all)
    wait_for(lambda: sum("closed" in line for line in daemon.log.all[after:]) >= count, WITHIN, "windows closed")


def assert_recent(site: RunningSite) -> None:
    """Assert that no window is from another time."""
    now = time.time()
    assert [end for end in site.central.window_ends() if not now - 600 < end < now + 5] == []


def shifted_faults(site: RunningSite, shift: int, interval: int, losses: tuple[Loss, ...] = ()) -> list[str]:
    """List what is wrong with what the server has, where every window is dated `shift` seconds ahead.

    By a Date, which counts whole seconds, a reading is dated half a second off at most.
    """
    found = [*site.central.violations, *(f"conflict: {pair}" for pair in site.central.conflicts())]
    for measurement in site.served.measurements():
        fields = [
            replace(field, end=field.end - shift)
            for field in tuple(site.central.received)
            if field.measurement == measurement
        ]
        found += problems(site.served.of(measurement), fields, interval, tolerance=1.8, losses=losses)
    return found


@pytest.mark.parametrize("start", [Y2024, 10.0], ids=["2024", "1970"])
def test_a_clock_that_is_set_right_after_a_while_while_the_server_answers(box: Place, start: float) -> None:
    machine = Machine(box.folder, to_year(start))
    with running_site() as site, at_work(box, site) as daemon:
        daemon.log.wait_for("WARNING clock: .* s behind the server's; readings are dated by the server's time", WITHIN)
        wait_for_more(site, 2)
        machine.step(0.0)
        daemon.log.wait_for("clock: is right again", WITHIN)
        wait_for_more(site, 2)
        assert_recent(site)
        assert shifted_faults(site, 0, INTERVAL) == []


def test_a_network_that_blocks_time_synchronisation_while_the_server_answers(box: Place) -> None:
    Machine(box.folder, -600.0)
    with running_site() as site, at_work(box, site) as daemon:
        daemon.log.wait_for("clock: (599|600|601) s behind the server's", WITHIN)
        wait_for_more(site, 3)
        assert shifted_faults(site, 0, INTERVAL) == []


def test_a_clock_that_is_set_right_before_the_server_answers(box: Place) -> None:
    """What was read meanwhile waits, and is dated by the clock as it is then."""
    machine = Machine(box.folder)
    runtime = box.folder / "run"
    runtime.mkdir()
    with running_site() as site:
        loss = learn(box, site)
        machine.boot(to_year(Y2024))
        answer(site, Response(503))
        log = time.time()
        with at_work(box, site, RUNTIME_DIRECTORY=str(runtime)) as daemon:
            daemon.log.wait_for("WARNING time: unknown, the clock lies before 20.*; readings wait, a day", WITHIN)
            daemon.told.wait_for("STATUS=.*time: unknown", WITHIN)
            path = runtime / "status.json"
            wait_for(lambda: path.exists() and status_file.read(path)["dated_by"] == "nothing", WITHIN, "a status")
            assert_valid(status_file.read(path))
            site.wait_until(
                lambda: len([one for one in site.served.of(site.served.measurements()[0]) if one.at > log]) > 10, WITHIN
            )
            assert not any("closed" in line for line in daemon.log.all)
            machine.step(0.0)
            daemon.log.wait_for("time: is known now; readings that waited are dated", WITHIN)
            answer(site, None)
            daemon.log.wait_for("server: answers again", 30)
            wait_for_more(site, 2)
        assert_recent(site)
        assert shifted_faults(site, 0, INTERVAL, (Loss(loss.start, loss.end + 2),)) == []


def test_a_start_at_1970_after_a_kill_in_mid_window(box: Place) -> None:
    machine = Machine(box.folder)
    with running_site() as site:
        with at_work(box, site) as daemon:
            wait_for_more(site, 1)
            daemon.stop(signal.SIGKILL)
            killed = time.time()
        machine.boot(to_year(10.0))
        answer(site, Response(503))
        with at_work(box, site) as daemon:
            daemon.log.wait_for("time: unknown", WITHIN)
            time_read = time.time()
            site.wait_until(
                lambda: any(one.at > time_read + 1 for one in site.served.of(site.served.measurements()[0])), WITHIN
            )
            answer(site, None)
            daemon.log.wait_for("clock: .* behind the server's", 30)
            wait_for_more(site, 2)
        assert_recent(site)
        assert shifted_faults(site, 0, INTERVAL, (Loss(killed - 10, killed + 1),)) == []


@pytest.mark.parametrize("witness", ["server", "time synchronisation"])
def test_a_step_to_2037_and_back_that_a_witness_refutes(box: Place, witness: str) -> None:
    machine = Machine(box.folder)
    if witness == "time synchronisation":
        machine.synchronise()
    with running_site() as site:
        site.central.date_ahead = 0.0 if witness == "server" else None
        with at_work(box, site) as daemon:
            wait_for_more(site, 1)
            machine.step(to_year(Y2037))
            of = "the server's" if witness == "server" else "what the time synchronisation set"
            daemon.log.wait_for(f"WARNING clock: .* s ahead of {of}", WITHIN)
            wait_for_more(site, 2)
            machine.step(0.0)
            daemon.log.wait_for("clock: is right again", WITHIN)
            wait_for_more(site, 2)
        assert_recent(site)
        assert shifted_faults(site, 0, INTERVAL) == []


def test_a_step_to_2037_and_back_that_nobody_refutes(box: Place) -> None:
    """What was closed under a time to come stays there; after it windows go on under the right time."""
    machine = Machine(box.folder)
    with running_site() as site:
        site.central.date_ahead = None
        with at_work(box, site) as daemon:
            wait_for_more(site, 1)
            machine.step(to_year(Y2037))
            closed(daemon, 2)
            machine.step(0.0)
            back = time.time()
            site.wait_until(lambda: sum(back < end < back + 600 for end in site.central.window_ends()) >= 3, WITHIN)
            assert any(end > Y2037 - 600 for end in site.central.window_ends())
        assert site.central.conflicts() == []
        assert site.central.violations == []
        assert not any("clock: " in line or "time: " in line for line in daemon.log.all)


def test_a_server_whose_clock_is_off_without_time_synchronisation(box: Place) -> None:
    """There is no other witness, and one clock for all boxes is worth more than none."""
    Machine(box.folder)
    with running_site() as site:
        site.central.date_ahead = 2 * HOUR
        with at_work(box, site) as daemon:
            daemon.log.wait_for("clock: (7199|7200|7201) s behind the server's", WITHIN)
            wait_for_more(site, 3)
        assert shifted_faults(site, 7200, INTERVAL) == []


def test_a_server_whose_clock_is_off_beside_a_time_synchronisation(box: Place) -> None:
    Machine(box.folder).synchronise()
    with running_site() as site:
        site.central.date_ahead = 2 * HOUR
        with at_work(box, site) as daemon:
            daemon.log.wait_for("server's clock: (7199|7200|7201) s ahead of this machine's, which is sync", WITHIN)
            wait_for_more(site, 3)
            assert shifted_faults(site, 0, INTERVAL) == []
            site.central.date_ahead = 0.0
            daemon.log.wait_for("server's clock: agrees with this machine's again", WITHIN)


def test_a_time_synchronisation_that_comes_late_overrules_a_server_whose_clock_is_off(box: Place) -> None:
    machine = Machine(box.folder, to_year(Y2024))
    with running_site() as site:
        site.central.date_ahead = 2 * HOUR
        with at_work(box, site) as daemon:
            daemon.log.wait_for("clock: .* behind the server's", WITHIN)
            wait_for_more(site, 1)
            machine.synchronise()
            right = time.time()
            daemon.log.wait_for("server's clock: (7199|7200|7201) s ahead of this machine's", WITHIN)
            site.wait_until(lambda: sum(right < end < right + 600 for end in site.central.window_ends()) >= 3, WITHIN)
        assert site.central.conflicts() == []
        assert site.central.violations == []


def test_a_site_that_is_switched_off_at_night_and_starts_with_the_time_of_the_evening(box: Place) -> None:
    """The server tells that the night is over before a window is closed."""
    interval, night = 10, 43_200
    machine = Machine(box.folder)
    with running_site() as site:
        loss = learn(box, site)
        machine.boot(1.0)
        site.central.date_ahead = night

        def next_day() -> list[int]:
            return [end for end in site.central.window_ends() if end > loss.end + 2 * INTERVAL]

        with at_work(box, site, interval) as daemon:
            daemon.log.wait_for(r"clock: (431\d\d|43200) s behind the server's", WITHIN)
            site.wait_until(lambda: len(next_day()) >= 2, WITHIN + 3 * interval)
        assert min(next_day()) > time.time() + night - 600
        # What was read in the evening is delivered under the evening, though the site calls it by the same hour; the
        # first difference of the day is that from the evening.
        first, *_ = days = next_day()
        site.central.received[:] = [
            replace(
                field, value={name: text for name, text in field.value.items() if name != "diff" or field.end != first}
            )
            for field in site.central.received
            if field.end in days
        ]
        assert shifted_faults(site, night, interval, (Loss(0, loss.end + 1),)) == []


def test_without_a_network_a_clock_that_nothing_contradicts_is_believed(box: Place) -> None:
    machine = Machine(box.folder)
    with running_site() as site:
        loss = learn(box, site)
        answer(site, Response(503, {"Date": formatdate(time.time() + 2 * HOUR, usegmt=True)}))
        machine.boot(0.0)
        with at_work(box, site) as daemon:
            closed(daemon, 3)
            answer(site, None)
            daemon.log.wait_for("server: answers again", 30)
            wait_for_more(site, 3)
            assert not any("clock: " in line or "time: " in line for line in daemon.log.all)
        assert shifted_faults(site, 0, INTERVAL, (Loss(loss.start, loss.end + 2),)) == []


@pytest.mark.parametrize("date", [None, "rubbish", "Thu, 01 Jan 1970 00:00:10 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_server_that_tells_no_time(box: Place, date: str | None) -> None:
    """Nor one that can be: a clock that nothing contradicts is believed."""
    Machine(box.folder)
    with running_site() as site:
        site.central.date_ahead = None
        if date is not None:

            def dated(request: Request) -> Outcome:
                return Outcome(Response(200, {"Date": date}, json.dumps(site.devices).encode()), stores=True)

            for route in ROUTES:
                site.central.script(route, dated)
        with at_work(box, site) as daemon:
            wait_for_more(site, 3)
            assert not any("clock: " in line or "time: " in line for line in daemon.log.all)
        assert shifted_faults(site, 0, INTERVAL) == []


STRANGERS = {
    "login page": Response(200, {"Content-Type": "text/html"}, b" <html>log in</html>"),
    "redirect": Response(302, {"Location": "http://192.0.2.1/login"}),
    "refusal": Response(403, {}, b"who are you?"),
    "failure": Response(500, {}, b"oops"),
    "missing": Response(404, {}, b"Cannot GET"),
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_stranger_s_clock_is_no_witness(box: Place, stranger: str) -> None:
    """Its answer to everything is not the server's own, whatever it says the time is."""
    machine = Machine(box.folder)
    with running_site() as site:
        loss = learn(box, site)
        site.central.date_ahead = 2 * HOUR
        answer(site, STRANGERS[stranger])
        machine.boot(0.0)
        asked = len(site.central.exchanges)
        with at_work(box, site) as daemon:
            closed(daemon, 2)
            site.wait_until(lambda: len(site.central.exchanges) > asked + 2, WITHIN)
            assert not any("clock: " in line for line in daemon.log.all)
            site.central.date_ahead = 0.0
            answer(site, None)
            wait_for(lambda: len(site.central.window_ends()) > 3, 30, "windows of both runs")
            wait_for_more(site, 1)
        assert_recent(site)
        assert shifted_faults(site, 0, INTERVAL, (Loss(loss.start, loss.end + 2),)) == []


def test_within_a_boot_a_new_start_of_the_service_knows_the_time_at_once(box: Place) -> None:
    Machine(box.folder, to_year(Y2024))
    with running_site() as site:
        loss = learn(box, site)
        answer(site, Response(503))
        with at_work(box, site) as daemon:
            daemon.log.wait_for("clock: .* behind the server's", WITHIN)
            closed(daemon, 2)
            assert not any("time: " in line for line in daemon.log.all)
            answer(site, None)
            daemon.log.wait_for("server: answers again", 30)
            wait_for_more(site, 2)
        assert_recent(site)
        assert shifted_faults(site, 0, INTERVAL, (Loss(loss.start, loss.end + 2),)) == []
