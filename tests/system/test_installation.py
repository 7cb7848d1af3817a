"""What apt does to a machine: installed, not yet configured, purged."""

from pathlib import Path

from inviseobox.simulator.background import running_site

from .machine import UNIT, Machine
from .service import (
    CONFIGURATION,
    configuration,
    configure,
    lines_with,
    state,
    wait_for_windows,
    wait_until_active,
)


def test_a_fresh_installation_waits_for_its_configuration_and_says_so(package: Path) -> None:
    with Machine("trixie") as box:
        box.install(package)
        unit = box.show(UNIT, "ActiveState", "UnitFileState", "ConditionResult", "NRestarts")
        assert (unit["ActiveState"], unit["UnitFileState"], unit["NRestarts"]) == ("inactive", "enabled", "0")
        assert len(lines_with(box, CONFIGURATION, "token", "url")) == 1
        status = box.run("systemctl", "status", UNIT, check=False).stdout
        assert any(str(CONFIGURATION) in line and "token" in line and "url" in line for line in status.splitlines())
        assert box.run("systemctl", "is-system-running").stdout.strip() == "running"
        # The token is a secret, the program reads it and does not write it.
        assert box.run("stat", "-c", "%a %U %G", str(CONFIGURATION)).stdout.split() == [
            "640",
            "root",
            "inviseobox",
        ]


def test_it_starts_by_itself_at_boot_once_it_is_configured(box: Machine) -> None:
    with running_site() as site:
        box.write(str(CONFIGURATION), configuration(site))
        box.shut_down()
        box.boot()
        wait_until_active(box)
        wait_for_windows(site, 1)


def test_purge_takes_the_service_and_its_secrets_and_leaves_the_readings(box: Machine) -> None:
    with running_site() as site:
        configure(box, configuration(site))
        wait_until_active(box)
        wait_for_windows(site, 1)
        box.run("apt-get", "purge", "--yes", "inviseobox")
    assert state(box) == "inactive"
    assert box.show(UNIT, "LoadState") == {"LoadState": "not-found"}
    assert "inviseobox" not in box.run("systemctl", "list-unit-files", "--no-legend").stdout
    assert box.run("find", "/etc", "/usr/lib", "/run", "-name", "*inviseobox*").stdout == ""
    assert box.exists("/var/lib/inviseobox/data.db")
    assert box.run("systemctl", "is-system-running").stdout.strip() == "running"
