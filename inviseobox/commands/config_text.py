"""The text of config.toml with other settings in it: only their lines change, every comment stays. Pure."""

import re
import tomllib
from dataclasses import dataclass, field
from typing import Any

from inviseobox.commands.retold import retold
from inviseobox.configuration import parse
from inviseobox.errors import ConfigurationError
from inviseobox.translation import _

_LINES = re.compile(r"[^\n]*\n|[^\n]+")
# The last two are no TOML, but what people write: a text without quotation marks, or without the second one.
_VALUE = r""" "(?:[^"\\]|\\.)*" | '[^']*' | [^\s\#"'\[{][^\s\#]* | ["'][^"'\#]* """
_SETTING = r"""(?x) ^ (?P<before>\s*) {mark} (?P<key>(?P<quote>["']?) {key} (?P=quote)) (?P<equals>\s*=\s*)
    (?: {value} )? (?P<after>\s*(?:\#.*)?) $"""
_TABLE = re.compile(r"\s*\[")
_ANY_SETTING = re.compile(r"\s*[\w\"'.-]+\s*=")


@dataclass(frozen=True, slots=True)
class Settings:
    """What is to stand in the file; None leaves what stands there. `interval` in seconds."""

    token: str | None = field(default=None, repr=False)
    url: str | None = None
    interval: int | None = None

    def given(self) -> dict[str, str | int]:
        """Return those that are to be written, by key."""
        all_of_them = {"token": self.token, "url": self.url, "interval": self.interval}
        return {key: value for key, value in all_of_them.items() if value is not None}


def with_settings(text: str, source: str, settings: Settings) -> str:
    """Return the text of the file `source` with these settings, in place of their lines or of commented ones.

    A token takes the place of token_file, too, whose line becomes a comment. Raises ConfigurationError where the text
    cannot be changed line by line, or where what came out would say anything else.
    """
    lines = _LINES.findall(text)
    ending = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    given = settings.given()
    for key, value in given.items():
        _set(lines, key, _toml(value), ending)
    if "token" in given and (place := _found(lines, "token_file", "")) is not None:
        lines[place] = "#" + lines[place]
    changed = "".join(lines)
    _compare(text, changed, source, given)
    return changed


def problem(key: str, value: str | int) -> str | None:
    """Say what is wrong with a value for `key`, and what would be right; None where nothing is."""
    given: dict[str, Any] = {"token": "t", "url": "http://localhost/api", key: value}
    text = "".join(f"{name} = {_toml(one)}\n" for name, one in given.items())
    try:
        parse(text, "", read_file=str)
    except ConfigurationError as error:
        return retold(error.problem)
    return None


def _set(lines: list[str], key: str, value: str, ending: str) -> None:
    place = _found(lines, key, "")
    if place is None:
        place = _found(lines, key, r"\#\s*")
    if place is None:
        place = _end_of_settings(lines)
        if place and not lines[place - 1].endswith("\n"):
            lines[place - 1] += ending
        lines.insert(place, f"{key} = {value}{ending}")
        return
    body = lines[place].rstrip("\r\n")
    match = _matched(body, key, "") or _matched(body, key, r"\#\s*")
    assert match is not None  # noqa: S101
    rest = lines[place][len(body) :]
    lines[place] = f"{match['before']}{match['key']}{match['equals'].rstrip()} {value}{match['after']}{rest}"


def _matched(line: str, key: str, mark: str) -> re.Match[str] | None:
    return re.match(_SETTING.format(mark=mark, key=key, value=_VALUE), line)


def _found(lines: list[str], key: str, mark: str) -> int | None:
    """Return the first line in front of the tables that sets the key, or would but for the `mark` in front of it."""
    for place, line in enumerate(lines):
        if _TABLE.match(line):
            break
        if _matched(line.rstrip("\r\n"), key, mark):
            return place
    return None


def _end_of_settings(lines: list[str]) -> int:
    """Return where a further setting goes: after the last one in front of the tables, else after the first comment."""
    last, comment = 0, 0
    for place, line in enumerate(lines):
        if _TABLE.match(line):
            break
        if _ANY_SETTING.match(line):
            last = place + 1
        elif comment == place and line.startswith("#"):
            comment = place + 1
    return last or comment


def _toml(value: str | int) -> str:
    """Write a value in TOML; what is not printable is refused when the text is read."""
    if isinstance(value, int):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _compare(before: str, after: str, source: str, given: dict[str, str | int]) -> None:
    """Make sure that the new text says what is given, and nothing else than the old one did."""
    expected = _read(before)
    now = _read(after)
    if expected is not None:
        expected.update(given)
        if "token" in given:
            expected.pop("token_file", None)
    if now is None or (expected is not None and now != expected) or any(now[key] != given[key] for key in given):
        problem = _(
            "it is written in a way that cannot be changed from here; write {keys} there by hand, in one line each"
        )
        raise ConfigurationError(source, "", problem.format(keys=", ".join(given)))


def _read(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return None
