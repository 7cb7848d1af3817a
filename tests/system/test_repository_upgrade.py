"""From a published version to a box that runs it, while it works."""

from inviseobox.simulator.background import running_site
from tests.support.judging import faults
from tests.support.machine import UNIT, Machine
from tests.support.other_version import version_of

from .bootstrapping import UPGRADE, Bootstrapped, complaints, version_on
from .publishing import Repository
from .service import INTERVAL, configuration, configure, state, stops, wait_for_windows, wait_until_active


def test_apt_upgrade_brings_what_was_promoted_and_no_window_is_lost(
    bootstrapped: Bootstrapped, repository: Repository
) -> None:
    ours, newer = version_of(repository.package), f"{version_of(repository.package)}+later"
    with running_site() as site, Machine(base=bootstrapped.machine) as box:
        configure(box, configuration(site))
        wait_until_active(box)
        wait_for_windows(site, 1)

        repository.publish(newer)
        box.run("apt-get", "update", timeout=120)
        assert "Inst inviseobox" not in box.run(*UPGRADE, "--simulate").stdout
        assert version_on(box) == ours

        repository.run("promote")
        updated = box.run("apt-get", "update", timeout=120)
        assert complaints(updated.stdout + updated.stderr) == []
        box.run(*UPGRADE, timeout=400)
        assert version_on(box) == version_on(box, "inviseobox-archive-keyring") == newer
        wait_until_active(box)
        assert box.run("inviseobox", "--version").stdout.split()[-1] == newer
        whole = site.central.window_ends(site.served.measurements())
        wait_for_windows(site, len(whole) + 2)
        assert state(box) == "active"
        assert box.show(UNIT, "NRestarts")["NRestarts"] == "0"
        assert faults(site, INTERVAL, stops(box)) == []
