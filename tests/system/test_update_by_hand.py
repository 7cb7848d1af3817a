"""What a person did to a box, or Debian did to its libraries: the updater takes note of it, and undoes none of it."""

from functools import partial

import pytest

from tests.support.machine import UNIT
from tests.support.waiting import wait_for

from .service import CONFIGURATION, configuration, lines_with, state, wait_until_active
from .side_by_side import Case, SideBySide
from .updated_box import INTERVAL, PROGRAM_AT, UpdatedBox
from .updating import CRASHES, installed

_HTTPX = "/usr/lib/python3/dist-packages/httpx/__init__.py"

pytestmark = pytest.mark.timeout(3600)


def _stays(commands: tuple[str, ...], box: UpdatedBox) -> None:
    """See that a service that does not run is left so, and is watched once somebody starts it."""
    machine = box.machine
    for command in commands:
        machine.run("systemctl", *command.split(), UNIT)
    before = machine.show(UNIT, "ActiveState", "UnitFileState", "InvocationID")
    box.note_sealed()
    box.publish("9.1")
    assert box.look() == 0, box.said()
    assert box.versions() == "9.1 ii"
    assert box.told()["phase"] == "not watched yet"
    assert machine.show(UNIT, "ActiveState", "UnitFileState", "InvocationID") == before
    machine.run("systemctl", "unmask", UNIT)
    machine.run("systemctl", "start", UNIT)
    wait_until_active(machine, 120)
    assert box.look() == 0, box.said()
    assert box.history("passed") == box.history("good") == ["9.1"]
    box.lost_nothing()


def _stays_without_configuration(box: UpdatedBox) -> None:
    machine = box.machine
    machine.run("systemctl", "stop", UNIT)
    machine.run("rm", str(CONFIGURATION))
    box.publish("9.1")
    assert box.look() == 0, box.said()
    assert box.versions() == "9.1 ii"
    assert state(machine) == "inactive"
    assert box.told()["phase"] == "not watched yet"
    machine.write(str(CONFIGURATION), configuration(box.site, interval=str(INTERVAL)))
    machine.run("systemctl", "start", UNIT)
    wait_until_active(machine, 120)
    assert box.look() == 0, box.said()
    assert box.history("good") == ["9.1"]


def _stays_removed(box: UpdatedBox) -> None:
    box.machine.run("dpkg", "--remove", "inviseobox")
    box.publish("9.1")
    assert box.look() == 0, box.said()
    assert box.versions().endswith("rc")
    assert "inviseobox is not installed: there is nothing to look after" in box.said()


def _is_judged(box: UpdatedBox) -> None:
    """See that a bad version that somebody installed is taken back, and that the next one passes."""
    box.publish("9.1", {PROGRAM_AT + "daemon.py": next(iter(CRASHES.values()))})
    _upgrade(box)
    assert box.look() == 1, box.said()
    assert box.versions() == box.before
    assert "inviseobox 9.1 was installed by hand in place of" in box.said()
    box.publish("9.2")
    _upgrade(box)
    assert box.versions() == "9.2 ii"
    assert box.look() == 0, box.said()
    assert box.history("good") == ["9.2"]
    box.lost_nothing()


def _is_watched_in_its_place(box: UpdatedBox) -> None:
    """See that a version that somebody installs while another one is watched is not undone, and watched itself."""
    box.publish("9.1")
    box.begin_to_look()
    box.publish("9.2")
    _upgrade(box)
    assert box.end_of_look() == 0, box.said()
    assert box.versions() == "9.2 ii"
    assert "inviseobox 9.2 was installed by hand in place of 9.1" in box.said()
    assert box.history("passed") == box.history("good") == ["9.2"]
    box.lost_nothing()


def _stays_masked(box: UpdatedBox) -> None:
    """See that what was masked while it ran, and then hears of its watchdog, is replaced and not started."""
    box.note_sealed()
    box.machine.run("systemctl", "mask", UNIT)
    wait_for(lambda: state(box.machine) == "failed", 120, "systemd misses the sign of life of what is masked")
    for version in ("9.1", "9.2"):
        box.publish(version)
        assert box.look() == 0, box.said()
        assert box.versions() == f"{version} ii"
        assert state(box.machine) == "failed"
    box.machine.run("systemctl", "unmask", UNIT)
    box.machine.run("systemctl", "start", UNIT)
    assert box.look() == 0, box.said()
    assert box.history("passed") == box.history("good") == ["9.2"]
    box.lost_nothing()


def _is_taken_beside(box: UpdatedBox) -> None:
    """See that a package of others that cannot be installed keeps no version of ours away."""
    machine, tree = box.machine, "/root/broken/DEBIAN"
    control = "Package: broken\nVersion: 1\nArchitecture: all\nMaintainer: nobody <a@example.org>\nDescription: none\n"
    machine.run("mkdir", "--parents", tree)
    machine.write(f"{tree}/control", control)
    machine.write(f"{tree}/postinst", "#!/bin/sh\nexit 1\n", 0o755)
    machine.run("dpkg-deb", "--build", "/root/broken", "/root/broken.deb")
    machine.run("apt-get", "install", "--yes", "/root/broken.deb", check=False, timeout=300)
    assert installed(machine, "broken") == "1 iF"
    box.publish("9.1")
    assert box.look() == 0, box.said()
    assert "could not be repaired" in box.told()["trouble"]["reason"]
    assert box.versions() == "9.1 ii"
    assert box.history("good") == ["9.1"]
    box.lost_nothing()


def _is_restarted_where_nothing_may_be(box: UpdatedBox) -> None:
    """See that a process of the version before is replaced, though the policy forbids packages to restart it."""
    box.machine.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
    process = box.machine.main_pid(UNIT)
    box.publish("9.1")
    _upgrade(box)
    assert box.machine.main_pid(UNIT) == process
    assert box.look() == 0, box.said()
    assert box.machine.main_pid(UNIT) != process
    assert box.history("good") == ["9.1"]
    box.lost_nothing()


def _upgrade(box: UpdatedBox) -> None:
    box.machine.run("apt-get", "update", timeout=300)
    box.machine.run("apt-get", "install", "--yes", "inviseobox", timeout=500)


def _renewed_library(box: UpdatedBox) -> None:
    process = box.machine.main_pid(UNIT)
    _renew_httpx(box, "999", "")
    assert box.look() == 0, box.said()
    assert box.machine.main_pid(UNIT) != process
    assert box.told()["trouble"] is None
    assert "python3-httpx" in box.machine.run("inviseobox-updater", "history").stdout
    # Once is enough.
    process = box.machine.main_pid(UNIT)
    assert box.look() == 0, box.said()
    assert box.machine.main_pid(UNIT) == process
    box.lost_nothing()


def _breaking_library(box: UpdatedBox) -> None:
    box.note_sealed()
    _renew_httpx(box, "999", "raise SystemExit('this library is broken')\n")
    assert box.look() == 0, box.said()
    trouble = box.told()["trouble"]
    assert trouble["kind"] == "library"
    assert "python3-httpx" in trouble["reason"]
    assert "999" in trouble["reason"]
    assert "it was restarted 3 times" in trouble["reason"]
    assert box.versions() == box.before
    assert box.told()["bad"] == {}
    assert lines_with(box.machine, "python3-httpx", "999")
    # Nothing of ours would help, so it is said once, until Debian mends it.
    assert box.look() == 0, box.said()
    assert len(box.history("library")) == 1
    _renew_httpx(box, "1000", "")
    wait_until_active(box.machine, 120)
    assert box.look() == 0, box.said()
    assert box.told()["trouble"] is None
    box.lost_nothing()


def _renew_httpx(box: UpdatedBox, version: str, begin: str) -> None:
    """Install a later python3-httpx whose module begins with `begin`, as apt would of a security update."""
    machine = box.machine
    if not machine.exists("/root/httpx.deb"):
        machine.run("apt-get", "download", "python3-httpx", timeout=300)
        machine.run("sh", "-c", "mv python3-httpx_*.deb /root/httpx.deb")
    machine.run("dpkg-deb", "--raw-extract", "/root/httpx.deb", "/root/httpx")
    machine.run("sed", "-i", f"s/^Version:.*/Version: {version}/", "/root/httpx/DEBIAN/control")
    if begin:
        machine.write(f"/root/httpx{_HTTPX}", begin)
    machine.run("dpkg-deb", "--build", "/root/httpx", "/root/renewed.deb")
    machine.run("dpkg", "--install", "/root/renewed.deb", timeout=300)
    machine.run("rm", "-r", "/root/httpx")


CASES: dict[str, Case] = {
    "stopped": partial(_stays, ("stop",)),
    "disabled": partial(_stays, ("stop", "disable")),
    "masked": partial(_stays, ("stop", "mask")),
    "not configured": _stays_without_configuration,
    "removed": _stays_removed,
    "upgraded by hand": _is_judged,
    "upgraded by hand in the midst": _is_watched_in_its_place,
    "masked while it runs": _stays_masked,
    "a broken package of others": _is_taken_beside,
    "a policy against restarts": _is_restarted_where_nothing_may_be,
    "a renewed library": _renewed_library,
    "a library that breaks it": _breaking_library,
}


@pytest.mark.parametrize("case", CASES)
def test_what_others_did_is_respected_and_watched(cases: SideBySide, case: str) -> None:
    cases.result(case)
