"""From the text of config.toml to a Configuration. Pure: `host.configuration_file` reads files and credentials."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from inviseobox.errors import ConfigurationError, NotConfigured
from inviseobox.untrusted import clean_text, shown

DEFAULT_INTERVAL = 1800
MAX_INTERVAL = 86_400
SHORTEST_PERIOD = 0.1
"""Seconds; a shorter period of rounds would mean nothing."""
DEFAULT_BUFFER = "/var/lib/inviseobox/data.db"
DEFAULT_MAX_SIZE = 536_870_912
DEFAULT_LEVEL = "info"


class ApiForm(StrEnum):
    """The two forms in which the server's API exists."""

    DOCUMENTED = "documented"
    DEPLOYED = "deployed"


@dataclass(frozen=True, slots=True)
class ModbusSettings:
    """`period` and `timeout` in seconds; `max_registers` a read, `gap` unused registers that a read may bridge."""

    period: float = 10
    timeout: float = 1
    max_registers: int = 125
    gap: int = 8


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """`period` and `timeout` in seconds, `max_body` in bytes."""

    period: float = 600
    timeout: float = 25
    max_body: int = 1_048_576
    verify_tls: bool = True


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the box was told. `interval` in seconds, None where the server decides; `buffer_max_size` in bytes.

    `api` is None where the box finds out by itself. The token is kept out of the repr, hence out of logs.
    """

    token: str = field(repr=False)
    url: str
    interval: int | None = None
    api: ApiForm | None = None
    ca_file: str | None = None
    modbus: ModbusSettings = ModbusSettings()
    http: HttpSettings = HttpSettings()
    buffer_path: str = DEFAULT_BUFFER
    buffer_max_size: int = DEFAULT_MAX_SIZE
    log_level: str = DEFAULT_LEVEL

    @property
    def token_is_usual(self) -> bool:
        """Whether the token has the form that the server gives out: 64 hexadecimal digits."""
        return len(self.token) == 64 and all(digit in "0123456789abcdefABCDEF" for digit in self.token)


class _Table:
    """One table of the file while it is being read; every key taken is checked, every key left over is an error."""

    def __init__(self, source: str, name: str, content: Mapping[str, Any]) -> None:
        self._source = source
        self._prefix = f"{name}." if name else ""
        self._content = dict(content)
        self._known: list[str] = []

    def error(self, key: str, problem: str) -> ConfigurationError:
        return ConfigurationError(self._source, self._prefix + key, problem)

    def not_configured(self, key: str, problem: str) -> NotConfigured:
        how = f"run: sudo inviseobox configure (or {problem}; then: systemctl restart inviseobox)"
        return NotConfigured(self._source, key, f"not configured yet; {how}")

    def take(self, key: str) -> Any:
        self._known.append(key)
        return self._content.pop(key, None)

    def text(self, key: str, default: str | None, right: str) -> str | None:
        value = self.take(key)
        if value is None:
            return default
        if not isinstance(value, str) or (value and not value.isprintable()):
            raise self.error(key, f"must be {right}, in quotation marks")
        return value

    def number(self, key: str, default: float, low: float, high: float, unit: str) -> float:
        value = self.take(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self.error(key, f"must be a number of {unit} from {low:g} to {high:g}, not {shown(value)}")
        return value

    def whole(self, key: str, default: int, low: int, high: int, unit: str) -> int:
        value = self.take(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.error(key, f"must be a whole number of {unit} from {low} to {high}, not {shown(value)}")
        return value

    def choice(self, key: str, default: str, choices: tuple[str, ...]) -> str:
        value = self.take(key)
        if value is None:
            return default
        if value not in choices:
            raise self.error(key, f"must be one of {', '.join(choices)}, not {shown(value)}")
        return str(value)

    def switch(self, key: str, default: bool) -> bool:
        value = self.take(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.error(key, f"must be true or false, not {shown(value)}")
        return value

    def table(self, key: str) -> "_Table":
        value = self.take(key)
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise self.error(key, f"must be a table, written [{key}]")
        return _Table(self._source, self._prefix + key, value)

    def finish(self) -> None:
        for key in self._content:
            raise self.error(clean_text(key), f"unknown key; known here are {', '.join(sorted(self._known))}")


def parse(
    text: str,
    source: str,
    *,
    credential: str | None = None,
    read_file: Callable[[str], str],
) -> Configuration:
    """Read the text of a configuration file named `source` in errors.

    `credential` is the content of the systemd credential "token", where there is one: it takes the place of a token
    in the file. `read_file` gives the text of the file that `token_file` names, and raises OSError.

    Raises NotConfigured where token or url are not filled in yet, ConfigurationError where anything is wrong.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(source, "", f"not valid TOML: {clean_text(str(error))}") from None
    top = _Table(source, "", document)
    modbus, http, buffer, log = (top.table(name) for name in ("modbus", "http", "buffer", "log"))
    api = top.choice("api", "auto", ("auto", *ApiForm))
    configuration = Configuration(
        token=_token(top, credential, read_file) or "",
        url=_url(top) or "",
        interval=top.whole("interval", 0, 1, MAX_INTERVAL, "seconds") or None,
        api=None if api == "auto" else ApiForm(api),
        ca_file=top.text("ca_file", None, "the path of a file with certificates"),
        modbus=_modbus(modbus),
        http=_http(http),
        buffer_path=buffer.text("path", None, "the path of the database") or DEFAULT_BUFFER,
        buffer_max_size=buffer.whole("max_size", DEFAULT_MAX_SIZE, 1_048_576, 1 << 50, "bytes"),
        log_level=log.choice("level", DEFAULT_LEVEL, ("debug", "info", "warning", "error")),
    )
    for table in (modbus, http, buffer, log, top):
        table.finish()
    missing = [key for key in ("token", "url") if not getattr(configuration, key)]
    if missing:
        raise top.not_configured("", f"write {' and '.join(missing)} there")
    return configuration


def _modbus(modbus: _Table) -> ModbusSettings:
    usual = ModbusSettings()
    return ModbusSettings(
        period=_modbus_period(modbus, usual.period),
        timeout=modbus.number("timeout", usual.timeout, 0.01, 60, "seconds"),
        max_registers=modbus.whole("max_registers", usual.max_registers, 4, 125, "registers"),
        gap=modbus.whole("gap", usual.gap, 0, 124, "registers"),
    )


def _http(http: _Table) -> HttpSettings:
    usual = HttpSettings()
    return HttpSettings(
        period=http.number("period", usual.period, 1, 86_400, "seconds"),
        timeout=http.number("timeout", usual.timeout, 0.1, 600, "seconds"),
        max_body=http.whole("max_body", usual.max_body, 1024, 67_108_864, "bytes"),
        verify_tls=http.switch("verify_tls", usual.verify_tls),
    )


def _modbus_period(modbus: _Table, usual: float) -> float:
    period = modbus.number("period", usual, 0, 86_400, "seconds")
    if 0 < period < SHORTEST_PERIOD:
        raise modbus.error("period", f"must be 0 (one round after the other) or at least {SHORTEST_PERIOD} seconds")
    return period


def _token(top: _Table, credential: str | None, read_file: Callable[[str], str]) -> str | None:
    right = "the token that the Inviseo server shows for this box, normally 64 hexadecimal digits"
    token = top.text("token", None, right)
    path = top.text("token_file", None, "the path of a file that holds the token")
    if token and path:
        raise top.error("token_file", "give either token or token_file, not both")
    if path:
        try:
            token = read_file(path)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a text file"
            raise top.error("token_file", f"{path}: {reason}; it must hold {right}") from None
        if not token.strip():
            raise top.not_configured("token_file", f"{path} is empty")
    elif not token:
        token = credential
    token = (token or "").strip()
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise top.error("token_file" if path else "token", f"must be {right}, without spaces")
    return token or None


def _url(top: _Table) -> str | None:
    url = top.text("url", None, 'the address of the API, for example "https://domaine.com/api"')
    if not url:
        return None
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid or " " in url:
        raise top.error("url", f'must be an http or https address such as "https://domaine.com/api", not {shown(url)}')
    if "?" in url or "#" in url or "@" in parts.netloc:
        raise top.error("url", "must hold neither a user, nor a query (?), nor a fragment (#)")
    return url.rstrip("/")
