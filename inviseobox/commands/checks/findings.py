"""What a check found: right, wrong, or not tested because of which other check; and the verdict. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from inviseobox.commands.checks.codes import Code


class Check(StrEnum):
    """What is checked, in the order in which it is told; the values are for programs and keep their names."""

    RIGHTS = "rights"
    CONFIGURATION = "configuration"
    DISK = "disk"
    SERVICE = "service"
    DNS = "dns"
    SERVER = "server"
    TLS = "tls"
    TOKEN = "token"  # noqa: S105
    API = "api"
    SERIAL_PORTS = "serial_ports"
    CLOCK = "clock"
    SYNCHRONISATION = "time_synchronisation"
    UPDATES = "updates"
    PASSWORD = "default_password"  # noqa: S105


class State(StrEnum):
    """What came out of a check; the values are for programs and keep their names."""

    RIGHT = "right"
    WRONG = "wrong"
    NOT_TESTED = "not tested"


_SERVER_WAY = (Check.RIGHTS, Check.CONFIGURATION, Check.DNS, Check.SERVER, Check.TLS)
_NEEDED: Mapping[Check, tuple[Check, ...]] = {
    Check.CONFIGURATION: (Check.RIGHTS,),
    Check.SERVICE: (Check.CONFIGURATION,),
    Check.DNS: _SERVER_WAY[:2],
    Check.SERVER: _SERVER_WAY[:3],
    Check.TLS: _SERVER_WAY[:4],
    Check.TOKEN: _SERVER_WAY,
    Check.API: (*_SERVER_WAY, Check.TOKEN),
    Check.SERIAL_PORTS: (Check.RIGHTS, Check.CONFIGURATION, Check.SERVICE, *_SERVER_WAY[2:], Check.TOKEN, Check.API),
    Check.CLOCK: (*_SERVER_WAY, Check.TOKEN, Check.API),
    Check.SYNCHRONISATION: (Check.CLOCK,),
    Check.PASSWORD: (Check.RIGHTS,),
}
"""Which checks must not be wrong, or not tested themselves, so that one can be made; the first cause first."""
_CONSEQUENCE_OF: Mapping[Check | Code, tuple[Check, ...]] = {
    Check.SERVICE: (Check.CONFIGURATION, Check.DISK),
    Check.SYNCHRONISATION: (Check.CLOCK,),
    Code.CANNOT_LOOK: (Check.DISK, Check.DNS, Check.SERVER, Check.CLOCK),
}
"""What is wrong with one is no fault of its own while one of these is wrong: a box has one cause for one fault."""

CONFIGURE = "sudo inviseobox configure"
"""What to type next where the settings are missing or wrong."""
EDIT = "sudoedit /etc/inviseobox/config.toml"
"""What to type next where a setting is wrong that is not asked for."""
AGAIN = "inviseobox check"
"""What to type next where only another look tells more."""
_ON_THE_MACHINE = (Check.RIGHTS, Check.CONFIGURATION, Check.DISK, Check.SERVICE, Check.PASSWORD)
"""What has an answer at once on a machine that is all right, whatever the network is like."""
_WHAT_HANGS = "sudo dmesg | tail -n 50"

_DEPENDENT = (Code.DEPENDS, Code.ROOT_ONLY)
"""What is said of a check that was not tested, unless another check is the cause."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: `code` and `fields` say it, `command` is what to type next where it is wrong.

    `because` is the check on which one that was not tested depends, None where it was not tested for another reason.
    """

    check: Check
    state: State
    code: Code
    fields: Mapping[str, str] = field(default_factory=dict)
    command: str = ""
    because: Check | None = None


def right(check: Check, code: Code, **fields: object) -> Finding:
    """Return that a check found nothing wrong."""
    return Finding(check, State.RIGHT, code, _texts(fields))


def wrong(check: Check, code: Code, command: str, **fields: object) -> Finding:
    """Return that a check found something wrong, and the `command` to type next."""
    return Finding(check, State.WRONG, code, _texts(fields), command)


def not_tested(check: Check, code: Code = Code.DEPENDS, because: Check | None = None, **fields: object) -> Finding:
    """Return that a check could not be made: because of another one, or for the reason that `code` says."""
    return Finding(check, State.NOT_TESTED, code, _texts(fields), because=because)


def _texts(fields: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in fields.items()}


def late(check: Check, before: Iterable[Finding], seconds: float) -> Finding:
    """Return what to tell of a check that has no result in time, after those that were told `before`.

    The first one that needs the machine alone is wrong, for something hangs; the others may have waited for it.
    """
    stuck = next((one.check for one in before if one.code is Code.TOO_LATE and one.state is State.WRONG), None)
    if stuck is None and check in _ON_THE_MACHINE:
        return wrong(check, Code.TOO_LATE, _WHAT_HANGS, seconds=f"{seconds:.0f}")
    return not_tested(check, Code.TOO_LATE, because=stuck, seconds=f"{seconds:.0f}")


def settled(finding: Finding, before: Mapping[Check, Finding]) -> Finding:
    """Return the finding as it is told after those that were told `before`, so that one cause is told once."""
    if finding.because is not None and finding.code is Code.TOO_LATE:
        return _depending(finding, finding.because)
    if finding.state is State.RIGHT or finding.because is not None:
        return finding
    if finding.state is State.WRONG:
        possible = _CONSEQUENCE_OF.get(finding.code) or _CONSEQUENCE_OF.get(finding.check, ())
        causes = [check for check in possible if _is(before, check, State.WRONG)]
        return _depending(finding, causes[0]) if causes else finding
    if finding.code not in _DEPENDENT:
        return finding
    needed = [check for check in _NEEDED.get(finding.check, ()) if check in before]
    for check in needed:
        if before[check].state is State.WRONG:
            return _depending(finding, check)
    untested = [before[check] for check in needed if before[check].state is State.NOT_TESTED]
    if finding.code is not Code.DEPENDS or not untested:
        return finding
    # Rather the cause of one of them than one that was not tested for a reason of its own.
    return _depending(finding, next((one.because for one in untested if one.because), untested[0].check))


def _is(before: Mapping[Check, Finding], check: Check, state: State) -> bool:
    return check in before and before[check].state is state


def _depending(finding: Finding, check: Check) -> Finding:
    return replace(finding, state=State.NOT_TESTED, code=Code.DEPENDS, fields={}, command="", because=check)


def count(findings: Iterable[Finding], state: State) -> int:
    """Return how many of the findings are in this state."""
    return sum(one.state is state for one in findings)


def verdict(findings: Iterable[Finding]) -> State:
    """Return WRONG if anything is wrong, else RIGHT: what could not be tested is counted beside it."""
    return State.WRONG if count(findings, State.WRONG) else State.RIGHT


def document(findings: Iterable[Finding]) -> dict[str, Any]:
    """Return all of it for programs, as inviseobox(1) describes it; nothing in it is ever translated."""
    told = list(findings)
    return {
        "version": 1,
        "verdict": verdict(told).value,
        "wrong": count(told, State.WRONG),
        "not_tested": count(told, State.NOT_TESTED),
        "checks": [
            {
                "check": one.check.value,
                "state": one.state.value,
                "code": one.code.value,
                "fields": dict(one.fields),
                "command": one.command or None,
                "because": one.because.value if one.because else None,
            }
            for one in told
        ],
    }
