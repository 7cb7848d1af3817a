"""What the daemon reads arrives at the server, over stops, kills and outages."""

import signal
import sqlite3
from contextlib import closing

import pytest

from inviseobox.simulator.background import running_site
from inviseobox.simulator.central_server import Outcome
from inviseobox.simulator.http_server import Response, never
from inviseobox.simulator.verdict import Loss
from tests.support.daemons import Place
from tests.support.judging import faults

from .daemon_sites import INTERVAL, WITHIN, at_work, in_flight, wait_for_more


@pytest.mark.parametrize("form", ["documented", "deployed"])
def test_the_first_windows_arrive_and_say_what_the_instruments_served(box: Place, form: str) -> None:
    with running_site(form=form, interval=INTERVAL) as site, at_work(box, site) as daemon:
        daemon.told.wait_for("READY=1", 5)
        wait_for_more(site, 2)
        assert faults(site, INTERVAL) == []
        assert {device["_id"] for device in site.central.statuses[-1].devices} == {
            device["_id"] for device in site.devices
        }
        assert all(device["status"] == "ok" for device in site.central.statuses[-1].devices)
        assert daemon.stop() < 5
        assert daemon.process.returncode == 0
        assert site.token not in daemon.output


def test_the_server_s_interval_is_taken_where_the_configuration_names_none(box: Place) -> None:
    with running_site(form="deployed", interval=3) as site:
        box.configure(site.token, site.url, interval=None)
        with box.daemon():
            site.wait_for_windows(1, WITHIN)
            assert all(field.end % 3 == 0 for field in site.central.received)


def test_a_daemon_stopped_and_started_again_loses_nothing(box: Place) -> None:
    losses = []
    with running_site() as site:
        for _ in range(2):
            with at_work(box, site) as daemon:
                wait_for_more(site, 1)
                losses.append(in_flight())
                daemon.stop()
                assert daemon.process.returncode == 0
        with at_work(box, site):
            wait_for_more(site, 2)
        assert faults(site, INTERVAL, tuple(losses)) == []


def test_windows_that_closed_without_a_server_arrive_later(box: Place) -> None:
    with running_site() as site, at_work(box, site) as daemon:
        wait_for_more(site, 1)
        refusal = Outcome(Response(503, {"Retry-After": "1"}, b""))
        site.central.script("fields", lambda request: refusal)
        log = len(daemon.log.all)
        for _ in range(2):
            daemon.log.wait_for("closed", WITHIN, after=log)
            log = len(daemon.log.all)
        site.central.script("fields", None)
        wait_for_more(site, 3)
        assert faults(site, INTERVAL) == []


def test_a_daemon_killed_and_started_again_sends_no_conflicting_report(box: Place) -> None:
    losses = []
    with running_site() as site:
        for _ in range(2):
            with at_work(box, site) as daemon:
                wait_for_more(site, 1)
                daemon.stop(signal.SIGKILL)
                killed = max(reading.at for reading in site.served.of(site.served.measurements()[0]))
                # A crash costs what was not committed yet: at most the readings of the last 10 s.
                losses.append(Loss(killed - 10, killed + 1))
        with at_work(box, site):
            wait_for_more(site, 2)
        assert site.central.conflicts() == []
        assert site.central.violations == []
        ends = site.central.window_ends()
        assert len(ends) == len(set(ends))


def test_a_sealed_window_survives_a_kill(box: Place) -> None:
    """The server takes the values, but the daemon dies before it knows."""
    with running_site() as site:
        site.central.script("fields", lambda request: Outcome(Response(200, {}, b"OK", never), stores=True))
        with at_work(box, site) as daemon:
            site.wait_until(lambda: len(site.central.batches) >= 1, WITHIN)
            first = site.central.batches[0]
            daemon.stop(signal.SIGKILL)
        site.central.script("fields", None)
        with at_work(box, site):
            site.wait_until(lambda: sum(one.digest == first.digest for one in site.central.batches) >= 2, WITHIN)
        assert site.central.conflicts() == []
        assert site.central.violations == []


def test_a_damaged_buffer_is_told_loudly_and_stops_nothing(box: Place) -> None:
    box.buffer.write_bytes(b"not a database " * 1000)
    with running_site() as site, at_work(box, site) as daemon:
        line = daemon.log.wait_for("damaged", 5)
        assert "ERROR" in line
        assert "corrupt-" in line
        wait_for_more(site, 1)
        assert faults(site, INTERVAL) == []
    with closing(sqlite3.connect(box.buffer)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
