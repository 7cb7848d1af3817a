"""Whether something keeps the clock right: adjtimex(2), systemd-timesyncd, chrony and others."""

import ctypes

from inviseobox.commands.checks.codes import Code
from inviseobox.commands.checks.findings import Check, Finding, State, not_tested, right, wrong
from inviseobox.errors import NotPermitted, ServiceFault
from inviseobox.host import time_synchronisation
from inviseobox.host.service import properties

SWITCH_ON = "sudo timedatectl set-ntp true"
INSTALL = "sudo apt install systemd-timesyncd"
_TIMESYNCD = "systemd-timesyncd.service"
_OTHERS = ("chrony.service", "ntpsec.service", "ntp.service", "openntpd.service")
_TIME_ERROR = 5
_TIMEX_SIZE = 512
"""Bytes, more than struct timex takes anywhere; zeros in it ask without changing anything."""


def command() -> str:
    """Return what to type for a clock that is wrong."""
    return SWITCH_ON if _property("LoadState") not in ("", "not-found") else INSTALL


def looked_at() -> Finding | None:
    """Return what is known without the server, None where it depends on whether the clock is right."""
    if time_synchronisation.last_set() is not None or _is_synchronised():
        return right(Check.SYNCHRONISATION, Code.SYNCHRONISED)
    if _is_switched_off():
        return wrong(Check.SYNCHRONISATION, Code.SWITCHED_OFF, SWITCH_ON)
    return None


def beside(clock: Finding) -> Finding:
    """Return what to tell where nothing is known without the server, which has told about the clock."""
    if clock.state is State.RIGHT:
        return right(Check.SYNCHRONISATION, Code.AGREES)
    return not_tested(Check.SYNCHRONISATION)


def _is_synchronised() -> bool:
    """Whether the kernel was told that the clock is synchronised, by whatever program."""
    try:
        return 0 <= int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_SIZE))) < _TIME_ERROR
    except (OSError, AttributeError):
        return False


def _is_switched_off() -> bool:
    """Whether systemd-timesyncd is installed and disabled, and no other program that would do it runs."""
    if _property("UnitFileState") not in ("disabled", "masked") or _property("ActiveState") == "active":
        return False
    return not any(_property("ActiveState", unit) == "active" for unit in _OTHERS)


def _property(name: str, unit: str = _TIMESYNCD) -> str:
    """Return a property of a unit, empty where systemd cannot be asked."""
    try:
        return properties(unit, name).get(name, "")
    except (NotPermitted, ServiceFault):
        return ""
