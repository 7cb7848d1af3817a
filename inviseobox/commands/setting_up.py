"""From settings to a service that reads: tried against the server, written, restarted, waited for."""

import argparse
import contextlib
import shlex
from collections.abc import Callable

from inviseobox.commands.config_text import Settings, problem, with_settings
from inviseobox.commands.exit_status import EX_CONFIG, EX_UNAVAILABLE, MISUSE, NOT_PERMITTED, WRONG
from inviseobox.commands.layout import Tone
from inviseobox.commands.restarting import MOST_SHOWN, Restart
from inviseobox.commands.retold import error_text, retold
from inviseobox.commands.terminal import Terminal
from inviseobox.configuration import Configuration
from inviseobox.devices.inventory import Inventory
from inviseobox.errors import (
    ConfigurationError,
    DeliveryError,
    NotPermitted,
    OutputLost,
    ServerSlow,
    ServerUnreachable,
    ServiceFault,
    TokenRefused,
)
from inviseobox.host import configuration_file
from inviseobox.host.service import Service
from inviseobox.translation import _

_SAID_AFTER, _SAID_EVERY = 2.0, 5.0
"""Seconds after which it is first said what the server has not done yet, and then again."""


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
        self._new_text = ""
        self._is_restarted = False
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
            return self._stopped()
        if isinstance(prepared, int):
            return prepared
        try:
            return self._start(*prepared)
        except ServiceFault as error:
            sentence = _("the configuration is written, but the service is not restarted: {cause}")
            self._terminal.error(sentence.format(cause=error_text(error)))
            return EX_UNAVAILABLE
        except KeyboardInterrupt:
            return self._stopped()

    def _stopped(self) -> int:
        """Say how far it came."""
        if not self._stands_there():
            self._terminal.error(_("stopped; nothing was changed"))
        elif self._is_restarted or self._service is None:
            self._terminal.error(_("stopped; the configuration is written, the service goes on"))
        else:
            sentence = _("stopped; the configuration is written, but the service is not restarted: {command}")
            self._terminal.error(sentence.format(command="sudo systemctl restart inviseobox"))
        return WRONG

    def _stands_there(self) -> bool:
        """Whether the new text is in the file: it may have got there just before this was stopped."""
        if self.is_written or not self._new_text:
            return self.is_written
        with contextlib.suppress(ConfigurationError, NotPermitted):
            return configuration_file.text_to_change(self._path) == self._new_text
        return False

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
        if changed != text:
            self._new_text = changed
            configuration_file.replace(self._path, changed)
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
        shown = inventory.devices[:MOST_SHOWN]
        rows = [(one.name, one.link.name if one.link else "", str(len(one.measurements))) for one in shown]
        terminal.table([_("device"), _("link"), _("measurements")], rows)
        if more := len(inventory.devices) - len(shown):
            terminal.line(_("… and {count} more").format(count=more))
        return inventory

    def _start(self, configuration: Configuration, inventory: Inventory | None) -> int:
        """Restart the service if it reads this file, and wait until it reads its devices; return the exit status."""
        restart = Restart(self._terminal, self._service) if self._service else None
        self._is_restarted = restart is not None
        sentence = _("written: {path}") if self._new_text else _("{path} says so already")
        self._terminal.line(sentence.format(path=self._path))
        if restart is None:
            sentence = _("the service reads {path}; it is not restarted")
            self._terminal.line(sentence.format(path=configuration_file.DEFAULT_PATH))
            return 0
        return restart.wait(configuration, inventory)


def as_typed(command: str, options: argparse.Namespace, *names: str) -> str:
    """Return what a person types for this command with those of the options that he gave."""
    words = ["inviseobox", command]
    for name in names:
        value = getattr(options, name)
        if value and value != configuration_file.DEFAULT_PATH:
            words += ["--" + name.replace("_", "-"), *([] if value is True else [str(value)])]
    return shlex.join(words)


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
