"""The daemon at work on a simulated site."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from inviseobox.simulator import verdict
from inviseobox.simulator.background import RunningSite
from inviseobox.simulator.verdict import Loss

from .daemons import Daemon, Place

INTERVAL = 2


WITHIN = 15.0


@contextmanager
def at_work(box: Place, site: RunningSite, **environment: str) -> Iterator[Daemon]:
    box.configure(site.token, site.url, INTERVAL)
    with box.daemon(**environment) as daemon:
        yield daemon


def faults(site: RunningSite, losses: tuple[Loss, ...] = ()) -> list[str]:
    """All that is wrong with what the server has, by what the instruments served."""
    found = [*site.central.violations, *(f"conflict: {pair}" for pair in site.central.conflicts())]
    for measurement in site.served.measurements():
        reports = [field for field in tuple(site.central.received) if field.measurement == measurement]
        if reports:
            found += [
                f"{measurement}: {problem}"
                for problem in verdict.problems(site.served.of(measurement), reports, INTERVAL, losses=losses)
            ]
    return found


def in_flight() -> Loss:
    """What may be on the wire at this moment: served, but not yet read."""
    now = time.time()
    return Loss(now - 0.1, now + 0.4)


def wait_for_more(site: RunningSite, windows: int) -> None:
    """Wait for that many more windows with every measurement."""
    have = len(site.central.window_ends(site.served.measurements()))
    site.wait_for_windows(have + windows, WITHIN + windows * INTERVAL, site.served.measurements())


@contextmanager
def deaf() -> Iterator[int]:
    """A port at which connections are accepted and nothing is ever answered."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]
