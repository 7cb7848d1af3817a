"""The daemon as a service: what it tells systemd and the log, and what signals do."""

import signal

from inviseobox.host import status_file
from inviseobox.simulator.background import running_site
from inviseobox.simulator.central_server import Outcome
from inviseobox.simulator.http_server import Request, Response, never
from inviseobox.simulator.verdict import Loss
from tests.support.daemons import Place
from tests.support.entries import modbus_device, web_device
from tests.support.judging import faults
from tests.support.ports import deaf
from tests.support.status_schema import assert_valid
from tests.support.waiting import wait_for

from .daemon_sites import INTERVAL, WITHIN, at_work, in_flight, wait_for_more


def test_the_service_manager_is_told_ready_status_watchdog_and_stopping(box: Place) -> None:
    with running_site() as site, at_work(box, site, WATCHDOG_USEC="1500000") as daemon:
        daemon.told.wait_for("READY=1", 5)
        daemon.told.wait_for(r"STATUS=.*\d of \d+ devices answer", WITHIN)
        for _ in range(3):
            daemon.told.wait_for("WATCHDOG=1", 1.5, after=len(daemon.told.all))
        wait_for_more(site, 1)
        daemon.told.wait_for("STATUS=.*delivered", WITHIN)
        daemon.stop()
        daemon.told.wait_for("STOPPING=1", 1)
        assert daemon.told.all.index("READY=1") < daemon.told.all.index("STOPPING=1")
        assert all(line.isascii() for line in daemon.told.all)
        assert not any(site.token in line for line in daemon.told.all)


def test_ready_and_watchdog_messages_do_not_wait_for_the_server(box: Place) -> None:
    box.configure("f" * 64, "http://127.0.0.1:1/api", INTERVAL)
    with box.daemon(WATCHDOG_USEC="1500000") as daemon:
        daemon.told.wait_for("READY=1", 5)
        daemon.log.wait_for("server: no connection", 5)
        daemon.told.wait_for("STATUS=.*server: no connection", 5)
        for _ in range(3):
            daemon.told.wait_for("WATCHDOG=1", 1.5, after=len(daemon.told.all))
        assert daemon.stop() < 5
        assert daemon.process.returncode == 0


def test_the_daemon_stops_quickly_though_nothing_answers(box: Place) -> None:
    """Neither a gateway, nor a sensor, nor the server for values."""
    with deaf() as port, running_site() as site:
        site.central.devices = [
            *site.devices,
            modbus_device(port, {1: [0], 2: [0]}, name="deaf gateway"),
            web_device(f"http://127.0.0.1:{port}/", ["temp1"], name="deaf sensor"),
        ]
        silence = Outcome(Response(200, {}, b"OK", never))
        site.central.script("fields", lambda request: silence)
        with at_work(box, site) as daemon:
            site.wait_until(lambda: len(site.central.exchanges) > 3, WITHIN)
            assert daemon.stop() < 5
            assert daemon.process.returncode == 0


def test_a_reload_takes_a_changed_configuration(box: Place) -> None:
    with running_site() as site, at_work(box, site) as daemon:
        daemon.told.wait_for("READY=1", 5)
        wait_for_more(site, 1)
        box.configure(site.token, site.url, 3)
        told = len(daemon.told.all)
        daemon.send(signal.SIGHUP)
        daemon.told.wait_for("RELOADING=1", 5, after=told)
        daemon.told.wait_for("READY=1", 5, after=told)
        site.wait_until(
            lambda: any(field.end % 3 == 0 and field.end % 2 for field in tuple(site.central.received)), WITHIN
        )
        assert daemon.process.poll() is None
        assert site.central.conflicts() == []
        assert site.central.violations == []


BROKEN = [b"token = ", b'token = "a b"', b"nonsense = 1\n%s", b"", b'ca_file = "/nowhere"\n%s', b"\xff"]


def test_a_wrong_reload_leaves_the_running_configuration(box: Place) -> None:
    with running_site() as site, at_work(box, site) as daemon:
        daemon.told.wait_for("READY=1", 5)
        wait_for_more(site, 1)
        right = box.configuration.read_bytes()
        for broken in BROKEN:
            box.configuration.write_bytes(broken.replace(b"%s", right))
            told, log = len(daemon.told.all), len(daemon.log.all)
            daemon.send(signal.SIGHUP)
            line = daemon.log.wait_for("running configuration stays", 5, after=log)
            assert str(box.configuration) in line
            daemon.told.wait_for("READY=1", 5, after=told)
        wait_for_more(site, 1)
        assert faults(site, INTERVAL) == []
        assert sum("ERROR" in line for line in daemon.log.all) == len(BROKEN)


def test_many_reloads_lose_nothing(box: Place) -> None:
    with running_site() as site, at_work(box, site) as daemon:
        daemon.told.wait_for("READY=1", 5)
        wait_for_more(site, 1)
        losses: list[Loss] = []
        for _ in range(6):
            told = len(daemon.told.all)
            losses.append(in_flight())
            daemon.send(signal.SIGHUP)
            daemon.told.wait_for("READY=1", 5, after=told)
        wait_for_more(site, 2)
        assert faults(site, INTERVAL, (Loss(losses[0].start, losses[-1].end),)) == []
        assert daemon.stop() < 5


def test_the_token_is_told_to_nobody_but_the_server(box: Place) -> None:
    """Though the server repeats it in every answer."""

    def echoing(request: Request) -> Outcome:
        return Outcome(Response(401, {}, b"unknown token " + site.token.encode()))

    with running_site(form="deployed", interval=INTERVAL) as site, at_work(box, site) as daemon:
        wait_for_more(site, 1)
        for route in ("list", "status", "fields"):
            site.central.script(route, echoing)
        daemon.told.wait_for("STATUS=.*token", WITHIN)
        daemon.log.wait_for("WARNING .*token.* configuration", WITHIN)
        daemon.stop()
        assert site.token not in daemon.output
        assert not any(site.token in line for line in daemon.told.all)
        assert [file.name for file in box.folder.iterdir() if file.name.startswith("data.db")]
        for file in box.folder.glob("data.db*"):
            assert site.token.encode() not in file.read_bytes(), file.name


def test_the_status_file_of_a_running_daemon_keeps_its_schema(box: Place) -> None:
    runtime = box.folder / "run"
    runtime.mkdir()
    path = runtime / "status.json"
    with running_site() as site, deaf() as port:
        site.central.devices = [*site.devices, modbus_device(port, {1: [0], 2: [0]}, name="deaf gateway")]
        with at_work(box, site, RUNTIME_DIRECTORY=str(runtime), INVOCATION_ID="ab" * 16) as daemon:
            wait_for_more(site, 2)
            wait_for(lambda: path.exists() and status_file.read(path)["last_delivered_window"], WITHIN, "a delivery")
            # The deaf gateway is given some time first: it might want that after a connect.
            wait_for(lambda: status_file.read(path)["troubles"], 30, "a trouble")
            daemon.stop()
    content = status_file.read(path)
    assert_valid(content)
    assert content["invocation_id"] == "ab" * 16
    assert content["disk_free"] > 0
    assert content["clock_confirmed"]["by"] in ("the server", "the time synchronisation")
    assert [trouble["kind"] for trouble in content["troubles"]] == ["link"]
    assert sorted(link["last_good_reading"] is None for link in content["links"]) == [False, False, True]
