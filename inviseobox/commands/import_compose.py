"""`inviseobox import-compose`: takes over token, url and interval of a box of old, which ran in a container."""

import argparse
import shlex
from pathlib import Path

from inviseobox.commands import compose_file
from inviseobox.commands.compose_file import Composed
from inviseobox.commands.config_text import Settings
from inviseobox.commands.exit_status import MISUSE, WRONG
from inviseobox.commands.layout import Tone
from inviseobox.commands.retold import retold
from inviseobox.commands.setting_up import SettingUp, as_typed
from inviseobox.commands.terminal import Terminal
from inviseobox.errors import ComposeError
from inviseobox.host import containers
from inviseobox.translation import _

_WATCHTOWER = "docker rm --force watchtower"


def run(options: argparse.Namespace) -> int:
    """Set the box up as its predecessor was; return the exit status."""
    terminal = Terminal()
    path = Path(options.file)
    read: list[Composed] = []

    def settings(_text: str) -> Settings | int:
        composed = _read(path, terminal)
        if isinstance(composed, int):
            return composed
        read.append(composed)
        _warn(composed, path, terminal)
        return composed.settings

    typed = f"{as_typed('import-compose', options, 'offline', 'config')} {shlex.quote(options.file)}"
    setting_up = SettingUp(terminal, options.config, typed, is_offline=options.offline)
    status = setting_up.run(settings)
    if not (read and setting_up.is_written):
        return status
    return _farewell(read[0], path, terminal) or status


def _read(path: Path, terminal: Terminal) -> Composed | int:
    """Return what the file says, or the exit status after a line about it."""
    try:
        with path.open("rb") as file:
            content = file.read(compose_file.MAX_SIZE + 1)
    except OSError as error:
        terminal.error(_("{where}: {problem}").format(where=path, problem=retold(error.strerror or str(error))))
        return MISUSE
    try:
        return compose_file.parse(content)
    except ComposeError as error:
        terminal.error(_("{path}: {problem}; nothing was changed").format(path=path, problem=error))
        return WRONG


def _warn(composed: Composed, path: Path, terminal: Terminal) -> None:
    if _runs(composed):
        sentence = _(
            "the old box still runs: with two boxes of one token, values come twice and meters are asked by both; "
            "stop it: {command}"
        )
        terminal.line(sentence.format(command=_stop(path)), Tone.WARNING)


def _farewell(composed: Composed, path: Path, terminal: Terminal) -> int:
    """Say how the old containers are removed; return WRONG while the old box runs, else 0."""
    runs = _runs(composed)
    if runs:
        sentence = _("the old box still runs: two boxes with one token; stop and remove it now: {command}")
        terminal.line(sentence.format(command=_stop(path)), Tone.BAD)
    elif runs is None:
        sentence = _("it is not known whether the old box still runs; stop and remove it: {command}")
        terminal.line(sentence.format(command=_stop(path)), Tone.WARNING)
    else:
        sentence = _("the old box does not run; remove what is left of it: {command}")
        terminal.line(sentence.format(command=_stop(path)))
    if composed.has_watchtower:
        terminal.line(_("this removes its watchtower, too"))
    else:
        terminal.line(_("a watchtower that was started by itself goes with: {command}").format(command=_WATCHTOWER))
    return WRONG if runs else 0


def _stop(path: Path) -> str:
    return f"docker compose -f {shlex.quote(str(path.resolve()))} down"


def _runs(composed: Composed) -> bool | None:
    return containers.old_box_runs(composed.settings.token or "", composed.service)
