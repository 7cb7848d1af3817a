"""The machine under test, with the installed package: what the tests do to it and ask of it.

The site is the package's own simulator. Run as a script of this directory, a test imports the installed program and not
the source beside it.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from inviseobox.simulator.background import RunningSite, running_site
from inviseobox.simulator.verdict import Loss, problems

UNIT = "inviseobox.service"
CONFIGURATION = Path("/etc/inviseobox/config.toml")
DATA = Path("/var/lib/inviseobox")
INTERVAL = 4
"""Seconds of a window."""


_SKIPPED = 77
"""The exit status of a test that cannot run here (autopkgtest's README.package-tests, restriction skippable)."""


def on_a_machine_with_systemd(test: Callable[[], None]) -> None:
    """Run a test; where systemd does not run, skip it and say so (sd_booted(3))."""
    if not Path("/run/systemd/system").is_dir():
        print("not tried: systemd is not in charge of this machine")
        sys.exit(_SKIPPED)
    test()


def run(*command: str, check: bool = True, environment: Mapping[str, str] = MappingProxyType({})) -> str:
    """Run a command and return what it printed. Raises CalledProcessError where it fails and `check` is set."""
    surroundings = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", **environment}
    done = subprocess.run(command, env=surroundings, stdout=subprocess.PIPE, text=True, check=check)
    return done.stdout


def show(name: str) -> str:
    """Return one property of the unit."""
    return run("systemctl", "show", "--value", f"--property={name}", UNIT).strip()


def state() -> str:
    """Return the unit's ActiveState."""
    return show("ActiveState")


def version() -> str:
    """Return the version of the installed package."""
    return run("dpkg-query", "--show", "--showformat=${Version}", "inviseobox")


def install(package: str) -> None:
    """Install a file or a package by name, as `apt install` takes it."""
    run("apt-get", "install", "--yes", "--no-install-recommends", "--allow-downgrades", package)


def wait_for(condition: Callable[[], bool], within: float, what: str) -> None:
    """Wait until `condition` holds, at most this many seconds. Raises AssertionError."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what}\n{run('systemctl', 'status', UNIT, check=False)}")
        time.sleep(0.1)


@contextmanager
def fresh() -> Iterator[str]:
    """Make the box as if the package had just been installed, before and after; yield the version."""
    candidate = version()
    _make_fresh(candidate)
    try:
        yield candidate
    finally:
        _make_fresh(candidate)


def _make_fresh(candidate: str) -> None:
    run("apt-get", "purge", "--yes", "inviseobox")
    run("rm", "-rf", str(DATA))
    install(f"inviseobox={candidate}")


@contextmanager
def delivering_site() -> Iterator[RunningSite]:
    """Run a simulated site that the box is configured for; yield it once the second window is delivered."""
    with running_site() as site:
        keys = f'token = "{site.token}"\nurl = "{site.url}"\ninterval = {INTERVAL}\n'
        CONFIGURATION.write_text(f"{keys}[modbus]\nperiod = 1\n[http]\nperiod = 2\n")
        run("systemctl", "restart", UNIT)
        wait_for(lambda: state() == "active", 15, "the service is active")
        wait_for_windows(site, 2)
        yield site


def wait_for_windows(site: RunningSite, more: int) -> None:
    """Wait until this many more windows with every measurement of the site have been delivered."""
    known = len(site.central.window_ends(site.served.measurements()))
    site.wait_for_windows(known + more, (more + 5) * INTERVAL, site.served.measurements())


def expect_nothing_missing(site: RunningSite, *losses: Loss) -> None:
    """Compare what the server has with what the instruments served. Raises AssertionError."""
    assert site.central.conflicts() == []
    for measurement in site.served.measurements():
        reports = [report for report in list(site.central.received) if report.measurement == measurement]
        wrong = problems(site.served.of(measurement), reports, INTERVAL, losses=losses)
        assert reports, f"no report of {measurement}"
        assert wrong == [], f"{measurement}: {wrong}"
