"""The updater's own configuration, /etc/inviseobox-updater/config.toml."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from . import nightly
from .errors import SettingsError
from .nightly import Window
from .texts import clean

DEFAULT_PATH = "/etc/inviseobox-updater/config.toml"
SUITES = ("", "stable", "beta")
SHORTEST, LONGEST = 300, 86_400
_MAX_SIZE = 65_536


@dataclass(frozen=True, slots=True)
class Settings:
    """`suite` empty: what the source of apt says; `period` in seconds; `window` None: any time."""

    suite: str = ""
    period: int = 3600
    window: Window | None = nightly.USUAL
    updates_in_window: bool = False
    report_url: str = ""


def load(path: str = DEFAULT_PATH) -> Settings:
    """Read the file; where there is none, all is as usual. Raises SettingsError."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MAX_SIZE + 1)
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    if len(content) > _MAX_SIZE:
        raise SettingsError(f"{path}: is larger than {_MAX_SIZE} bytes")
    try:
        document = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path}: not valid TOML: {clean(str(error))}") from None
    try:
        return _settings(document)
    except ValueError as error:
        raise SettingsError(f"{path}: {error}") from None


def _settings(document: dict[str, Any]) -> Settings:
    """Read the keys. Raises ValueError, which names the key and what would be right."""
    usual = Settings()
    known = {"suite", "period", "window", "updates_in_window", "report_url"}
    for key in document:
        if key not in known:
            raise ValueError(f"{clean(key, 60)}: unknown key; known here are {', '.join(sorted(known))}")
    suite = document.get("suite", usual.suite)
    if suite not in SUITES:
        raise ValueError('suite: must be "stable", "beta" or, for what the source of apt says, ""')
    period = document.get("period", usual.period)
    if type(period) is not int or not SHORTEST <= period <= LONGEST:
        raise ValueError(f"period: must be a whole number of seconds from {SHORTEST} to {LONGEST}")
    only_then = document.get("updates_in_window", usual.updates_in_window)
    if not isinstance(only_then, bool):
        raise ValueError("updates_in_window: must be true or false")
    window = _window(document["window"]) if "window" in document else usual.window
    return Settings(suite, period, window, only_then, _url(document.get("report_url", usual.report_url)))


def _window(value: object) -> Window | None:
    try:
        if isinstance(value, str):
            return nightly.parse(value)
    except ValueError:
        pass
    raise ValueError('window: must be two times of day such as "02:00-05:00" or, for any time, ""')


def _url(value: object) -> str:
    if value == "":
        return ""
    try:
        parts = urlsplit(value) if isinstance(value, str) and value.isprintable() and " " not in value else None
        is_right = parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_right = False
    if not is_right or "@" in str(value) or "#" in str(value):
        raise ValueError("report_url: must be an http or https address, without a user, or empty")
    return str(value)
