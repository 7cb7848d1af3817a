"""`inviseobox configure`: asks for url and token, tries them, writes them, and waits until the devices answer."""

import argparse
import sys
import tomllib
from pathlib import Path
from typing import Any

from inviseobox.commands.config_text import Settings, problem
from inviseobox.commands.exit_status import MISUSE
from inviseobox.commands.layout import Tone
from inviseobox.commands.retold import retold
from inviseobox.commands.setting_up import SettingUp, as_typed
from inviseobox.commands.terminal import Terminal
from inviseobox.translation import _

_MAX_TOKEN = 4096
"""Bytes of a token and of what is around it."""


def run(options: argparse.Namespace) -> int:
    """Set the box up with what the options say and a person answers; return the exit status."""
    terminal = Terminal()
    typed = as_typed("configure", options, "url", "token_file", "token_stdin", "interval", "offline", "config")
    setting_up = SettingUp(terminal, options.config, typed, is_offline=options.offline)
    return setting_up.run(lambda text: _settings(options, terminal, text))


def _settings(options: argparse.Namespace, terminal: Terminal, text: str) -> Settings | int:
    """Return what is to be written over the present `text`, or the exit status where something is missing."""
    present = _present(text)
    try:
        token = _given_token(options, terminal)
    except ValueError as error:
        terminal.error(str(error))
        return MISUSE
    url: str | None = options.url
    if terminal.can_ask:
        url = url or _asked_url(terminal, present.get("url"))
        token = token or _asked_token(terminal, bool(present.get("token") or present.get("token_file")))
    elif not (url or present.get("url")):
        terminal.error(_("there is no url yet and nobody to ask for it; give --url"))
        return MISUSE
    elif not (token or present.get("token") or present.get("token_file")):
        terminal.error(_("there is no token yet and nobody to ask for it; give --token-file or --token-stdin"))
        return MISUSE
    return Settings(token or None, url or None, options.interval)


def _present(text: str) -> dict[str, Any]:
    """Return what the file says now; nothing where that is not valid TOML."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}


def _given_token(options: argparse.Namespace, terminal: Terminal) -> str | None:
    """Return the token that an option brings; None without one. Raises ValueError where there is none in it."""
    if options.token_stdin and terminal.can_ask:
        # Typed by hand after all: not in sight, then.
        return _asked_token(terminal, has_one=False)
    if options.token_stdin:
        return _token(sys.stdin.buffer.read(_MAX_TOKEN + 1), _("standard input"))
    if options.token_file is None:
        return None
    try:
        with Path(options.token_file).open("rb") as file:
            content = file.read(_MAX_TOKEN + 1)
    except OSError as error:
        reason = retold(error.strerror or str(error))
        raise ValueError(_("{where}: {problem}").format(where=options.token_file, problem=reason)) from None
    return _token(content, options.token_file)


def _token(content: bytes, source: str) -> str:
    try:
        token = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        token = ""
    if len(content) > _MAX_TOKEN or not token or problem("token", token):
        raise ValueError(_("{source}: it must hold the token and nothing else").format(source=source))
    return token


def _asked_url(terminal: Terminal, present: object) -> str:
    """Ask until there is a valid address; the `present` one is taken for an empty answer. Raises EOFError."""
    default = present if isinstance(present, str) else ""
    while True:
        url = terminal.ask(_("Address of the server (url)"), default)
        wrong = problem("url", url) if url else _("it must be given")
        if not wrong:
            return url
        terminal.line(_("{where}: {problem}").format(where="url", problem=wrong), Tone.BAD)


def _asked_token(terminal: Terminal, has_one: bool) -> str | None:
    """Ask until there is a usable token; None is for an empty answer where the box `has_one`. Raises EOFError."""
    question = _("Token of this box; empty keeps the present one") if has_one else _("Token of this box")
    while True:
        token = terminal.ask_secret(question)
        if not token and has_one:
            return None
        wrong = problem("token", token) if token else _("it must be given")
        if not wrong:
            return token
        terminal.line(_("{where}: {problem}").format(where="token", problem=wrong), Tone.BAD)
