"""The box starts where there is no way to the server."""

import time

import pytest

from inviseobox.simulator.background import running_site
from tests.support.daemons import Place
from tests.support.ports import deaf

from .sizes import measured

_WITHIN = 5.0


@pytest.mark.parametrize("uplink", ["refused", "silent", "no name"])
def test_meters_are_read_at_once_without_an_uplink(box: Place, uplink: str) -> None:
    with running_site() as site, deaf() as silent:
        box.configure(site.token, site.url, 2)
        with box.daemon() as daemon:
            site.wait_for_windows(1, 15, site.served.measurements())
            daemon.stop()
        site.run(site.central.http.listener.stop())
        url = {
            "refused": site.url,
            "silent": f"http://127.0.0.1:{silent}/api",
            "no name": "http://no-such-host.invalid/api",
        }[uplink]
        box.configure(site.token, url, 2)
        began = time.time()
        with box.daemon() as daemon:
            site.wait_until(
                lambda: all(site.served.of(one)[-1].at > began for one in site.served.measurements()), _WITHIN
            )
            measured(f"uplink {uplink}: every measurement read {time.time() - began:.1f} s after the start")
            daemon.log.wait_for("closed, 15 values to deliver", 10)
            daemon.stop()
            assert daemon.process.returncode == 0
