"""The service, by what systemd says of it and by what it answers, and the configuration that it reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inviseobox.commands.checks import rights
from inviseobox.commands.checks.codes import Code
from inviseobox.commands.checks.findings import CONFIGURE, EDIT, Check, Finding, not_tested, right, wrong
from inviseobox.configuration import Configuration
from inviseobox.control.client import ask
from inviseobox.control.protocol import Status
from inviseobox.errors import (
    ConfigurationError,
    DaemonDown,
    NotConfigured,
    NotPermitted,
    RequestRefused,
    ServiceFault,
)
from inviseobox.host import configuration_file
from inviseobox.host.service import Service, ServiceState
from inviseobox.network.http_client import tls_context

_ASK_WITHIN = 3.0
REQUEST = Status(select="\N{FULL BLOCK}" * 40)
"""By a name that no device has: only what the status says of the whole is wanted."""
_JOURNAL = "journalctl -u inviseobox -n 20"


@dataclass(frozen=True, slots=True)
class Settings:
    """What is known of the configuration; none where the user may not read it, or the token is where he sees none."""

    finding: Finding
    configuration: Configuration | None = None
    buffer_path: str = ""


def answer(path: str) -> Mapping[str, Any] | None:
    """Return what the service says of itself, None where it does not answer, or not this user."""
    try:
        lines = ask(REQUEST, path, _ASK_WITHIN)
    except (NotPermitted, DaemonDown, RequestRefused):
        return None
    return lines[0] if lines else None


def settings(path: str, status: Mapping[str, Any] | None, *, may_ask: bool) -> Settings:
    """Read the configuration; where that is not permitted, the service says that it has one, if this user `may_ask`."""
    if not rights.may_read(path):
        if status is None:
            return Settings(not_tested(Check.CONFIGURATION, because=Check.SERVICE if may_ask else Check.RIGHTS))
        return Settings(right(Check.CONFIGURATION, Code.SETTINGS_IN_FORCE))
    try:
        read = configuration_file.load(path, {})
        _check_authorities(read, path)
    except NotConfigured:
        if status is not None:
            # The token is a systemd credential, which only the service sees.
            return Settings(right(Check.CONFIGURATION, Code.SETTINGS_IN_FORCE))
        return Settings(wrong(Check.CONFIGURATION, Code.NOT_CONFIGURED, CONFIGURE, path=path))
    except ConfigurationError as error:
        where = f"{error.source}: {error.key}" if error.key else error.source
        return Settings(wrong(Check.CONFIGURATION, Code.SETTINGS_WRONG, EDIT, where=where, problem=error.problem))
    return Settings(right(Check.CONFIGURATION, Code.SETTINGS_VALID, path=path), read, read.buffer_path)


def _check_authorities(read: Configuration, path: str) -> None:
    try:
        tls_context(read.ca_file)
    except OSError as error:
        problem = f"{read.ca_file} is not a file of certificates: {error.strerror or error}"
        raise ConfigurationError(path, "ca_file", problem) from None


def service(path: str, status: Mapping[str, Any] | None, *, may_ask: bool) -> Finding:
    """Return how the service is; `status` is what it answered, `may_ask` whether it answers this user."""
    if path != configuration_file.DEFAULT_PATH:
        return not_tested(Check.SERVICE, Code.OTHER_FILE, path=configuration_file.DEFAULT_PATH)
    try:
        state = Service().state()
    except (NotPermitted, ServiceFault) as error:
        return not_tested(Check.SERVICE, Code.NO_SYSTEMD, reason=error)
    return judged(state, is_heard=status is not None, may_ask=may_ask)


def judged(state: ServiceState, *, is_heard: bool, may_ask: bool) -> Finding:
    """Judge the state of the unit. Pure."""
    if not state.is_loaded:
        return wrong(Check.SERVICE, Code.NOT_INSTALLED, "sudo apt install inviseobox")
    if state.start.startswith("masked"):
        return wrong(Check.SERVICE, Code.MASKED, "sudo systemctl unmask inviseobox")
    match state.active:
        case "active" | "reloading" if state.start == "disabled":
            return wrong(Check.SERVICE, Code.DISABLED, "sudo systemctl enable inviseobox")
        case "active" | "reloading" if is_heard or not may_ask:
            return right(Check.SERVICE, Code.RUNS)
        case "active" | "reloading":
            return wrong(Check.SERVICE, Code.SILENT, "sudo systemctl restart inviseobox")
        case "failed":
            return wrong(Check.SERVICE, Code.FAILED, _JOURNAL, status=state.exit_status)
        case "activating" if state.sub.startswith("auto-restart"):
            return wrong(Check.SERVICE, Code.ENDS_AGAIN, _JOURNAL, status=state.exit_status)
        case "activating":
            return not_tested(Check.SERVICE, Code.STARTS)
    if state.is_skipped:
        return wrong(Check.SERVICE, Code.SKIPPED, CONFIGURE)
    enable = "enable --now" if state.start == "disabled" else "start"
    return wrong(Check.SERVICE, Code.STOPPED, f"sudo systemctl {enable} inviseobox")
