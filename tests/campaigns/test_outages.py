"""The server is away for days, refuses an item, or refuses everything; all that can be delivered is, in the end."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from inviseobox.simulator.background import RunningSite
from inviseobox.simulator.central_server import Outcome
from inviseobox.simulator.http_server import Request, Response, dripping
from tests.support.daemons import Daemon, Place
from tests.support.soak import SOAK
from tests.support.waiting import wait_for

from .backlogs import fill
from .cuts import received_reports
from .files import backlog, rows
from .pages import identities, page_site
from .sizes import measured, sample

_MEASUREMENTS = 200
_WINDOWS = sample(48, 144)
_HALF_AN_HOUR = 1800
_INTERVAL = 2
_MB = 1024


def _configure(box: Place, site: RunningSite, interval: int = _INTERVAL) -> None:
    box.configure(site.token, site.url, interval)


def _memory(daemon: Daemon, what: str) -> int:
    """Return VmRSS or VmHWM of the daemon in kB (proc_pid_status(5))."""
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    found = re.search(rf"^{what}:\s+(\d+) kB", status, re.MULTILINE)
    assert found
    return int(found[1])


def _idle_memory(box: Place, site: RunningSite) -> int:
    """Let a daemon deliver a few windows without a backlog; return the kB of memory that it takes then."""
    with box.daemon() as daemon:
        site.wait_for_windows(3, 20, identities(site))
        idle = _memory(daemon, "VmRSS")
        daemon.stop()
    return idle


class _Slow:
    """A server that takes its time for an answer, so that windows close while the backlog drains."""

    def __init__(self, seconds: float) -> None:
        self._sending = dripping(seconds / 2)

    def __call__(self, request: Request) -> Outcome:
        return Outcome(Response(200, {}, b"OK", self._sending), stores=True)


def test_a_backlog_of_three_days_is_delivered_in_constant_memory_behind_new_windows(box: Place) -> None:
    """What the outage left is delivered in constant memory, and each window that closes meanwhile goes first."""
    with page_site(_MEASUREMENTS) as site:
        _configure(box, site)
        idle = _idle_memory(box, site)
        site.run(site.central.http.listener.stop())
        sealed = fill(box.buffer, identities(site), _WINDOWS, _HALF_AN_HOUR).sealed
        assert len(sealed.keys() - received_reports(site).keys()) >= _MEASUREMENTS * _WINDOWS
        with box.daemon() as daemon:
            daemon.log.wait_for("closed", 10)
            daemon.log.wait_for("server: ", 10)
            site.central.script("fields", _Slow(0.1))
            site.run(site.central.http.listener.resume())
            overtaken = _follow(daemon, site, box)
            site.central.script("fields", None)
            peak = _memory(daemon, "VmHWM")
            daemon.stop()
    received = received_reports(site)
    assert {report: received.get(report) for report in sealed} == sealed
    assert site.central.conflicts() == []
    measured(
        f"{_MEASUREMENTS * _WINDOWS} reports; idle {idle} kB, peak {peak} kB; "
        f"batches of the backlog that went before a new window: {overtaken}"
    )
    assert peak - idle < 20 * _MB
    assert len(overtaken) >= 3
    # One may be on its way when the window closes, and one more begin before its own is on the disk.
    assert max(overtaken) <= 2


def _follow(daemon: Daemon, site: RunningSite, box: Place) -> list[int]:
    """Count, until the backlog is gone, the old batches that arrive between each window's closing and its arrival."""
    overtaken = []
    lines = len(daemon.log.all)
    while backlog(box.buffer) > 1:
        line = daemon.log.wait_for("closed", 20, after=lines)
        had = len(site.central.batches)
        lines = daemon.log.all.index(line, lines) + 1
        closed = line.split("window ")[1].split(" closed")[0]
        site.wait_until(lambda: closed in _sent_windows(site), 20)  # noqa: B023
        arrived = _sent_windows(site).index(closed)
        overtaken.append(max(0, arrived - had))
    return overtaken


def _sent_windows(site: RunningSite) -> list[str]:
    """Return the window of each batch that arrived, in that order."""
    return [batch.fields[0].timestamp for batch in tuple(site.central.batches)]


@pytest.mark.timeout(400)
def test_one_poisoned_item_waits_while_everything_else_arrives(box: Place) -> None:
    """It would be set aside after an hour; until then it is tried again, and arrives if the server is mended."""
    words = b'{"message":"a value of k77 cannot be right"}'
    with page_site(_MEASUREMENTS) as site:
        _configure(box, site)
        sealed = dict(fill(box.buffer, identities(site), 24, _HALF_AN_HOUR).sealed)
        poisoned = sorted(report for report in sealed if report[0] == "d0/k77")[11]
        refused = Outcome(Response(500, {"Content-Type": "application/json"}, words))

        def poison(request: Request) -> Outcome | None:
            fields = json.loads(request.body)["fields"]
            return refused if any((one["measurement"], one["timestamp"]) == poisoned for one in fields) else None

        site.central.script("fields", poison)
        with box.daemon() as daemon:
            wait_for(lambda: received_reports(site).keys() >= sealed.keys() - {poisoned}, 60, "all others arrive")
            assert "a value of k77 cannot be right" in daemon.log.wait_for("deliveries: the server does not take", 5)
            assert _rejected(box) == []
            assert poisoned not in received_reports(site)
            site.central.script("fields", None)
            wait_for(lambda: poisoned in received_reports(site), 320, "it arrives, too")
            assert daemon.stop() < 5
        received = received_reports(site)
        assert {report: received.get(report) for report in sealed} == sealed


@pytest.mark.parametrize("status", [400, 401, 404, 409, 413, 422, 500] if SOAK else [400])
def test_a_server_that_refuses_everything_costs_nothing(box: Place, status: int) -> None:
    with page_site(_MEASUREMENTS) as site:
        _configure(box, site)
        sealed = fill(box.buffer, identities(site), 6, _HALF_AN_HOUR).sealed
        site.central.script("fields", lambda request: Outcome(Response(status, {}, b"no")))
        with box.daemon() as daemon:
            for _ in range(3):
                daemon.log.wait_for("closed", 10, after=len(daemon.log.all))
            assert _rejected(box) == []
            assert site.central.received == []
            site.central.script("fields", None)
            wait_for(lambda: received_reports(site).keys() >= sealed.keys(), 40, "all arrives")
            wait_for(lambda: backlog(box.buffer) == 0, 20, "the backlog is delivered")
            assert _rejected(box) == []
            daemon.stop()
        received = received_reports(site)
        assert {report: received[report] for report in sealed} == sealed
        assert site.central.conflicts() == []
        ends = [end for end in site.central.window_ends() if end % _HALF_AN_HOUR]
        assert all(later - earlier == _INTERVAL for earlier, later in pairwise(ends)), ends


def _rejected(box: Place) -> list[tuple[str, str]]:
    return [(fields, words) for fields, words in rows(box.buffer, "SELECT fields, words FROM rejected")]


def test_5000_measurements_pass_a_body_limit_of_100_kb(box: Place) -> None:
    with page_site(5000, devices=50, max_body=100_000) as site:
        box.configure(site.token, site.url, 5)
        wanted = set(identities(site))
        assert len(wanted) == 5000
        with box.daemon() as daemon:
            site.wait_for_windows(2, 50, wanted)
            site.wait_until(lambda: {one["_id"] for one in _told(site)} == wanted, 20)
            daemon.stop()
        assert max(batch.size for batch in site.central.batches) <= 100_000
        assert [one for one in site.central.exchanges if one.status == 413] == []
        assert site.central.violations == []
        assert site.central.conflicts() == []


def _told(site: RunningSite) -> list[dict[str, str]]:
    """Return the status of each measurement, as far as the server was told."""
    statuses = tuple(site.central.statuses)
    return [measurement for status in statuses for device in status.devices for measurement in device["measurements"]]
