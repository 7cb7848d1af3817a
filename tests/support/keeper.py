"""Keeps one boot of a machine under test, in a process of its own, and leaves nothing of it behind.

    keeper.py NAME DISK {host|own} BOOT-COMMAND...

It prints the process id of the machine's first process and waits on standard input. When that closes, for
whatever reason (the test ended, failed, was interrupted or was killed), it ends every process of the machine,
removes its control group and its disk. A line "keep" does the same but leaves the disk. It is started in a
mount namespace of its own.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

_REMOVAL_TIMEOUT = 10.0


def control_groups() -> Path | None:
    """Return where the cgroup2 hierarchy is mounted on this host, None if it is nowhere."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, filesystem = line.partition(" - ")
        if filesystem.split()[0] == "cgroup2":
            return Path(mount.split()[4])
    return None


def boot(group: Path, network: str, command: list[str], log: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start `command` as the first process of new namespaces in `group`; return its parent and its own id."""
    unshare = [
        "unshare",
        "--mount",
        "--pid",
        "--uts",
        "--ipc",
        "--cgroup",
        "--fork",
        "--kill-child",
        "--propagation=private",
    ]
    if network == "own":
        unshare.append("--net")
    # The root of a new cgroup namespace is the group that the process is in at that moment.
    enter = ["sh", "-c", 'echo 0 >"$0/cgroup.procs" && exec "$@"', str(group)]
    with log.open("wb") as errors:
        parent = subprocess.Popen(
            [*enter, *unshare, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        )
    assert parent.stdin
    assert parent.stdout
    first_process = parent.stdout.readline()
    # A group with processes of its own cannot hand controllers to the groups that systemd will make below.
    (group.parent / "cgroup.procs").write_text(str(parent.pid))
    parent.stdin.write(b"go\n")
    parent.stdin.flush()
    # Until then, whoever enters the machine's namespaces is still on the host's root.
    if not parent.stdout.readline():
        sys.exit(f"the machine did not start: exit status {parent.wait()}\n{log.read_text()}")
    return parent, int(first_process)


def end(group: Path) -> None:
    """End every process in `group` and the groups below, and remove them."""
    deadline = time.monotonic() + _REMOVAL_TIMEOUT
    while group.exists():
        (group / "cgroup.kill").write_text("1")
        try:
            for directory, _, _ in os.walk(group, topdown=False):
                Path(directory).rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def main() -> None:
    """Boot, tell the process id, wait to be told or left alone, clean up."""
    name, disk, network, *command = sys.argv[1:]
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    groups = control_groups()
    if groups is None:
        groups = Path("/mnt")
        # Seen by this process alone.
        subprocess.run(["mount", "-t", "cgroup2", "cgroup2", groups], check=True)
    group = groups / name
    group.mkdir()
    word = ""
    try:
        parent, first_process = boot(group, network, command, Path(disk, "boot.log"))
        print(first_process, flush=True)
        word = sys.stdin.readline()
        end(group)
        parent.wait()
    finally:
        end(group)
        if word != "keep\n":
            subprocess.run(["rm", "-rf", "--one-file-system", disk], check=True)


if __name__ == "__main__":
    main()
