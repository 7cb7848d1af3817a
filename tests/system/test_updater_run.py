"""Runs of the updater on a booted machine: what does not run, and the updater itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from inviseobox.simulator.background import RunningSite, running_site
from tests.support.machine import UNIT, Machine

from .bootstrapping import Bootstrapped
from .publishing import Repository
from .service import configuration, configure, wait_for_windows, wait_until_active
from .updating import UPDATER, history, installed, publish, told, updater_run

_SETTINGS = 'window = ""\n'
"""Restarts under watch happen at any time."""
_ONCE = "will be watched once it is started"


def version_before(box: Machine) -> str:
    """Return the version to go back to."""
    return str(told(box)["good"])


@pytest.fixture(scope="session")
def updater() -> Path:
    """Return the package of the updater that `make deb` left."""
    (found,) = Path(__file__).parents[2].glob("build/deb/inviseobox-updater_*_all.deb")
    return found


@pytest.fixture
def site() -> Iterator[RunningSite]:
    with running_site() as running:
        yield running


@pytest.fixture
def box(bootstrapped: Bootstrapped, updater: Path, repository: Repository, site: RunningSite) -> Iterator[Machine]:
    """Yield a machine that delivers, with the updater, which has looked once."""
    with Machine(base=bootstrapped.machine) as machine:
        machine.install(updater)
        machine.write("/etc/inviseobox-updater/config.toml", _SETTINGS)
        machine.run("systemctl", "stop", "inviseobox-updater.timer", "inviseobox-updater-boot.timer")
        configure(machine, configuration(site))
        wait_until_active(machine)
        wait_for_windows(site, 2)
        assert updater_run(machine, "--now") == (0, "")
        yield machine


@pytest.mark.parametrize("way", ["stop", "mask"])
def test_what_does_not_run_is_replaced_and_stays_as_it_is(
    box: Machine, repository: Repository, tmp_path: Path, way: str
) -> None:
    before = box.run("systemctl", "is-enabled", UNIT, check=False).stdout
    box.run("systemctl", "stop", UNIT)
    if way == "mask":
        box.run("systemctl", "mask", UNIT)
        before = "masked\n"
    publish(repository, "9.1", tmp_path)
    status, said = updater_run(box, "--now")
    assert (status, said) == (0, f"inviseobox 9.1 was installed in place of {version_before(box)} and {_ONCE}\n")
    assert installed(box) == "9.1 ii"
    assert box.show(UNIT, "ActiveState")["ActiveState"] == "inactive"
    assert box.run("systemctl", "is-enabled", UNIT, check=False).stdout == before
    assert told(box)["phase"] == "not watched yet"
    # Only one that was seen to work takes the place of the one to go back to.
    assert told(box)["good"] == version_before(box)
    assert updater_run(box) == (0, "")


@pytest.mark.soak
def test_an_updater_that_fails_its_own_test_is_taken_back(
    box: Machine, repository: Repository, tmp_path: Path, updater: Path
) -> None:
    before = installed(box, UPDATER)
    box.write("/etc/inviseobox-updater/config.toml", 'window = "03:00-03:01"\nupdates_in_window = true\n')
    broken = {"usr/lib/inviseobox-updater/updater/run.py": b"raise SystemExit('this updater is broken')\n"}
    publish(repository, "9.1", tmp_path, updater=updater, updater_files=broken)
    status, said = updater_run(box, "--now")
    assert status == 0, said
    assert installed(box, UPDATER) == before
    assert "inviseobox-updater 9.1 was taken back: it fails its own test: this updater is broken" in said
    assert ("updater taken back", "9.1") in history(box)
    assert updater_run(box, "--now") == (0, "")
