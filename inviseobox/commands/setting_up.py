"""From settings to a service that reads: tried against the server, written, restarted, waited for."""

import argparse
import contextlib
import shlex
import time
from collections.abc import Callable
from typing import Any

from inviseobox.commands.config_text import Settings, problem, with_settings
from inviseobox.commands.exit_status import EX_CONFIG, EX_UNAVAILABLE, MISUSE, NOT_PERMITTED, WRONG
from inviseobox.commands.first_readings import Standing, longest_wait
from inviseobox.commands.layout import Tone
from inviseobox.commands.retold import error_text, retold
from inviseobox.commands.terminal import Terminal
from inviseobox.configuration import Configuration
from inviseobox.control.client import ask
from inviseobox.control.protocol import SOCKET, Status
from inviseobox.devices.inventory import Inventory
from inviseobox.errors import (
    ConfigurationError,
    DaemonDown,
    DeliveryError,
    NotPermitted,
    OutputLost,
    RequestRefused,
    ServerSlow,
    ServerUnreachable,
    ServiceFault,
    StatusUnreadable,
    TokenRefused,
)
from inviseobox.host import configuration_file, status_file
from inviseobox.host.service import Service
from inviseobox.translation import _

_MOST_SHOWN = 20
"""Devices that are shown one by one; the others are counted."""
_LOOK = 0.25
_LOOK_AT_DEVICES = 0.5
_SAID_AFTER, _SAID_EVERY = 2.0, 5.0
"""Seconds after which it is first said what the server has not done yet, and then again."""
_ANSWER_WITHIN = 2.0
_READY_WITHIN = 60.0
"""Seconds. Saving a damaged database takes longer; then the service is said not to be ready yet."""


class SettingUp:
    """One run of a command that sets the box up; `command` is what a person types for it, without sudo."""

    def __init__(
        self, terminal: Terminal, path: str, command: str, service: Service | None = None, *, is_offline: bool = False
    ) -> None:
        """Change the file at `path`, and restart the service if that is the one that it reads.

        Where it `is_offline` the server is not asked, and no device is waited for.
        """
        self._terminal = terminal
        self._path = path
        self._command = command
        self._is_offline = is_offline
        self.is_written = False
        """Whether the file says what it was to say."""
        self._service = service or (Service() if path == configuration_file.DEFAULT_PATH else None)

    def run(self, ask: Callable[[str], Settings | int]) -> int:
        """Set the box up; return the exit status.

        `ask` is told the text that is in the file, and returns what is to be in it or the exit status to end with.
        """
        try:
            return self._run(ask)
        except NotPermitted as error:
            sentence = _("{what}: only root may change it; run: sudo {command}")
            self._terminal.error(sentence.format(what=error, command=self._command))
            return NOT_PERMITTED
        except OutputLost as error:
            if str(error):
                raise
            # Nobody reads on, but the command did not come to its end.
            return WRONG

    def _run(self, ask: Callable[[str], Settings | int]) -> int:
        try:
            prepared = self._prepare(ask)
        except ConfigurationError as error:
            self._terminal.error(error_text(error))
            return EX_CONFIG
        except (KeyboardInterrupt, EOFError):
            self._terminal.line()
            self._terminal.error(_("stopped; nothing was changed"))
            return WRONG
        if isinstance(prepared, int):
            return prepared
        try:
            return self._start(*prepared)
        except ServiceFault as error:
            sentence = _("the configuration is written, but the service is not restarted: {cause}")
            self._terminal.error(sentence.format(cause=error_text(error)))
            return EX_UNAVAILABLE
        except KeyboardInterrupt:
            self._terminal.error(_("stopped; the configuration is written, the service goes on"))
            return WRONG

    def _prepare(self, ask: Callable[[str], Settings | int]) -> tuple[Configuration, Inventory | None] | int:
        """Find the settings, try them and write them; return what is in force then, or the exit status."""
        text = configuration_file.text_to_change(self._path)
        configuration_file.check_replaceable(self._path)
        settings = ask(text)
        if isinstance(settings, int):
            return settings
        for key, value in settings.given().items():
            if wrong := problem(key, value):
                self._terminal.error(_("{key}: {problem}; nothing was changed").format(key=key, problem=wrong))
                return MISUSE
        changed = with_settings(text, self._path, settings)
        configuration = configuration_file.parsed(changed, self._path)
        if self._is_offline:
            self._check_untried(configuration)
        inventory = None if self._is_offline else self._try(configuration)
        if isinstance(inventory, int):
            return inventory
        if changed == text:
            self._terminal.line(_("{path} says so already").format(path=self._path))
        else:
            configuration_file.replace(self._path, changed)
            self._terminal.line(_("written: {path}").format(path=self._path))
        self.is_written = True
        return configuration, inventory

    def _check_untried(self, configuration: Configuration) -> None:
        """Check what can be checked without the server. Raises ConfigurationError."""
        from inviseobox.commands import server_trial

        server_trial.check_authorities(configuration, self._path)
        self._say(_("the server is not asked; once it can be reached: sudo inviseobox check"), Tone.WARNING)

    def _say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Print a line that is seen at once, also where it goes into a file or a pipe."""
        self._terminal.line(text, tone)
        self._terminal.finish()

    def _try(self, configuration: Configuration) -> Inventory | int:
        """Return the device list that the server has for the box, or the exit status where there is none."""
        terminal = self._terminal
        self._say(_("asking {url} …").format(url=configuration.url))
        if not configuration.token_is_usual:
            self._say(_("the token is not 64 hexadecimal digits; it is tried as it is"), Tone.WARNING)
        # The first line is told before what takes long to load.
        from inviseobox.commands import server_trial

        try:
            inventory = server_trial.device_list(configuration, self._path, _Waiting(self._say).look)
        except DeliveryError as error:
            sentence, status = _told(error)
            terminal.error(sentence.format(cause=error_text(error), option="--offline"))
            return status
        for remark in inventory.remarks.texts:
            terminal.line(retold(remark), Tone.WARNING)
        if not inventory.devices:
            terminal.line(_("the server knows the box; it lists no device for it yet"), Tone.WARNING)
            return inventory
        if inventory.name:
            sentence = _("the server knows the box, as {name}; its devices:")
        else:
            sentence = _("the server knows the box; its devices:")
        terminal.line(sentence.format(name=inventory.name), Tone.GOOD)
        shown = inventory.devices[:_MOST_SHOWN]
        rows = [(one.name, one.link.name if one.link else "", str(len(one.measurements))) for one in shown]
        terminal.table([_("device"), _("link"), _("measurements")], rows)
        if more := len(inventory.devices) - len(shown):
            terminal.line(_("… and {count} more").format(count=more))
        return inventory

    def _start(self, configuration: Configuration, inventory: Inventory | None) -> int:
        """Restart the service and wait until it reads; return the exit status."""
        if self._service is None:
            sentence = _("the service reads {path}; it is not restarted")
            self._terminal.line(sentence.format(path=configuration_file.DEFAULT_PATH))
            return 0
        invocation = self._restart(self._service)
        if not invocation:
            self._terminal.error(_("the service does not start; what it says: journalctl -u inviseobox"))
            return WRONG
        if inventory is None:
            self._terminal.line(_("the service runs"), Tone.GOOD)
            return 0
        return self._verdict(self._wait(self._service, configuration, inventory, invocation), len(inventory.devices))

    def _verdict(self, standing: Standing, of: int) -> int:
        """Tell what gave no value, and how many of the devices did; return the exit status."""
        silent, count = list(standing.silent()), standing.answering
        if silent:
            shown = silent[:_MOST_SHOWN]
            self._terminal.line(_("no value came from:"), Tone.BAD)
            self._terminal.table(
                [_("device"), _("link"), _("cause")], [(one.name, one.link, one.cause) for one in shown]
            )
            if more := len(silent) - len(shown):
                self._terminal.line(_("… and {count} more").format(count=more))
        sentence = _("the service runs; {count} of {of} devices answer")
        self._terminal.line(sentence.format(count=count, of=of), Tone.BAD if silent else Tone.GOOD)
        return WRONG if silent else 0

    def _restart(self, service: Service) -> str:
        """Restart the service; return the id of the run that is ready, empty where it does not get there.

        Raises NotPermitted or ServiceFault.
        """
        self._say(_("the service is restarted …"))
        before = service.state().invocation
        service.restart()
        deadline = time.monotonic() + _READY_WITHIN
        with self._terminal.progress(_("the service starts"), 1):
            while time.monotonic() < deadline:
                state = service.state()
                if state.active == "active" and state.invocation != before:
                    return state.invocation
                if state.active in ("failed", "inactive") and not state.has_job:
                    return ""
                time.sleep(_LOOK)
        return ""

    def _wait(self, service: Service, configuration: Configuration, inventory: Inventory, invocation: str) -> Standing:
        """Wait until everything was read, or has had its chance; Ctrl-C ends the wait."""
        standing = Standing(inventory)
        longest = longest_wait(inventory, configuration)
        deadline = time.monotonic() + longest
        if inventory.devices:
            sentence = _("waiting for first values of {count} devices, for at most {seconds} s …")
            self._say(sentence.format(count=len(inventory.devices), seconds=f"{longest:.0f}"))
        try:
            with self._terminal.progress(_("first readings"), len(inventory.devices)) as show:
                while not standing.is_complete and time.monotonic() < deadline:
                    time.sleep(_LOOK_AT_DEVICES)
                    status = _status(service)
                    if status.get("invocation_id") == invocation:
                        standing = Standing(inventory, status, standing)
                        show(standing.answering)
        except KeyboardInterrupt:
            self._terminal.line()
        return standing


def as_typed(command: str, options: argparse.Namespace, *names: str) -> str:
    """Return what a person types for this command with those of the options that he gave."""
    words = ["inviseobox", command]
    for name in names:
        value = getattr(options, name)
        if value and value != configuration_file.DEFAULT_PATH:
            words += ["--" + name.replace("_", "-"), *([] if value is True else [str(value)])]
    return shlex.join(words)


def _status(service: Service) -> dict[str, Any]:
    """Return what the daemon says, else what it wrote last; empty where that is nothing."""
    try:
        top, *devices = ask(Status(), str(service.status_path.with_name(SOCKET)), _ANSWER_WITHIN)
    except (DaemonDown, NotPermitted, RequestRefused, ValueError):
        with contextlib.suppress(StatusUnreadable):
            return status_file.read(service.status_path)
        return {}
    return {**top, "devices": devices}


class _Waiting:
    """Says now and then what the server has not done yet."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._due = _SAID_AFTER

    def look(self, stage: str, seconds: float, arrived: int) -> None:
        """Say it, if it is due, after so many `seconds` of a request of which `arrived` bytes have come."""
        if seconds < self._due:
            return
        self._due = seconds + _SAID_EVERY
        sentence = _("… its answer comes slowly: {count} bytes within {seconds} s") if arrived else "… {cause}"
        cause = retold(f"{stage} within {seconds:.0f} s")
        self._say(sentence.format(cause=cause, count=arrived, seconds=f"{seconds:.0f}"))


def _told(error: DeliveryError) -> tuple[str, int]:
    """Return the sentence and the exit status for a server that gave no device list."""
    match error:
        case TokenRefused():
            return _("token: {cause}; nothing was changed"), WRONG
        case ServerUnreachable():
            sentence = _(
                "server: {cause}; nothing was changed; check the url and the network, or write the settings untried "
                "with {option}"
            )
            return sentence, EX_UNAVAILABLE
        case ServerSlow():
            sentence = _("server: {cause}; nothing was changed; try again, or write the settings untried with {option}")
            return sentence, EX_UNAVAILABLE
    return _("server: {cause}; nothing was changed"), WRONG
