"""The service as systemd sees it: systemctl(1)."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from inviseobox.errors import NotPermitted, ServiceFault
from inviseobox.untrusted import clean_text

UNIT = "inviseobox.service"
STATUS_PATH = Path("/run/inviseobox/status.json")
_RUNS_SYSTEMD = Path("/run/systemd/system")
"""sd_booted(3)."""
_TIMEOUT = 30.0
_ACCESS_DENIED = 4
"""systemctl's exit status where the user has not the right to do it."""


@dataclass(frozen=True, slots=True)
class ServiceState:
    """How the unit is: `active` is its ActiveState, `invocation` the id of this run, empty where it never ran.

    `has_job` says that systemd is still about to start or stop it, `exit_status` is that of the process that ended
    last, `sub` is the SubState. `is_loaded` is false where there is no such unit. `start` is its UnitFileState, as
    enabled, disabled or masked; `is_skipped` says that the last start did not take place, by its ExecCondition=.
    """

    active: str
    invocation: str
    has_job: bool
    exit_status: int
    sub: str = ""
    is_loaded: bool = True
    start: str = ""
    is_skipped: bool = False


class Service:
    """The unit of the daemon."""

    status_path = STATUS_PATH
    """Where the daemon writes its status.json."""

    def __init__(self, seconds: float = _TIMEOUT) -> None:
        """Let systemd have that long for each answer."""
        self._seconds = seconds

    def restart(self) -> None:
        """Let systemd stop and start it; do not wait for that. Raises NotPermitted or ServiceFault."""
        _systemctl(self._seconds, "restart", "--no-block", UNIT)

    def state(self) -> ServiceState:
        """Ask how it is now. Raises NotPermitted or ServiceFault."""
        names = ("ActiveState", "SubState", "LoadState", "InvocationID", "Job", "ExecMainStatus")
        values = properties(UNIT, *names, "UnitFileState", "Result", seconds=self._seconds)
        status = values.get("ExecMainStatus", "")
        return ServiceState(
            active=values.get("ActiveState", ""),
            invocation=values.get("InvocationID", ""),
            has_job=values.get("Job", "0") not in ("", "0"),
            exit_status=int(status) if status.isdecimal() else 0,
            sub=values.get("SubState", ""),
            is_loaded=values.get("LoadState") != "not-found",
            start=values.get("UnitFileState", ""),
            is_skipped=values.get("Result") == "exec-condition",
        )


def properties(unit: str, *names: str, seconds: float = _TIMEOUT) -> dict[str, str]:
    """Return these properties of a unit (systemctl(1), show). Raises NotPermitted or ServiceFault."""
    shown = _systemctl(seconds, "show", f"--property={','.join(names)}", unit)
    return dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)


def _systemctl(seconds: float, *arguments: str) -> str:
    if not _RUNS_SYSTEMD.is_dir():
        raise ServiceFault("systemd does not run on this machine")
    try:
        done = subprocess.run(  # noqa: S603
            ["systemctl", "--no-ask-password", *arguments],  # noqa: S607
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ServiceFault(f"systemd did not answer within {seconds:g} s") from None
    except OSError as error:
        raise ServiceFault(f"systemctl cannot be run: {error.strerror}") from None
    if done.returncode == _ACCESS_DENIED:
        raise NotPermitted(UNIT)
    if done.returncode:
        words = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
        raise ServiceFault(f"systemctl {arguments[0]}: {clean_text(words)}")
    return done.stdout
