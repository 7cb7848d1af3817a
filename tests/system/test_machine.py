"""The machines that the other system tests rely on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.archives import INSIDE
from tests.support.keeper import control_groups
from tests.support.machine import CommandError, Machine
from tests.support.waiting import wait_for

_INTERRUPTED = """
import os, signal, sys
from tests.support.machine import Machine
with Machine("trixie") as machine:
    print(machine.pid1, machine.name, machine.disk, flush=True)
    os.kill(os.getpid(), int(sys.argv[1]))
    signal.pause()
"""


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """Yield a plain trixie."""
    with Machine("trixie") as machine:
        yield machine


def test_systemd_runs_as_the_first_process_and_nothing_failed(machine: Machine) -> None:
    assert machine.read("/proc/1/comm").strip() == "systemd"
    assert machine.run("systemctl", "is-system-running").stdout.strip() == "running"


def test_a_machine_boots_in_seconds() -> None:
    with Machine("trixie") as machine:
        machine.shut_down()
        started = time.monotonic()
        machine.boot()
        assert time.monotonic() - started < 10


def test_a_machine_has_its_own_files_and_processes_but_the_network_of_the_host(machine: Machine) -> None:
    outside = Path("/proc/self/ns")
    inside = Path(f"/proc/{machine.pid1}/ns")
    kinds = ("mnt", "pid", "uts", "ipc", "cgroup")
    assert all((outside / kind).readlink() != (inside / kind).readlink() for kind in kinds)
    assert (outside / "net").readlink() == (inside / "net").readlink()
    assert not machine.exists(str(Path(__file__)))
    assert machine.run("hostname").stdout.strip() == "box"


def test_a_network_of_its_own_has_nothing_but_a_loopback() -> None:
    with Machine("trixie", network="own") as machine:
        interfaces = machine.read("/proc/net/dev").splitlines()[2:]
        assert [line.split(":")[0].strip() for line in interfaces] == ["lo"]


def test_two_machines_do_not_disturb_one_another(machine: Machine) -> None:
    with Machine("trixie") as other:
        for each in (machine, other):
            each.write("/etc/systemd/system/idle.service", "[Service]\nExecStart=/bin/sleep infinity\n")
            each.run("systemctl", "daemon-reload")
            each.run("systemctl", "start", "idle.service")
        other.write("/etc/only-here", "")
        other.run("systemctl", "stop", "idle.service")
        assert machine.show("idle.service", "ActiveState") == {"ActiveState": "active"}
        assert not machine.exists("/etc/only-here")
        other.crash()
        assert machine.run("systemctl", "is-system-running").stdout.strip() == "running"


def test_the_disk_of_a_machine_outlives_a_crash_and_its_memory_does_not() -> None:
    with Machine("trixie") as machine:
        machine.write("/var/lib/kept", "on disk", mode=0o600)
        machine.write("/run/lost", "in memory")
        first = machine.pid1
        machine.crash()
        assert not Path(f"/proc/{first}").exists()
        machine.boot()
        assert machine.pid1 != first
        assert machine.read("/var/lib/kept") == "on disk"
        assert machine.run("stat", "-c", "%a", "/var/lib/kept").stdout.strip() == "600"
        assert not machine.exists("/run/lost")


def test_a_machine_on_the_base_of_another_leaves_that_one_unchanged() -> None:
    with Machine("trixie") as base:
        base.write("/etc/from-base", "1")
        base.shut_down()
        with Machine(base=base) as copy:
            assert copy.read("/etc/from-base") == "1"
            copy.run("rm", "/etc/from-base")
        with Machine(base=base) as copy:
            assert copy.read("/etc/from-base") == "1"


def test_what_apt_fetched_of_debian_is_there_for_other_machines_and_what_is_ours_is_not() -> None:
    with Machine("trixie") as first:
        first.install("hello")
        first.write(f"{INSIDE}/inviseobox_1_all.deb", "")
        first.shut_down()
        with Machine(base=first) as other:
            there = {name.split("_")[0] for name in other.run("ls", INSIDE).stdout.split()}
        assert "hello" in there
        assert "inviseobox" not in there


def test_a_device_of_the_host_lies_where_it_is_asked_for() -> None:
    controller, terminal = os.openpty()
    try:
        with Machine("trixie", binds={"/dev/ttyUSB0": Path(os.ttyname(terminal))}) as machine:
            machine.write("/dev/ttyUSB0", "request")
            assert os.read(controller, 100) == b"request"
    finally:
        os.close(controller)
        os.close(terminal)


def test_a_command_in_a_machine_that_fails_or_hangs_says_so(machine: Machine) -> None:
    with pytest.raises(CommandError, match="No such file"):
        machine.run("cat", "/nonexistent")
    with pytest.raises(CommandError, match="sleep"):
        machine.run("sleep", "60", check=False, timeout=0.2)


def test_journal_entries_come_with_their_fields(machine: Machine) -> None:
    machine.run("logger", "--journald", text="MESSAGE=a meter\nINVISEOBOX_DEVICE=x\n")
    found = wait_for(lambda: machine.journal(INVISEOBOX_DEVICE="x"), 5, "the entry is in the journal")
    assert [entry["MESSAGE"] for entry in found] == ["a meter"]


@pytest.mark.parametrize("interruption", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_test_leaves_nothing_of_its_machine_behind(interruption: signal.Signals) -> None:
    interrupted = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED, str(int(interruption))],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert interrupted.returncode != 0
    pid1, name, disk = interrupted.stdout.split()
    traces = [Path("/proc", pid1), Path(disk), (control_groups() or Path("/mnt")) / name]
    wait_for(lambda: not any(trace.exists() for trace in traces), 10, f"none of {traces} is left")
