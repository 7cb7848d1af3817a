"""Nothing is imported once the daemon works: its libraries may be others by then."""

import re

from inviseobox.simulator.background import running_site
from inviseobox.simulator.central_server import Outcome
from inviseobox.simulator.http_server import Response
from tests.support.daemons import Daemon, Place

from .daemon_sites import INTERVAL, WITHIN, at_work, wait_for_more


def late_imports(daemon: Daemon) -> set[str]:
    """Return the modules that were imported after the start, of which Python tells when it is asked to."""
    lines = iter(daemon.log.all)
    assert any("started, version" in line for line in lines)
    return {found[1] for line in lines if (found := re.match(r"import '([\w.]+)'", line))}


def test_nothing_is_imported_after_the_start(box: Place) -> None:
    with running_site(interval=INTERVAL) as site, at_work(box, site, PYTHONVERBOSE="1") as daemon:
        wait_for_more(site, 1)
        site.central.script("fields", lambda request: Outcome(Response(503, {}, b"")))
        daemon.log.wait_for("WARNING server", WITHIN)
        site.central.script("fields", None)
        daemon.log.wait_for("server: answers again", WITHIN)
        wait_for_more(site, 1)
        daemon.stop()
        assert late_imports(daemon) == set()
