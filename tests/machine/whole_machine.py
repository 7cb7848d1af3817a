"""A whole machine in qemu: its own kernel, serial ports, hardware watchdog, memory and a disk that can lose its power.

It has no KVM, so it runs wherever qemu does, at a tenth of the speed. `10.0.2.2` is, in there, the host's loopback.
"""

import base64
import itertools
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from tests.support.loop_disks import PowerCutDisk, power_cut_disk
from tests.support.root_shell import CommandError, RootShell, packed, running_machines
from tests.support.waiting import wait_for

from .guest_agent import GuestAgent
from .image import RELEASE, Image
from .monitor import Monitor

HOST = "10.0.2.2"
"""The host's loopback, as it is called in the machine."""
PORT = "/dev/ttyS1"
"""The serial port that `line` leads to."""

# On a busy host a device may take longer than the 90 s that systemd waits for it, and the kernel's first look at its
# timer may find that it does not tick: no_timer_check leaves that look out (Documentation/admin-guide/
# kernel-parameters.txt). panic= is for one before sysctl.d(5) is read; the packages set another number.
_KERNEL_COMMAND = "root=/dev/vda rw console=ttyS0 quiet no_timer_check panic=5 systemd.default_device_timeout_sec=600"
_BOOT_TIMEOUT = 900.0
_END_TIMEOUT = 300.0
_ANSWER_AFTER_END = 60.0
_WRITTEN_AT_MOST = 1536 * 2**20
_CHUNK = 2**20

_serial = itertools.count(1)


class WholeMachine(RootShell):
    """One machine: `with WholeMachine(image) as box` switches it on, and removes it at the end.

    Its disk outlives `cut` and `shut_down`, after which `boot` switches it on again. What the machine had flushed is
    there after a cut; what it had not may be there or not, as with a disk that has a cache.

    Args:
        memory: of the machine, in MB.
        clock: what its hardware clock says when it is switched on, None being the host's time.
    """

    release = RELEASE

    def __init__(self, image: Image, *, memory: int = 768, clock: datetime | None = None) -> None:
        self.memory = memory
        self.clock = clock
        self.boot_seconds = 0.0
        """How long the last `boot` took."""
        self._image = image
        self._qemu: subprocess.Popen[bytes] | None = None
        self._held = ExitStack()
        self._folder = Path(tempfile.mkdtemp(prefix="inviseobox-machine-"))
        self._held.callback(shutil.rmtree, self._folder)
        self._disk: PowerCutDisk = self._held.enter_context(power_cut_disk(_WRITTEN_AT_MOST))
        overlay = ("qemu-img", "create", "-q", "-f", "qcow2", "-b", str(image.disk), "-F", "raw", str(self._written))
        subprocess.run(overlay, check=True)

    @property
    def line(self) -> Path:
        """The socket that is the other end of `PORT`; whoever is connected to it is plugged in."""
        return self._folder / "line"

    @property
    def console(self) -> str:
        """What the kernel has written on its console since the last time the machine was switched on."""
        path = self._folder / "console"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def is_on(self) -> bool:
        """Whether it has power."""
        return self._qemu is not None

    def boot(self) -> None:
        """Switch the machine on and wait until systemd has started everything."""
        began = time.monotonic()
        self.switch_on()
        self.wait_until_booted()
        self.boot_seconds = time.monotonic() - began

    def switch_on(self) -> None:
        """Switch the machine on, and wait for nothing."""
        assert self._qemu is None, "the machine is on"
        with (self._folder / "qemu.log").open("wb") as log:
            self._qemu = subprocess.Popen(self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        running_machines.append(self)
        wait_for(self._sockets_are_there, 30, "qemu has started")
        self.monitor = Monitor(self._folder / "monitor")
        self._agent = GuestAgent(self._folder / "agent")

    def wait_until_booted(self, other_than: str = "", within: float = _BOOT_TIMEOUT) -> None:
        """Wait until systemd has started everything, in another boot than the one of that id.

        Raises:
            AssertionError: not within so many seconds; what the kernel wrote last is in its text.
        """
        deadline = time.monotonic() + within
        try:
            wait_for(lambda: self._has_booted(other_than), within, "the machine answers")
            left = max(1.0, deadline - time.monotonic())
            state = self.run("systemctl", "is-system-running", "--wait", check=False, timeout=left).stdout.strip()
        except (AssertionError, CommandError) as error:
            raise AssertionError(f"{error}\n{self.console[-3000:]}") from None
        assert state in ("running", "degraded"), state

    def shut_down(self) -> None:
        """Power off in order; the disk stays."""
        assert self._qemu
        self.start("systemctl", "poweroff", "--no-block")
        self._qemu.wait(_END_TIMEOUT)
        self._let_go()

    def cut(self, disk: Path | None = None) -> None:
        """Take the power away at this very moment; the disk stays, as the cut left it, or as it was kept in `disk`."""
        assert self._qemu
        # What qemu has begun with the disk goes on; it can tell nobody anything after the moment of the copy.
        self._qemu.send_signal(signal.SIGSTOP)
        left = disk or self._disk.keep()
        self._qemu.kill()
        self._qemu.wait()
        self._let_go()
        self._disk.restore(left)

    def keep_disk(self) -> Path:
        """Return the disk as a cut at this very moment would leave it, for `cut`, once; the machine goes on."""
        assert self._qemu
        self._qemu.send_signal(signal.SIGSTOP)
        try:
            return self._disk.keep()
        finally:
            self._qemu.send_signal(signal.SIGCONT)

    def remove(self) -> None:
        """Switch the machine off, however it fares, and remove its disk."""
        if self._qemu is not None:
            self._qemu.kill()
            self._qemu.wait()
            self._let_go()
        self._held.close()

    def run(
        self, *command: str, check: bool = True, timeout: float = 120, text: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run `command` in the machine as root, with `text` as its standard input.

        Raises:
            CommandError: it did not end within `timeout` seconds, or `check` is set and its status is not 0.
        """
        # timeout(1) inside ends the command itself.
        pid = self._agent.start("timeout", "--signal=KILL", str(timeout), *command, text=text)
        status, output, errors = self._agent.result(pid, timeout + _ANSWER_AFTER_END)
        if status and (check or status == -signal.SIGKILL):
            raise CommandError(f"{' '.join(command)}: exit status {status}\n{output}{errors}")
        return subprocess.CompletedProcess(command, status, output, errors)

    def start(self, *command: str) -> None:
        """Start `command` in the machine as root, and wait for nothing; it may be the machine's end."""
        self._agent.start(*command)

    def put(self, source: Path, directory: str) -> None:
        """Copy a file or a tree of the host into `directory`, where it belongs to root."""
        archive, file = packed(source), f"/run/put-{next(_serial)}"
        for at in range(0, len(archive), _CHUNK):
            text = base64.b64encode(archive[at : at + _CHUNK]).decode()
            self.run("sh", "-c", 'base64 --decode >>"$1"', "put", file, text=text)
        self.run("tar", "--extract", f"--file={file}", "--one-top-level=" + directory)
        self.run("rm", file)

    def install(self, *packages: Path | str) -> str:
        """Install files of the host or packages by name, and what they depend on, with apt; return its output."""
        done = self.run("apt-get", "install", "--yes", *self.put_packages(packages), timeout=900)
        return done.stdout + done.stderr

    def boot_id(self) -> str:
        """Return the kernel's id of this boot, another one each time."""
        return self.read("/proc/sys/kernel/random/boot_id").strip()

    def report(self) -> str:
        """Return what a person would look at first after a failure."""
        try:
            return f"{super().report()}\n{self.console[-3000:]}"
        except CommandError as error:
            return f"{error}\n{self.monitor.told()}\n{self.console[-6000:]}"

    @property
    def _written(self) -> Path:
        return self._disk.folder / "disk.qcow2"

    def _command(self) -> list[str]:
        clock = "utc" if self.clock is None else self.clock.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        sockets = {name: f"socket,id={name},path={self._folder / name},server=on,wait=off" for name in _SOCKETS}
        return [
            *("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-machine", "pc", "-smp", "2"),
            *("-m", str(self.memory), "-nodefaults", "-no-user-config", "-display", "none"),
            *("-kernel", str(self._image.kernel), "-initrd", str(self._image.initrd)),
            *("-append", _KERNEL_COMMAND),
            *("-drive", f"file={self._written},if=virtio,format=qcow2,cache=writeback"),
            *("-nic", "user,model=virtio-net-pci", "-device", "i6300esb", "-rtc", f"base={clock}"),
            *("-chardev", f"file,id=console,path={self._folder / 'console'}", "-serial", "chardev:console"),
            *("-chardev", sockets["line"], "-serial", "chardev:line", "-chardev", sockets["agent"]),
            *("-device", "virtio-serial-pci"),
            *("-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"),
            *("-chardev", sockets["monitor"], "-mon", "chardev=monitor,mode=control"),
        ]

    def _sockets_are_there(self) -> bool:
        assert self._qemu
        log = (self._folder / "qemu.log").read_text()
        assert self._qemu.poll() is None, f"qemu did not start: {log}"
        return all((self._folder / name).exists() for name in _SOCKETS)

    def _has_booted(self, other_than: str) -> bool:
        assert self._qemu
        assert self._qemu.poll() is None, "the machine has switched itself off"
        try:
            return self._agent.answers() and self.boot_id() != other_than
        except CommandError:
            return False  # it went away again, as before a restart

    def _let_go(self) -> None:
        self._agent.close()
        self.monitor.close()
        for name in _SOCKETS:
            (self._folder / name).unlink(missing_ok=True)
        self._qemu = None
        running_machines.remove(self)


_SOCKETS = ("line", "agent", "monitor")
