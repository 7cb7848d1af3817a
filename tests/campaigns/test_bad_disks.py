"""A disk that fills up, and a buffer that is damaged: the daemon goes on and says so."""

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from inviseobox.simulator.background import RunningSite, running_site
from inviseobox.simulator.central_server import Outcome
from inviseobox.simulator.http_server import Response
from tests.support.daemons import Place
from tests.support.damages import damage, pages_in_use
from tests.support.judging import faults
from tests.support.loop_disks import small_disk
from tests.support.waiting import wait_for

from .backlogs import fill
from .cuts import place_on, received_reports
from .files import backlog, on_disk
from .pages import identities, page_site
from .sizes import chance, sample

_INTERVAL = 2
_SMALL = 4 * 2**20
_AWAY = Outcome(Response(503, {}, b"Service Unavailable"))


def test_a_disk_that_fills_up_and_is_freed_costs_no_reading(box: Place) -> None:
    """Nothing stops, and nothing is lost: what could not be written stayed in memory."""
    with small_disk(_SMALL) as disk, running_site() as site:
        place_on(box, disk.folder)
        box.configure(site.token, site.url, _INTERVAL)
        with box.daemon() as daemon:
            site.wait_for_windows(1, 15, site.served.measurements())
            for number in range(sample(1, 10)):
                log = len(daemon.log.all)
                disk.fill()
                # What comes and goes again and again is told the first times only.
                if number == 0:
                    daemon.log.wait_for("WARNING buffer: .*full", 30, after=log)
                # Two windows end while there is no room.
                end = time.time() + 2 * _INTERVAL
                site.wait_until(lambda: site.served.of(site.served.measurements()[0])[-1].at > end, 15)  # noqa: B023
                assert daemon.process.poll() is None
                log = len(daemon.log.all)
                disk.free()
                freed = time.time()
                if number == 0:
                    daemon.log.wait_for("buffer: .*written again", 10, after=log)
                site.wait_until(
                    lambda: any(one > freed + _INTERVAL for one in site.central.window_ends()),  # noqa: B023
                    20,
                )
            assert daemon.process.poll() is None
            daemon.stop()
            assert daemon.process.returncode == 0
        assert faults(site, _INTERVAL) == []


def test_a_daemon_started_on_a_full_disk_delivers_all_once_there_is_room(box: Place) -> None:
    """It reads, says that the disk is full, and delivers all once it is freed; also the next time that it happens."""
    with small_disk(_SMALL) as disk, running_site() as site:
        place_on(box, disk.folder)
        box.configure(site.token, site.url, _INTERVAL)
        with box.daemon() as daemon:
            site.wait_for_windows(1, 15, site.served.measurements())
            daemon.stop()
        for _ in range(2):
            disk.fill()
            with box.daemon() as daemon:
                daemon.told.wait_for("READY=1", 10)
                # What a start has room for may take a few windows; then somebody takes that as well.
                began = time.time()
                site.wait_until(lambda: site.served.of(site.served.measurements()[0])[-1].at > began, 10)  # noqa: B023
                disk.fill()
                daemon.log.wait_for("WARNING buffer: .*full", 30)
                end = time.time() + 2 * _INTERVAL
                site.wait_until(lambda: site.served.of(site.served.measurements()[0])[-1].at > end, 15)  # noqa: B023
                log = len(daemon.log.all)
                disk.free()
                freed = time.time()
                daemon.log.wait_for("buffer: .*written again", 10, after=log)
                site.wait_until(
                    lambda: any(one > freed + _INTERVAL for one in site.central.window_ends()),  # noqa: B023
                    20,
                )
                wait_for(lambda: backlog(box.buffer) == 0, 20, "the backlog is delivered")
                daemon.stop()
                assert daemon.process.returncode == 0
        assert site.central.conflicts() == []
        assert site.central.violations == []


def _with_a_backlog(box: Place, site: RunningSite) -> None:
    """Let the daemon collect windows that the server does not take, and stop it in order."""
    box.configure(site.token, site.url, _INTERVAL)
    site.central.script("fields", lambda request: _AWAY)
    with box.daemon() as daemon:
        for _ in range(2):
            daemon.log.wait_for("closed", 15, after=len(daemon.log.all))
        daemon.stop()
    assert backlog(box.buffer) > 0


def _assert_sound(buffer: Path) -> None:
    with closing(sqlite3.connect(buffer)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def _assert_all_hashes_right(site: RunningSite) -> None:
    assert site.central.batches
    assert [batch for batch in site.central.batches if batch.idempotency_key != batch.digest] == []


@pytest.mark.parametrize("number", range(sample(4, 40)))
def test_a_buffer_damaged_while_the_daemon_is_off_is_saved_at_the_start(box: Place, number: int) -> None:
    dice = chance(f"damage {number}")
    with page_site(200) as site:
        box.configure(site.token, site.url, _INTERVAL)
        before = fill(box.buffer, identities(site), 3, 1800).sealed
        size, pages = pages_in_use(box.buffer)
        hit = dice.sample(pages, min(len(pages), dice.choice((1, 1, 2, 5))))
        print(f"{len(pages)} pages in use, hit: {hit}")
        damage(box.buffer, dice, [page for page, _ in hit], size)
        began = time.time()
        with box.daemon() as daemon:
            daemon.told.wait_for("READY=1", 10)
            said = daemon.log.wait_for("damaged", 10)
            assert "ERROR" in said
            site.wait_until(lambda: any(one > began + _INTERVAL for one in site.central.window_ends()), 20)
            wait_for(lambda: backlog(box.buffer) == 0, 20, "the backlog is delivered")
            daemon.stop()
            assert daemon.process.returncode == 0
        _assert_sound(box.buffer)
        _assert_all_hashes_right(site)
        received = received_reports(site)
        saved = {report for report in before if report in received}
        print(f"{len(saved)} of {len(before)} old reports saved")
        # Each is there twice, in the outbox and in the history, so that one bad page takes none.
        assert len(hit) > 1 or len(saved) == len(before)
        assert {report: received[report] for report in saved} == {report: before[report] for report in saved}
        assert site.central.conflicts() == []
        assert site.central.violations == []


@pytest.mark.parametrize("number", range(sample(1, 20)))
def test_a_buffer_damaged_while_the_daemon_runs_is_sound_after_a_restart(box: Place, number: int) -> None:
    """Pages may be read again at once, much later, or be written over by a checkpoint first: then nothing was wrong."""
    dice = chance(f"damage while running {number}")
    with page_site(200) as site:
        _with_a_backlog(box, site)
        before = on_disk(box.buffer).sealed
        size, pages = pages_in_use(box.buffer)
        began = time.time()
        with box.daemon() as daemon:
            daemon.log.wait_for("closed", 15)
            hit = dice.sample(pages, max(1, len(pages) * dice.choice((1, 3, 6)) // 10))
            print(f"{len(pages)} pages in use, hit: {hit}")
            damage(box.buffer, dice, [page for page, _ in hit], size)
            site.central.script("fields", None)
            site.wait_until(lambda: any(one > began + 4 * _INTERVAL for one in site.central.window_ends()), 30)
            assert daemon.process.poll() is None
            daemon.stop()
        with box.daemon() as daemon:
            restarted = time.time()
            site.wait_until(lambda: any(one > restarted + _INTERVAL for one in site.central.window_ends()), 30)
            daemon.stop()
            assert daemon.process.returncode == 0
        _assert_sound(box.buffer)
        _assert_all_hashes_right(site)
        received = received_reports(site)
        assert {report: value for report, value in before.items() if received.get(report, value) != value} == {}
        assert site.central.conflicts() == []
        assert site.central.violations == []


def test_a_damaged_batch_is_never_sent(box: Place) -> None:
    """A change that leaves the file well-formed: only the hash tells."""
    with page_site(200) as site:
        _with_a_backlog(box, site)
        with closing(sqlite3.connect(box.buffer)) as connection, connection:
            identity, fields = connection.execute("SELECT id, fields FROM outbox ORDER BY id LIMIT 1").fetchone()
            changed = fields.replace('"avg":"1', '"avg":"7', 1)
            assert changed != fields
            connection.execute("UPDATE outbox SET fields = ? WHERE id = ?", (changed, identity))
            # Nor may it be made again from a history that tells something else.
            connection.execute("""UPDATE history SET value = replace(value, '"avg":"1', '"avg":"7')""")
        wrong = {(one["measurement"], one["timestamp"], one["value"]["avg"]) for one in json.loads(changed)}
        site.central.script("fields", None)
        with box.daemon() as daemon:
            daemon.log.wait_for("damaged on the disk", 10)
            wait_for(lambda: backlog(box.buffer) == 0, 20, "the backlog is delivered")
            site.wait_for_windows(1, 15, identities(site))
            daemon.stop()
        _assert_all_hashes_right(site)
        assert not wrong & {(one.measurement, one.timestamp, one.value["avg"]) for one in site.central.received}
