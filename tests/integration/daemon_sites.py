"""The daemon at work on a simulated site."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from inviseobox.simulator.background import RunningSite
from inviseobox.simulator.verdict import Loss
from tests.support.daemons import Daemon, Place

INTERVAL = 2
"""Seconds of a window in these tests."""
WITHIN = 15.0


@contextmanager
def at_work(box: Place, site: RunningSite, **environment: str) -> Iterator[Daemon]:
    box.configure(site.token, site.url, INTERVAL)
    with box.daemon(**environment) as daemon:
        yield daemon


def in_flight() -> Loss:
    """Return the span of what may be on the wire at this moment: served, but not yet read."""
    now = time.time()
    return Loss(now - 0.1, now + 0.4)


def wait_for_more(site: RunningSite, windows: int) -> None:
    """Wait for that many more windows with every measurement."""
    have = len(site.central.window_ends(site.served.measurements()))
    site.wait_for_windows(have + windows, WITHIN + windows * INTERVAL, site.served.measurements())
