"""Edge to systemd: how the daemon's unit is, and starting it anew."""

import re
import time
from dataclasses import dataclass
from pathlib import Path

from .errors import NotStarted, ProgramFailed
from .places import UNIT
from .programs import Programs

_PROPERTIES = (
    "LoadState", "ActiveState", "SubState", "InvocationID", "NRestarts", "MainPID", "Result", "ExecMainStatus",
    "MemoryMax", "UnitFileState", "Job", "FragmentPath", "ActiveEnterTimestampMonotonic",
    "ConditionResult", "ConditionTimestampMonotonic", "AssertResult", "AssertTimestampMonotonic",
)  # fmt: skip
_OF_THE_UNITS = re.compile(r"not found|bad unit file setting|is masked|not loaded properly|is cyclic")
"""What systemctl(1) complains of where no later try would fare better; nothing is promised of these words."""
_OF_THE_PACKAGE = "/usr/lib/"
"""Where the unit of the package lies: who masks it puts an empty one before it, elsewhere."""


@dataclass(frozen=True, slots=True)
class Service:
    """The unit of the daemon at one moment, as `systemctl show` tells it.

    Attributes:
        invocation_id: which start of it this is; empty if it was not started since the boot.
        result, exit_status: how it ended last, in systemd's words; "condition": a condition of the unit was not met.
        memory_max: bytes that it may take; None: as many as there are.
        has_job: it is being started or stopped, or is about to be.
        is_loaded: systemd understands the unit.
        is_masked: somebody has forbidden to start it.
        ready_for: seconds since it said that it is ready; None: it is not.
    """

    active_state: str
    sub_state: str
    invocation_id: str
    n_restarts: int
    main_pid: int
    result: str
    exit_status: int
    memory_max: int | None
    unit_file_state: str
    has_job: bool = False
    is_loaded: bool = True
    is_masked: bool = False
    ready_for: float | None = None

    @property
    def is_enabled(self) -> bool:
        """Whether it is started with the machine."""
        return self.unit_file_state == "enabled"

    @property
    def is_up(self) -> bool:
        """Whether it runs, or is being started again and again."""
        return self.active_state in ("active", "activating", "reloading")

    @property
    def is_changing(self) -> bool:
        """Whether it is between two states, as in a restart."""
        return self.has_job or self.active_state == "deactivating"

    @property
    def has_failed(self) -> bool:
        """Whether systemd has given it up: its configuration is wrong, nothing else does that."""
        return self.active_state == "failed"

    @property
    def was_skipped(self) -> bool:
        """Whether a condition keeps it from starting: that it is configured (ExecCondition=), or another one."""
        return self.active_state == "inactive" and self.result in ("exec-condition", "condition")

    @property
    def was_left_out(self) -> bool:
        """Whether the machine was started without it, though it is enabled."""
        is_unmet = self.result == "condition"
        return (
            self.active_state == "inactive" and self.is_enabled and not (self.invocation_id or is_unmet or self.has_job)
        )


class Systemd:
    """The first process of this machine."""

    def __init__(self, programs: Programs, unit: str = UNIT) -> None:
        """Do nothing yet."""
        self._programs = programs
        self._unit = unit

    def service(self) -> Service:
        """Return how the unit is. Raises ProgramFailed."""
        lines = self._programs.text("systemctl", "show", self._unit, f"--property={','.join(_PROPERTIES)}").splitlines()
        told = {name: value for name, _, value in (line.partition("=") for line in lines)}
        memory = told.get("MemoryMax", "")
        return Service(
            active_state=told.get("ActiveState", ""),
            sub_state=told.get("SubState", ""),
            invocation_id=told.get("InvocationID", ""),
            n_restarts=_number(told.get("NRestarts", "")),
            main_pid=_number(told.get("MainPID", "")),
            result="condition" if _is_unmet(told) else told.get("Result", ""),
            exit_status=_number(told.get("ExecMainStatus", "")),
            ready_for=_ready_for(told),
            memory_max=int(memory) if memory.isdecimal() and len(memory) < 19 else None,
            unit_file_state=told.get("UnitFileState", ""),
            has_job=bool(_number(told.get("Job", ""))),
            is_loaded=told.get("LoadState") == "loaded",
            is_masked=told.get("LoadState") == "masked" and not _is_of_the_package(told.get("FragmentPath", "")),
        )

    def reload(self) -> None:
        """Let systemd read its units anew. Raises ProgramFailed."""
        self._programs.text("systemctl", "daemon-reload")

    def enable(self) -> None:
        """Let the service be started with the machine. Raises ProgramFailed."""
        self._programs.text("systemctl", "enable", self._unit)

    def restart(self) -> None:
        """Start the service anew, without waiting for it to be ready, unless somebody masked it.

        Raises:
            NotStarted: systemd cannot do it with the units that are there.
            ProgramFailed: it does not do it now, as while the machine is being switched off.
        """
        if self.service().is_masked:
            return
        # A unit that failed too often is started all the same.
        self._programs.run("systemctl", "reset-failed", self._unit)
        try:
            self._programs.text("systemctl", "restart", "--no-block", self._unit)
        except ProgramFailed as error:
            if is_about_units(str(error)):
                raise NotStarted(f"systemd does not start it: {error}".rstrip(".")) from None
            raise

    def journal_tail(self, lines: int) -> list[str]:
        """Return the last lines of the unit's journal; none if there is no journal."""
        words = ("journalctl", "--quiet", "--no-pager", "--output=short-iso", f"--unit={self._unit}")
        try:
            return self._programs.run(*words, f"--lines={lines}").output.splitlines()
        except ProgramFailed:
            return []


def _is_of_the_package(path: str) -> bool:
    return path.startswith((_OF_THE_PACKAGE, "/lib/"))


def _is_unmet(told: dict[str, str]) -> bool:
    """Whether conditions of the unit kept it from starting, of which systemd tells "no" also before any start."""
    return told.get("ActiveState") == "inactive" and any(
        told.get(f"{kind}Result") == "no" and told.get(f"{kind}TimestampMonotonic", "0") != "0"
        for kind in ("Condition", "Assert")
    )


def _ready_for(told: dict[str, str]) -> float | None:
    """Return for how many seconds the unit is active, by the clock of its timestamps (org.freedesktop.systemd1(5))."""
    since = _number(told.get("ActiveEnterTimestampMonotonic", ""))
    if told.get("ActiveState") != "active" or not since:
        return None
    return max(time.monotonic() - since / 1e6, 0.0)


def is_about_units(complaint: str) -> bool:
    """Return whether systemctl complains of what stands in units, and not of the moment. Pure."""
    return bool(_OF_THE_UNITS.search(complaint))


def memory_of(pid: int, proc: Path = Path("/proc")) -> int | None:
    """Return the bytes that a process takes, what is swapped out included; None if it is gone."""
    try:
        text = (proc / str(pid) / "status").read_text(errors="replace")
    except OSError:
        return None
    found = re.findall(r"(?m)^(?:VmRSS|VmSwap):\s+(\d+) kB$", text)
    return sum(int(number) * 1024 for number in found) if found else None


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
