"""The control socket of a daemon at work: a crowd on it, and what becomes of it at a reload and a stop."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from inviseobox.control.client import ask
from inviseobox.control.protocol import History, Rejected, Status
from inviseobox.simulator.background import RunningSite, running_site
from tests.support.control import STATUS, connected, flood, heard
from tests.support.daemons import Daemon, Place
from tests.support.judging import faults
from tests.support.soak import SOAK

from .daemon_sites import INTERVAL, at_work, wait_for_more


def memory(daemon: Daemon) -> int:
    """Return the bytes of memory that are the daemon's alone."""
    rollup = Path(f"/proc/{daemon.process.pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in rollup if line.startswith(("Private_", "Swap:")))


def gaps(site: RunningSite, since: float, until: float) -> dict[str, float]:
    """Return for each measurement the longest time between two of its reads."""
    found = {}
    for measurement in site.served.measurements():
        times = [served.at for served in site.served.of(measurement) if since < served.at < until]
        found[measurement] = max((after - before for before, after in pairwise(times)), default=until)
    return found


ANSWERED_WITHIN = 1.0
"""Seconds, however many of the others are frozen."""


class Crowd:
    """100 clients, until told to stop: one sends without end, `frozen` ones freeze, all others ask properly."""

    def __init__(self, path: str, measurement: str, frozen: int) -> None:
        self.answers = 0
        self.slowest = 0.0
        self.flooded = 0
        self.wrong: list[str] = []
        self._path = path
        self._requests = (Status(recent=True), Status(select=measurement), History(measurement), Rejected())
        self._stop = threading.Event()
        work = [self._flood, *[self._freeze, self._read_nothing] * (frozen // 2), *[self._freeze] * (frozen % 2)]
        self.asking = 100 - len(work)
        work += [self._ask] * self.asking
        self._threads = [threading.Thread(target=self._repeated, args=(one,)) for one in work]

    def _repeated(self, work: Callable[[], None]) -> None:
        while not self._stop.is_set():
            try:
                work()
            except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
                self.wrong.append(repr(error))

    def _ask(self) -> None:
        for request in self._requests:
            began = time.monotonic()
            ask(request, self._path, 30.0)
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.answers += 1
            self._stop.wait(1.0)

    def _freeze(self) -> None:
        with connected(self._path, receives=4096) as client:
            client.sendall(STATUS[:10])
            self._stop.wait(30.0)

    def _read_nothing(self) -> None:
        with connected(self._path, receives=4096) as client:
            client.sendall(STATUS)
            self._stop.wait(30.0)

    def _flood(self) -> None:
        self.flooded += flood(self._path, 1_000_000_000)

    @contextmanager
    def at_it(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(60)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("frozen", [1, 90])
def test_a_hundred_clients_change_neither_rounds_nor_windows_nor_memory(box: Place, frozen: int) -> None:
    """Some of them are frozen, one sends a gigabyte."""
    runtime = box.folder / "run"
    runtime.mkdir()
    path = str(runtime / "control.sock")
    with running_site() as site, at_work(box, site, RUNTIME_DIRECTORY=str(runtime)) as daemon:
        wait_for_more(site, 2)
        crowd = Crowd(path, site.served.measurements()[0], frozen)
        for request in crowd._requests:
            ask(request, path, 10.0)
        quiet, before = time.time(), memory(daemon)
        wait_for_more(site, 4)
        loud = time.time()
        with crowd.at_it():
            wait_for_more(site, 20 if SOAK else 6)
            after, until = memory(daemon), time.time()
        calm, crowded = gaps(site, quiet, loud), gaps(site, loud, until)
        print(f"{crowd.answers} answers, the slowest within {crowd.slowest:.3f} s, {crowd.flooded} bytes taken")
        print(f"memory {after - before:+d} bytes")
        print(f"longest time between two reads: {max(calm.values()):.3f} s alone, {max(crowded.values()):.3f} s")
        assert crowd.wrong == []
        assert crowd.answers > crowd.asking
        assert frozen == 1 or crowd.slowest < ANSWERED_WITHIN
        assert after - before <= 2_000_000
        assert faults(site, INTERVAL) == []
        # A round that was skipped would double them.
        assert {one: gap for one, gap in crowded.items() if gap > 1.6 * max(calm[one], 0.5)} == {}
        daemon.stop()
        assert not any("WARNING" in line or "ERROR" in line for line in daemon.log.all)


def test_a_reload_answers_on_the_same_socket_and_a_stop_hangs_up(box: Place) -> None:
    runtime = box.folder / "run"
    runtime.mkdir()
    path = str(runtime / "control.sock")
    with running_site() as site, at_work(box, site, RUNTIME_DIRECTORY=str(runtime)) as daemon:
        daemon.told.wait_for("READY=1", 5)
        assert ask(Status(), path, 10.0)
        with connected(path) as waits:
            told = len(daemon.told.all)
            daemon.send(signal.SIGHUP)
            daemon.told.wait_for("READY=1", 5, after=told)
            assert heard(waits) == b""
        assert ask(Status(), path, 10.0)
        with connected(path) as waits:
            assert daemon.stop() < 5
            assert heard(waits) == b""


def test_a_daemon_whose_socket_cannot_be_opened_says_so_and_works(box: Place) -> None:
    runtime = box.folder / "run"
    runtime.mkdir()
    (runtime / "control.sock").write_text("in the way")
    with running_site() as site, at_work(box, site, RUNTIME_DIRECTORY=str(runtime)) as daemon:
        daemon.log.wait_for("WARNING control socket: Address already in use; commands cannot ask the daemon", 5)
        wait_for_more(site, 1)
