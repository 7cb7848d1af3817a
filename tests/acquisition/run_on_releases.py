"""The tests of reading on every Debian release that the package is for, with the libraries of each.

    python3 -m tests.acquisition.run_on_releases [--reports FOLDER] [RELEASE…] [-- ARGUMENT-OF-PYTEST…]

As root, from the checkout, after `make deb`. Each release is a machine (see `tests.support.machine`) on which the
package under test is installed; the tests are those of the checkout. FOLDER/acquisition-RELEASE.xml is pytest's report,
the .log beside it what it printed. Exit status 0 only if all passed on each release.
"""

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.machine import Machine
from tests.support.roots import RELEASES
from tests.support.soak import SOAK

CHECKOUT = Path(__file__).parents[2]
SUITES = ("tests/acquisition", "tests/unit/acquisition")
WHOLE = "trixie"
"""The release on which all of them run."""
OF_NO_LIBRARY = tuple(
    f"tests/acquisition/test_{name}.py" for name in ("days_of_flapping", "odd_units", "slow_pages", "a_week_of_hanging")
)
"""Hours and days of rounds, in which what is decided is ours; on the other releases they run with $INVISEOBOX_SOAK."""
_TOOLS = ("python3-pytest", "python3-pytest-timeout", "python3-hypothesis", "openssl")
_PLACE = "/srv/checkout"
_REPORT = "/run/report.xml"
_LIMIT = 900.0
"""Seconds for the tests of one release."""
_AT_ONCE = 2
"""Machines side by side: their tests work more than they wait."""
_PASSED_ON = ("INVISEOBOX_RUBBISH",)


def run_on(release: str, package: Path, reports: Path, more: list[str]) -> bool:
    """Run the tests on `release`, leave its report in `reports`, and say whether all passed."""
    began = time.monotonic()
    name = f"acquisition-{release}"
    # The package itself is not bound: the tests must meet the one that apt installed.
    binds = {f"{_PLACE}/tests": CHECKOUT / "tests", f"{_PLACE}/pyproject.toml": CHECKOUT / "pyproject.toml"}
    with Machine(release) as installed:
        # What the package needs it must depend on.
        installed.write("/etc/apt/apt.conf.d/10recommends", 'APT::Install-Recommends "false";\n')
        installed.install(package, *_TOOLS)
        installed.shut_down()
        ready = time.monotonic()
        # With a loopback of its own: no port of another machine's tests is in the way, and no name server is asked.
        with Machine(base=installed, network="own", binds=binds) as box:
            settings = [f"{key}={os.environ[key]}" for key in _PASSED_ON if key in os.environ]
            settings += ["PYTHONDONTWRITEBYTECODE=1", "HYPOTHESIS_STORAGE_DIRECTORY=/run/hypothesis"]
            pytest = ["/usr/bin/python3", "-m", "pytest", "-q", "-o", "cache_dir=/run/pytest", f"--junitxml={_REPORT}"]
            left_out = [f"--ignore={name}" for name in OF_NO_LIBRARY if release != WHOLE and not SOAK]
            command = ["env", f"--chdir={_PLACE}", *settings, *pytest, *left_out, *more, *SUITES]
            done = box.run(*command, check=False, timeout=_LIMIT)
            (reports / f"{name}.log").write_text(done.stdout + done.stderr)
            if box.exists(_REPORT):
                (reports / f"{name}.xml").write_text(box.read(_REPORT))
    ended = time.monotonic()
    if done.returncode:
        print(done.stdout + done.stderr)
    summary = done.stdout.rstrip().rpartition("\n")[2].strip("= ")
    print(f"{release}: {summary} (installed in {ready - began:.0f} s, ran in {ended - ready:.0f} s)", flush=True)
    return done.returncode == 0


def main() -> int:
    """Run on all releases, or on those that are named; return the exit status."""
    ours, more = sys.argv[1:], []
    if "--" in ours:
        ours, more = ours[: ours.index("--")], ours[ours.index("--") + 1 :]
    parser = argparse.ArgumentParser(description="Run the tests of reading on Debian releases.")
    parser.add_argument("releases", nargs="*", default=list(RELEASES), metavar="RELEASE")
    parser.add_argument("--reports", type=Path, default=CHECKOUT / "build", metavar="FOLDER")
    parser.add_argument("--package", type=Path, metavar="FILE", help="default: the one that `make deb` left")
    arguments = parser.parse_args(ours)
    built = [arguments.package] if arguments.package else list(CHECKOUT.glob("build/deb/inviseobox_*_all.deb"))
    if len(built) != 1:
        print(f"one package to test is needed, found {len(built)}; run: make deb", file=sys.stderr)
        return 1
    if os.geteuid() != 0:
        print("machines of their own take root; run: sudo make acquisition", file=sys.stderr)
        return 1
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        results = list(pool.map(lambda release: run_on(release, built[0], arguments.reports, more), arguments.releases))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
