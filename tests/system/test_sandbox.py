"""What the daemon's process cannot do.

A probe tries it under the very settings of the unit, where a drop-in puts it in the daemon's place, and once more, as
root, in the control group and the mounts of a daemon that runs. The traps are open to everybody by their modes, and the
same probe outside gets through them: what refuses it inside is the sandbox.

- Devices: EPERM, which is the answer of the control group's device controller (DevicePolicy=closed); modes would say
  EACCES, and a device without a driver ENXIO to whom the controller lets pass.
- Files: EROFS from ProtectSystem=strict, ENOENT or EACCES from ProtectHome=, a /tmp of its own from PrivateTmp=.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from inviseobox.simulator.background import running_site
from tests.support.machine import UNIT, Machine
from tests.support.waiting import wait_for

from .service import configuration, configure, state, wait_until_active

_PROBE = "/srv/sandbox_probe.py"
_STATE, _RUNTIME = "/var/lib/inviseobox", "/run/inviseobox"
_OWN = {_STATE, _RUNTIME, "/tmp", "/var/tmp"}  # noqa: S108
"""Where the daemon may write; the last two are its own."""
_PARENTS = ("/", "/boot", "/dev/shm", "/etc", "/home", "/media", "/mnt", "/opt", "/root", "/run", "/srv", "/usr/lib",  # noqa: S108
            "/var", "/var/cache", "/var/lib", "/var/log", "/var/spool")  # fmt: skip
_DIRECTORIES = [f"{parent.rstrip('/')}/trap" for parent in _PARENTS]
_MEMORY, _HIDRAW = "/dev/mem", "/dev/hidraw0"
_AS_THE_USER = ("setpriv", "--reuid=inviseobox", "--regid=inviseobox", "--init-groups")
_DROP_IN = """
[Service]
Type=exec
Restart=no
ExecCondition=
ExecStart=
ExecStart=/usr/bin/python3 -I {probe} {report} {traps}
"""


@dataclass(frozen=True)
class Trapped:
    """A machine full of traps: directories and devices that any user may write to, and open."""

    box: Machine
    disks: tuple[str, ...]
    """Nodes of all disks that the kernel has."""

    @property
    def devices(self) -> tuple[str, ...]:
        """All the devices that the daemon must not open."""
        return (*self.disks, _MEMORY, _HIDRAW)

    @property
    def traps(self) -> tuple[str, ...]:
        """The arguments of the probe; /dev/null is there to be opened."""
        return (*self.devices, "/dev/null", *_DIRECTORIES, "/tmp", "/var/tmp", _STATE)  # noqa: S108

    def findings(self, report: str) -> Any:
        """Return what the probe wrote down."""
        return json.loads(self.box.read(report))


@pytest.fixture(scope="module")
def trapped(installed: Machine) -> Iterator[Trapped]:
    """Yield a machine with the package installed, and traps on it."""
    with Machine(base=installed) as box:
        box.write(_PROBE, Path(__file__).with_name("sandbox_probe.py").read_text(), mode=0o644)
        # Others may enter root's home, so that only the sandbox keeps the probe out.
        box.run("chmod", "755", "/root")
        box.run("mkdir", "--mode=1777", *_DIRECTORIES)
        disks = [(f"/dev/trap-{disk.name}", (disk / "dev").read_text()) for disk in Path("/sys/block").iterdir()]
        for path, numbers in disks:
            _node(box, path, "b", numbers)
        _node(box, _MEMORY, "c", "1:1")
        _node(box, _HIDRAW, "c", f"{_hidraw_major()}:0")
        yield Trapped(box, tuple(path for path, _ in disks))


def test_the_probe_gets_through_where_there_is_no_sandbox(trapped: Trapped) -> None:
    report = "/run/outside.json"
    trapped.box.write(report, "", mode=0o666)
    trapped.box.run(*_AS_THE_USER, "/usr/bin/python3", "-I", _PROBE, report, *trapped.traps)
    found = trapped.findings(report)
    # The host may keep some of its own disks to itself.
    assert "done" in {found["opened"][disk] for disk in trapped.disks}
    # There may be no such device: that is no refusal. /dev/mem asks for a capability by itself where it has a driver.
    assert found["opened"][_HIDRAW] in ("done", "ENXIO", "ENODEV")
    assert set(found["written"].values()) == {"done"}
    assert set(found["writable"]) > set(_DIRECTORIES)


def test_the_units_sandbox_refuses_all_but_the_services_own(trapped: Trapped) -> None:
    box, report = trapped.box, f"{_STATE}/inside.json"
    drop_in = f"/run/systemd/system/{UNIT}.d/probe.conf"
    box.write(drop_in, _DROP_IN.format(probe=_PROBE, report=report, traps=" ".join(trapped.traps)))
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "start", UNIT)
    wait_for(lambda: state(box) in ("inactive", "failed"), 30, "the probe has ended")
    box.run("rm", drop_in)
    box.run("systemctl", "daemon-reload")
    found = trapped.findings(report)
    _expect_no_privileges(found["status"])
    _expect_the_devices_closed(found, trapped)
    written = {path for path, outcome in found["written"].items() if outcome == "done"}
    assert written == _OWN - {_RUNTIME}
    assert not box.exists("/tmp/inside.trace")  # noqa: S108
    tops = {path for path in found["writable"] if not any(path.startswith(f"{own}/") for own in _OWN)}
    # Where systemd is 254 or later it gives a service the file in which it may ask to hear of a lack of memory.
    assert tops - {f"/sys/fs/cgroup/system.slice/{UNIT}/memory.pressure"} == _OWN


def test_the_running_daemon_has_no_privileges_and_its_sandbox_refuses_even_root(trapped: Trapped) -> None:
    box, report = trapped.box, f"{_RUNTIME}/joined.json"
    with running_site() as site:
        configure(box, configuration(site))
        wait_until_active(box)
        daemon = box.main_pid(UNIT)
        status = dict(line.split(":\t", 1) for line in box.read(f"/proc/{daemon}/status").splitlines())
        _expect_no_privileges(status)

        group = "/sys/fs/cgroup" + box.show(UNIT, "ControlGroup")["ControlGroup"]
        join = 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"'
        probe = ("nsenter", f"--target={daemon}", "--mount", "/usr/bin/python3", "-I", _PROBE, report, *trapped.traps)
        box.run("sh", "-c", join, "join", group, *probe)
        found = trapped.findings(report)
        _expect_the_devices_closed(found, trapped)
        refused = {path: outcome for path, outcome in found["written"].items() if path in _DIRECTORIES}
        assert set(refused.values()) <= {"EROFS", "ENOENT"}
        assert box.main_pid(UNIT) == daemon


def _expect_no_privileges(status: dict[str, str]) -> None:
    capabilities = {name: int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb", "CapInh")}
    assert capabilities == dict.fromkeys(capabilities, 0)
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert "0" not in status["Uid"].split()
    assert "0" not in status["Gid"].split()


def _expect_the_devices_closed(found: Any, trapped: Trapped) -> None:
    assert {path: found["opened"][path] for path in trapped.devices} == dict.fromkeys(trapped.devices, "EPERM")
    assert found["opened"]["/dev/null"] == "done"


def _node(box: Machine, path: str, kind: str, numbers: str) -> None:
    box.run("mknod", "--mode=666", path, kind, *numbers.strip().split(":"))


def _hidraw_major() -> str:
    lines = [line.split() for line in Path("/proc/devices").read_text().splitlines()]
    return next((words[0] for words in lines if words[1:] == ["hidraw"]), "245")
