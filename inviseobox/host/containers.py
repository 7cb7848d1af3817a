"""Whether a box of old, in a container, still runs on this machine: proc_pid_environ(5), docker(1)."""

import os
import shutil
import subprocess
from pathlib import Path

_PROC = Path("/proc")
_MAX_ENVIRONMENT = 131_072
_TIMEOUT = 10.0


def old_box_runs(token: str, service: str) -> bool | None:
    """Whether a container has the token in its environment, or is that service of a compose file.

    None where that cannot be known: without root, other users' processes are closed, and Docker may be, too.
    """
    if _has_process_with(token):
        return True
    by_docker = _docker_runs(service)
    if by_docker is None and os.geteuid() == 0:
        # All processes were seen, whatever runs the containers.
        return False
    return by_docker


def _has_process_with(token: str) -> bool:
    """Whether a process with mounts of its own, as in a container, has a variable `token` of this value."""
    wanted = b"token=" + token.encode()
    own = _mounts(_PROC / "self")
    for process in _PROC.iterdir():
        if not process.name.isdecimal():
            continue
        try:
            with (process / "environ").open("rb") as file:
                variables = file.read(_MAX_ENVIRONMENT).split(b"\0")
        except OSError:
            continue
        if any(one[:6].lower() + one[6:] == wanted for one in variables) and _mounts(process) != own:
            return True
    return False


def _mounts(process: Path) -> str:
    try:
        return os.readlink(process / "ns" / "mnt")  # noqa: PTH115 (no path: mnt:[4026531841])
    except OSError:
        return ""


def _docker_runs(service: str) -> bool | None:
    docker = shutil.which("docker")
    if docker is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603
            [docker, "ps", "--quiet", "--filter", f"label=com.docker.compose.service={service}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return bool(done.stdout.strip()) if done.returncode == 0 else None
