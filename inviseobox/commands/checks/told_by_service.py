"""What the running service says of the server, for those who may not read the token. Pure."""

from collections.abc import Mapping
from typing import Any

from inviseobox import events
from inviseobox.commands.checks.codes import Code
from inviseobox.commands.checks.findings import CONFIGURE, Check, Finding, not_tested, right, wrong
from inviseobox.untrusted import clean_text, number

_WAY = (Check.DNS, Check.SERVER, Check.TLS, Check.TOKEN, Check.API)
_LOOK = "journalctl -x -u inviseobox"


def server(status: Mapping[str, Any]) -> list[Finding]:
    """Return a finding for each check on the way to the server, in their order, from the service's status."""
    found = _failing(status)
    if found is None:
        if has_heard(status):
            return [right(check, Code.SERVICE_SAYS_RIGHT) for check in _WAY]
        return [not_tested(check, Code.NOT_HEARD_YET) for check in _WAY]
    check, cause = found
    before, after = _WAY[: _WAY.index(check)], _WAY[_WAY.index(check) + 1 :]
    command = CONFIGURE if check is Check.TOKEN else _LOOK
    return [
        *(right(one, Code.SERVICE_SAYS_RIGHT) for one in before),
        wrong(check, Code.SERVICE_SAYS_WRONG, command, reason=cause),
        *(not_tested(one, because=check) for one in after),
    ]


def has_heard(status: Mapping[str, Any]) -> bool:
    """Whether the server has answered the service, with the time of day or without."""
    return _mapping(status.get("progress")).get("delivery") is not None or clock_ahead(status) is not None


def _failing(status: Mapping[str, Any]) -> tuple[Check, str] | None:
    for kind, cause in _troubles(status):
        if kind == events.TOKEN.name:
            return Check.TOKEN, cause
        if kind == events.NO_SERVER.name:
            return _place(cause), cause
        if kind == events.SERVER.name:
            return Check.API, cause
    return None


def _place(cause: str) -> Check:
    """Return where the way to the server ends, by the service's own words (network.name_lookup, http_connections)."""
    if "(DNS)" in cause:
        return Check.DNS
    return Check.TLS if "TLS" in cause else Check.SERVER


def clock_ahead(status: Mapping[str, Any]) -> float | None:
    """Return by how many seconds the clock was ahead of the server's at its last answer; None: not known."""
    return number(status.get("clock_ahead_of_server"))


def _troubles(status: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return kind and cause of each trouble; the service is not trusted with a terminal."""
    listed = status.get("troubles")
    entries = [_mapping(one) for one in listed] if isinstance(listed, list) else []
    return [(clean_text(one.get("kind")), clean_text(one.get("cause"))) for one in entries]


def serial_links(status: Mapping[str, Any]) -> dict[str, str]:
    """Return the cause of each serial port that the service reads, empty where it is up, by the port."""
    listed = status.get("links")
    entries = [_mapping(one) for one in listed] if isinstance(listed, list) else []
    ports = [(clean_text(one.get("name")), clean_text(one.get("cause"))) for one in entries]
    return {name: cause for name, cause in ports if name.startswith("/dev/")}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
