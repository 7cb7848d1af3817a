"""A real Debian with systemd as its first process, booted in about a second, without a virtual machine.

A machine has processes, mounts, a host name, control groups and a disk of its own; it shares the kernel, the
clock and (unless told otherwise) the network with its host, so a server on the host's loopback is on the
machine's loopback too.
"""

import itertools
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from . import archives
from .root_shell import ENVIRONMENT, UNIT, CommandError, RootShell, last_words, packed, running_machines
from .roots import CACHE, remove, root_directory
from .waiting import wait_for

__all__ = ["UNIT", "CommandError", "Machine", "last_words", "running_machines"]

_HERE = Path(__file__).parent
_BOOT_TIMEOUT = 60.0
_END_TIMEOUT = 30.0

_serial = itertools.count(1)


class Machine(RootShell):
    """One machine: `with Machine("trixie") as box` boots it, and removes it at the end.

    Its disk outlives `crash` and `shut_down`, after which `boot` starts it again. A machine that is shut down
    can serve as `base` of others, whose disks then begin as its own; it must outlive them.

    Args:
        release: bookworm, trixie or forky.
        network: "host" shares the host's, "own" has a loopback and nothing else.
        binds: paths in the machine and the files, devices or directories of the host that lie there.
        root: a directory that holds a whole Debian and that the machine writes to, in the place of a release's; it
            outlives the machine. What apt fetches lies there, too.
    """

    def __init__(
        self,
        release: str = "trixie",
        *,
        network: Literal["host", "own"] = "host",
        binds: Mapping[str, Path] | None = None,
        base: "Machine | None" = None,
        root: Path | None = None,
    ) -> None:
        self.release: str = base.release if base else release
        self.root = root
        self._lowers: list[Path] = [base.disk / "upper", *base._lowers] if base else []
        if not base and not root:
            self._lowers = [root_directory(release)]
        self._network = network
        self._keeper: subprocess.Popen[str] | None = None
        self._pidfd = -1
        self.name = ""
        """What its control group is called."""
        self.pid1 = 0
        """The process id, on the host, of the machine's first process; 0 while it is off."""
        self.disk: Path = _new_disk(self.release)
        self._archives = self.disk / "archives"
        if not root:
            archives.lend(self.release, self._archives)
        self._binds = {**({} if root else {archives.INSIDE: self._archives}), **(binds or {})}

    def boot(self) -> None:
        """Switch the machine on and wait until systemd has started everything."""
        assert self._keeper is None, "the machine is on"
        self.name = f"inviseobox-test-{os.getpid()}-{next(_serial)}"
        on = ("on", str(self.root)) if self.root else ("over", ":".join(str(each) for each in self._lowers))
        binds = [str(word) for inside, outside in self._binds.items() for word in (outside, inside)]
        keeper = ["unshare", "--mount", "--propagation=private", sys.executable, str(_HERE / "keeper.py")]
        script = ["sh", str(_HERE / "boot.sh")]
        self._keeper = subprocess.Popen(
            [*keeper, self.name, str(self.disk), self._network, *script, str(self.disk), *on, *binds],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._keeper.stdout
        first_process = self._keeper.stdout.readline()
        assert first_process, "the machine did not start; its keeper's message is above"
        self.pid1 = int(first_process)
        self._pidfd = os.pidfd_open(self.pid1)
        running_machines.append(self)
        wait_for(lambda: self._state() in ("running", "degraded"), _BOOT_TIMEOUT, "the machine has booted")

    @property
    def layers(self) -> tuple[Path, ...]:
        """The directories that lie one over the other and are its root while it is off, the topmost first."""
        return (self.disk / "upper", *self._lowers)

    def shut_down(self) -> None:
        """Power off in order; the disk stays."""
        self.run("systemctl", "poweroff", "--no-block")
        ended, _, _ = select.select([self._pidfd], [], [], _END_TIMEOUT)
        assert ended, "the machine did not power off"
        self._switch_off("keep\n")

    def crash(self) -> None:
        """End every process of the machine at once, as losing the power would; what it wrote stays."""
        signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        self._switch_off("keep\n")

    def remove(self) -> None:
        """Switch the machine off, however it fares, and remove its disk."""
        if self._keeper is None:
            # Off already: no keeper is left to remove the disk.
            remove(self.disk)
        else:
            self._switch_off("")

    def run(
        self, *command: str, check: bool = True, timeout: float = 60, text: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run `command` in the machine as root, with `text` as its standard input.

        Raises:
            CommandError: it did not end within `timeout` seconds, or `check` is set and its status is not 0.
        """
        # timeout(1) inside ends the command itself, which ending nsenter from here would not.
        done = subprocess.run(
            self._inside("timeout", "--signal=KILL", str(timeout), *command),
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode and (check or done.returncode == -signal.SIGKILL):
            words = " ".join(command)
            raise CommandError(f"{words}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def put(self, source: Path, directory: str) -> None:
        """Copy a file or a tree of the host into `directory`, where it belongs to root."""
        unpack = self._inside("tar", "--extract", "--one-top-level=" + directory)
        subprocess.run(unpack, input=packed(source), check=True)

    def install(self, *packages: Path | str) -> str:
        """Install files of the host or packages by name, and what they depend on, with apt; return its output."""
        command = ("apt-get", "install", "--yes", *self.put_packages(packages))
        done = self.run(*command, check=False, timeout=300)
        if done.returncode and "404" in done.stderr:
            # The mirror has moved on since the lists in the root were fetched.
            self.run("apt-get", "update", timeout=120)
            done = self.run(*command, check=False, timeout=300)
        if done.returncode:
            raise CommandError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def _inside(self, *command: str) -> list[str]:
        assert self.pid1, "the machine is off"
        return ["nsenter", "--target", str(self.pid1), "--all", "--", "env", "-i", *ENVIRONMENT, *command]

    def _state(self) -> str:
        return self.run("systemctl", "is-system-running", check=False).stdout.strip()

    def _switch_off(self, word: str) -> None:
        if self._keeper is not None:
            archives.keep(self.release, self._archives)
            keeper, self._keeper = self._keeper, None
            keeper.communicate(word, timeout=_END_TIMEOUT)
            assert keeper.returncode == 0, "the machine left something behind; its keeper's message is above"
        if self.pid1:
            os.close(self._pidfd)
            self.pid1 = 0
            running_machines.remove(self)


def _new_disk(release: str) -> Path:
    machines = CACHE / "machines"
    machines.mkdir(parents=True, exist_ok=True)
    disk = Path(tempfile.mkdtemp(prefix=f"{release}-", dir=machines))
    for part in ("upper", "work", "root", "archives"):
        (disk / part).mkdir(mode=0o755)
    return disk
