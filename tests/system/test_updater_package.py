"""The package inviseobox-updater and its scripts: what they leave, mend, and keep their hands off."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.machine import UNIT, Machine
from tests.support.other_version import version_of, with_files, with_version
from tests.support.waiting import wait_for

from .power_cuts import STATE
from .service import CONFIGURATION

_UPDATER = "usr/lib/inviseobox-updater/updater/cli.py"
_REPAIR = "/usr/lib/inviseobox-updater/repair.sh"
_RESCUE = "inviseobox-updater-rescue.service"
_RESCUE_SCRIPT = "/usr/lib/inviseobox/rescue-updater.sh"
_RESCUE_PIN = "/etc/apt/preferences.d/inviseobox-updater-rescue"
_REPAIRED = "c5a7bff6df1c4a348a7f093145cc4bc0"
_UPDATER_BACK = "8d12ad5acc0746398e054e0024bd9659"
_CONFIGURATION = f'token = "{"a1" * 32}"\nurl = "http://127.0.0.1:9/api"\n'


@pytest.fixture(scope="module")
def updater(package: Path) -> Path:
    """Return the file of inviseobox-updater that was built with the package under test."""
    (found,) = package.parent.glob("inviseobox-updater_*_all.deb")
    return found


@pytest.fixture(scope="module")
def with_updater(installed: Machine, updater: Path) -> Iterator[Machine]:
    """Yield a machine with the updater, which has run once, shut down; only the test starts it again."""
    with Machine(base=installed) as machine:
        machine.install(updater)
        machine.run("systemctl", "disable", "--now", "inviseobox-updater.timer", "inviseobox-updater-boot.timer")
        machine.run("systemctl", "disable", "--now", "inviseobox-updater-rescue.timer")
        machine.run("systemctl", "stop", "inviseobox-updater.service")
        machine.write(str(CONFIGURATION), _CONFIGURATION)
        machine.run("inviseobox-updater", "run", check=False, timeout=300)
        machine.shut_down()
        yield machine


@pytest.fixture
def watched(with_updater: Machine) -> Iterator[Machine]:
    """Yield a machine with the updater."""
    with Machine(base=with_updater) as machine:
        yield machine


def status(box: Machine, package: str) -> str:
    """Return state and version of a package, as dpkg-query tells them."""
    wanted = "--showformat=${db:Status-Abbrev}${Version}"
    return box.run("dpkg-query", "--show", wanted, package, check=False).stdout


def events(box: Machine, event: str) -> list[str]:
    """Return the lines of an event that the journal shows for the service."""
    return [str(entry["MESSAGE"]) for entry in box.journal(UNIT, MESSAGE_ID=event)]


def test_its_units_wait_for_their_hour_and_nothing_is_compiled(watched: Machine) -> None:
    box = watched
    for unit in ("inviseobox-updater.timer", "inviseobox-updater-boot.timer", "inviseobox-updater-rescue.timer"):
        box.run("systemctl", "enable", "--now", unit)
        assert box.show(unit, "ActiveState")["ActiveState"] == "active"
    assert box.run("systemctl", "is-enabled", "inviseobox-updater-repair.service").stdout == "enabled\n"
    box.run("inviseobox-updater", "self-test")
    box.run("inviseobox-updater", "history")
    assert box.run("find", "/usr/lib/inviseobox-updater", "-name", "*.pyc").stdout == ""
    assert box.run("stat", "--format=%a %U", STATE).stdout == "700 root\n"
    units = ("inviseobox-updater.service", "inviseobox-updater-repair.service", _RESCUE)
    said = box.run("systemd-analyze", "verify", "--man=no", *units)
    assert "inviseobox-updater" not in said.stdout + said.stderr


def test_apt_keeps_what_it_installs_until_it_has_ended(watched: Machine, package: Path, tmp_path: Path) -> None:
    box = watched
    newer = with_version(package, f"{version_of(package)}+by.hand", tmp_path)
    # What the maintainer's script of a package sees is what a power cut would leave.
    box.write("/etc/dpkg/dpkg.cfg.d/look", f'pre-invoke="ls {STATE}/transaction >>/root/seen"\n')
    box.install(newer)
    assert newer.name in box.read("/root/seen")
    assert not box.exists(f"{STATE}/transaction")
    assert newer.name in box.run("ls", f"{STATE}/packages").stdout


def test_apt_goes_on_whatever_becomes_of_the_hook(watched: Machine, package: Path, tmp_path: Path) -> None:
    box = watched
    box.run("rm", "-r", STATE)
    box.write(STATE, "no directory\n")
    first = with_version(package, f"{version_of(package)}+1", tmp_path)
    box.install(first)
    assert status(box, "inviseobox") == f"ii {version_of(first)}"
    box.run("rm", "/usr/lib/inviseobox-updater/keep-packages.sh")
    (tmp_path / "again").mkdir()
    second = with_version(package, f"{version_of(package)}+2", tmp_path / "again")
    box.install(second)
    assert status(box, "inviseobox") == f"ii {version_of(second)}"


def test_a_removal_takes_its_pins_and_a_purge_all_that_it_made(watched: Machine) -> None:
    box = watched
    for pin in ("/etc/apt/preferences.d/inviseobox-updater", _RESCUE_PIN):
        box.write(pin, "Package: inviseobox\nPin: version 9\nPin-Priority: -1\n")
    box.run("dpkg", "--remove", "inviseobox-updater")
    assert box.run("ls", "/etc/apt/preferences.d").stdout == ""
    assert not box.exists("/etc/apt/apt.conf.d/60inviseobox-updater")
    assert box.exists(f"{STATE}/good/inviseobox.deb")
    # Somebody removed it: that is no fault to mend.
    box.run("systemctl", "start", _RESCUE)
    assert status(box, "inviseobox-updater").startswith("rc ")
    box.run("dpkg", "--purge", "inviseobox-updater")
    assert not box.exists(STATE)
    assert not box.exists("/etc/inviseobox-updater")
    left = box.run("find", "/usr/lib", "/etc", "/usr/share", "-name", "*inviseobox-updater*").stdout.splitlines()
    assert sorted(left) == [
        f"/usr/lib/systemd/system/inviseobox-updater-rescue.{kind}" for kind in ("service", "timer")
    ]


def test_an_updater_that_does_not_start_is_replaced_by_the_good_one(
    watched: Machine, updater: Path, tmp_path: Path
) -> None:
    box, old = watched, version_of(updater)
    bad = with_files(updater, f"{old}+bad", tmp_path, {_UPDATER: b"raise SystemExit(3)\n"})
    box.put(bad, "/root")
    box.run("dpkg", "--install", f"/root/{bad.name}")
    box.run("systemctl", "start", _RESCUE)
    assert status(box, "inviseobox-updater") == f"ii {old}"
    assert f"Pin: version {old}+bad\nPin-Priority: -1\n" in box.read(_RESCUE_PIN)
    (line,) = events(box, _UPDATER_BACK)
    assert line == f"inviseobox-updater {old}+bad was taken back to {old}: it does not start"
    # Once a newer one works, apt need not be told any more.
    (tmp_path / "good").mkdir()
    good = with_files(updater, f"{old}+good", tmp_path / "good", {})
    box.put(good, "/root")
    box.run("dpkg", "--install", f"/root/{good.name}")
    box.run("inviseobox-updater", "run", check=False, timeout=300)
    box.run("systemctl", "start", _RESCUE)
    assert not box.exists(_RESCUE_PIN)
    assert status(box, "inviseobox-updater") == f"ii {old}+good"


def test_a_run_that_fails_calls_the_rescue(watched: Machine, updater: Path, tmp_path: Path) -> None:
    box, old = watched, version_of(updater)
    bad = with_files(updater, f"{old}+bad", tmp_path, {_UPDATER: b"raise SystemExit(3)\n"})
    box.put(bad, "/root")
    box.run("dpkg", "--install", f"/root/{bad.name}")
    box.run("systemctl", "start", "inviseobox-updater.service", check=False)
    wait_for(lambda: status(box, "inviseobox-updater") == f"ii {old}", 60, "the good one is back")


def test_an_updater_that_ends_no_run_is_replaced_after_three_looks(
    watched: Machine, updater: Path, tmp_path: Path
) -> None:
    box, old = watched, version_of(updater)
    # Its test is passed, and nothing else works.
    source = subprocess.run(["dpkg-deb", "--fsys-tarfile", updater], capture_output=True, check=True).stdout
    text = subprocess.run(["tar", "-xO", f"./{_UPDATER}"], input=source, capture_output=True, check=True).stdout
    broken = text.replace(b"def _run(", b"def _never(").replace(b'"run": _run', b'"run": lambda *_: 1')
    bad = with_files(updater, f"{old}+bad", tmp_path, {_UPDATER: broken})
    box.put(bad, "/root")
    box.run("dpkg", "--install", f"/root/{bad.name}")
    for _ in range(4):
        # Nobody starts it.
        box.run("systemctl", "start", _RESCUE)
    box.run("systemctl", "start", "inviseobox-updater.timer")
    for _ in range(2):
        box.run("systemctl", "start", _RESCUE)
        assert status(box, "inviseobox-updater") == f"ii {old}+bad"
    box.run("systemctl", "start", _RESCUE)
    assert status(box, "inviseobox-updater") == f"ii {old}"


def test_an_updater_whose_prerm_hangs_is_replaced(watched: Machine, updater: Path, tmp_path: Path) -> None:
    box, old = watched, version_of(updater)
    files = {_UPDATER: b"raise SystemExit(3)\n", "DEBIAN/prerm": b"#!/bin/sh\nsleep 1000\n"}
    bad = with_files(updater, f"{old}+bad", tmp_path, files)
    box.put(bad, "/root")
    box.run("dpkg", "--install", f"/root/{bad.name}")
    box.run("sed", "-i", "s/--kill-after=10 300 dpkg/--kill-after=10 5 dpkg/", _RESCUE_SCRIPT)
    box.run("systemctl", "start", _RESCUE)
    assert status(box, "inviseobox-updater") == f"ii {old}"


def test_a_wrong_configuration_is_no_fault_of_the_updater(watched: Machine, updater: Path, tmp_path: Path) -> None:
    box, newer = watched, f"{version_of(updater)}+newer"
    box.put(with_files(updater, newer, tmp_path, {}), "/root")
    box.run("dpkg", "--install", f"/root/{updater.name.replace(version_of(updater), newer)}")
    box.write("/etc/inviseobox-updater/config.toml", "perjod = 3600\n")
    assert box.run("inviseobox-updater", "self-test", check=False).returncode == 78
    for _ in range(4):
        box.run("systemctl", "start", _RESCUE)
    assert status(box, "inviseobox-updater") == f"ii {newer}"
    assert events(box, _UPDATER_BACK) == []


def test_a_working_updater_is_left_alone(watched: Machine, updater: Path) -> None:
    box = watched
    for _ in range(4):
        box.run("systemctl", "start", _RESCUE)
    assert status(box, "inviseobox-updater") == f"ii {version_of(updater)}"
    assert events(box, _UPDATER_BACK) == []


def test_a_change_whose_script_never_ends_goes_back_to_the_good_version(
    watched: Machine, package: Path, tmp_path: Path
) -> None:
    box, old = watched, version_of(package)
    box.run("sed", "-i", "s/^deadline=300$/deadline=5/", _REPAIR)
    newer = with_version(package, f"{old}+hangs", tmp_path)
    box.put(newer, "/root")
    box.run("dpkg-deb", "--raw-extract", f"/root/{newer.name}", "/root/tree")
    box.write("/root/tree/DEBIAN/postinst", "#!/bin/sh\nsleep 1000\n", 0o755)
    box.run("mkdir", f"{STATE}/transaction")
    box.run("dpkg-deb", "--build", "/root/tree", f"{STATE}/transaction/{newer.name}")
    box.run(_REPAIR, timeout=120)
    assert status(box, "inviseobox") == f"ii {old}"
    assert not box.exists(f"{STATE}/transaction")
    commands = box.run("sh", "-c", "cat /proc/[0-9]*/cmdline 2>/dev/null", check=False).stdout
    assert "sleep\0001000\000" not in commands
    (line,) = events(box, _REPAIRED)
    assert line == f"a change of packages was interrupted and is repaired: inviseobox {old} is installed"


@pytest.mark.parametrize("script", ["prerm", "postrm"])
def test_a_version_whose_script_never_ends_is_replaced(
    watched: Machine, package: Path, tmp_path: Path, script: str
) -> None:
    box, old = watched, version_of(package)
    box.run("sed", "-i", "s/^deadline=300$/deadline=5/", _REPAIR)
    bad = with_files(package, f"{old}+hangs", tmp_path, {f"DEBIAN/{script}": b"#!/bin/sh\nsleep 1000\n"})
    box.put(bad, "/root")
    box.run("dpkg", "--install", f"/root/{bad.name}")
    box.run("mkdir", f"{STATE}/transaction")
    box.run("cp", f"{STATE}/good/inviseobox.deb", f"{STATE}/transaction/inviseobox_{old}_all.deb")
    box.run(_REPAIR, timeout=120)
    assert status(box, "inviseobox") == f"ii {old}"
    assert not box.exists(f"{STATE}/transaction")


def test_files_that_are_cut_off_are_not_tried(watched: Machine, package: Path) -> None:
    box, old = watched, version_of(package)
    box.run("mkdir", f"{STATE}/transaction")
    box.run("sh", "-c", f"head -c 50000 {STATE}/good/inviseobox.deb >{STATE}/transaction/inviseobox_9_all.deb")
    _note_state(box, "install reinstreq half-installed")
    assert status(box, "inviseobox").startswith("iHR")
    box.run(_REPAIR, timeout=120)
    assert status(box, "inviseobox") == f"ii {old}"


@pytest.mark.parametrize("flag", ["ok", "reinstreq"])
def test_a_removal_that_was_cut_off_is_ended(watched: Machine, flag: str) -> None:
    box = watched
    _note_state(box, f"deinstall {flag} half-installed")
    box.run(_REPAIR, timeout=120)
    assert status(box, "inviseobox").startswith("rc ")
    assert not box.exists("/usr/bin/inviseobox")


def _note_state(box: Machine, state: str) -> None:
    """Let dpkg's database say that the program is in this state."""
    lines = f"/^Package: inviseobox$/,/^Status/s/^Status: .*/Status: {state}/"
    box.run("sed", "-i", lines, "/var/lib/dpkg/status")


def test_the_repair_has_nothing_to_say_where_all_is_whole(watched: Machine) -> None:
    assert watched.run(_REPAIR).stdout == ""
    assert watched.run(_REPAIR, "boot").stdout == ""
    assert events(watched, _REPAIRED) == []


def test_the_repair_keeps_away_from_somebody_who_is_changing_packages(watched: Machine) -> None:
    box = watched
    box.run("mkdir", f"{STATE}/transaction")
    box.run("cp", f"{STATE}/good/inviseobox.deb", f"{STATE}/transaction/inviseobox_1_all.deb")
    box.run("sed", "-i", "s/^patience=600$/patience=0/", _REPAIR)
    done = _while_somebody_installs(box, _REPAIR)
    assert (done.returncode, done.stdout) == (75, "somebody else is changing packages: nothing is repaired\n")
    assert box.exists(f"{STATE}/transaction")


def test_the_rescue_keeps_away_from_somebody_who_is_changing_packages(watched: Machine, updater: Path) -> None:
    box = watched
    box.run("sed", "-i", "s/^patience=300$/patience=0/", _RESCUE_SCRIPT)
    # As while it is being unpacked.
    box.run("mv", f"/{_UPDATER}", "/root/cli.py")
    done = _while_somebody_installs(box, _RESCUE_SCRIPT)
    assert (done.returncode, done.stdout) == (75, "somebody else is changing packages: nothing is brought back\n")
    box.run("mv", "/root/cli.py", f"/{_UPDATER}")
    box.run(_RESCUE_SCRIPT)
    assert status(box, "inviseobox-updater") == f"ii {version_of(updater)}"
    assert events(box, _UPDATER_BACK) == []


def _while_somebody_installs(box: Machine, command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command while another program holds the lock of dpkg, as apt does."""
    hold = (
        "import fcntl, subprocess, sys\n"
        "file = open('/var/lib/dpkg/lock-frontend', 'a')\n"
        "fcntl.lockf(file, fcntl.LOCK_EX)\n"
        f"sys.exit(subprocess.run(['{command}']).returncode)\n"
    )
    return box.run("python3", "-c", hold, check=False)
