"""A docker-compose.yml of a box of old: its token, url and interval. The only file that imports yaml.

What Compose would take from elsewhere (a variable, an env_file) is refused by its name: here nobody knows what it was.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from inviseobox.commands.config_text import Settings, problem
from inviseobox.errors import ComposeError
from inviseobox.translation import _
from inviseobox.untrusted import clean_text

MAX_SIZE = 262_144
"""Bytes; a real one has a few hundred."""
_MAX_DEPTH = 32
_MAX_VALUES = 20_000
"""With those for which aliases stand: each may stand for all that came before, and make a small file a huge one."""
# Compose's interpolation: $$ stands for one $.
_DOLLAR = re.compile(r"\$(?:\$|(?P<name>[A-Za-z_]\w*)|\{(?P<braced>[^}:?+-]*)[^}]*\}?)", re.ASCII)


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Leaves every value the text that it is, for to YAML 0123 and 12:30:45 are numbers; but knows merge keys and null.

    Nor does a tag, as !!int, make it anything else.
    """


_NULL = [("tag:yaml.org,2002:null", re.compile(r"(~|null|Null|NULL|)\Z"))]
_Loader.yaml_implicit_resolvers = {
    "<": [("tag:yaml.org,2002:merge", re.compile(r"<<\Z"))],
    **dict.fromkeys(("", "~", "n", "N"), _NULL),
}
for _kind in ("bool", "int", "float", "timestamp"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", yaml.SafeLoader.construct_yaml_str)


@dataclass(frozen=True, slots=True)
class Composed:
    """What a compose file says: the settings, the service that has them, and whether a watchtower is beside it."""

    settings: Settings
    service: str
    has_watchtower: bool


def parse(content: bytes) -> Composed:
    """Read a compose file. Raises ComposeError: one line that says what is missing or wrong, never the token."""
    services = _services(content)
    name = _service_of_the_box(services)
    environment = _environment(services[name])
    values: dict[str, str | int] = {}
    for key in ("token", "url", "interval"):
        if key == "interval" and key not in environment:
            continue
        value: str | int = _value(key, environment, services[name])
        if key == "interval" and re.fullmatch("[0-9]{1,9}", str(value)):
            value = int(value)
        if wrong := problem(key, value):
            raise ComposeError(_("{where}: {problem}").format(where=key, problem=wrong))
        values[key] = value
    settings = Settings(str(values["token"]), str(values["url"]), _whole(values.get("interval")))
    return Composed(settings, clean_text(name), any(_is_watchtower(*item) for item in services.items()))


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _services(content: bytes) -> dict[str, Mapping[str, Any]]:
    if len(content) > MAX_SIZE:
        raise ComposeError(_("it is longer than {count} bytes").format(count=MAX_SIZE))
    try:
        _check_bounds(content)
        document = yaml.load(content, _Loader)  # noqa: S506 (a SafeLoader)
    except yaml.reader.ReaderError:
        raise ComposeError(_("it is not a text file in UTF-8")) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise ComposeError(_("it is not valid YAML, see line {line}").format(line=line)) from None
    listed = document.get("services") if isinstance(document, dict) else None
    services: dict[str, Mapping[str, Any]] = {}
    if isinstance(listed, dict):
        services = {str(name): one for name, one in listed.items() if isinstance(one, dict)}
    if not services:
        raise ComposeError(_("it has no services; is it the docker-compose.yml of the box?"))
    return services


def _check_bounds(content: bytes) -> None:
    """Raise ComposeError where the file would take more time or memory than one that people write."""
    open_ones: list[tuple[str | None, int]] = []
    sizes: dict[str | None, int] = {}
    count = 0
    for event in yaml.parse(content, _Loader):
        match event:
            case yaml.CollectionStartEvent(anchor=name):
                open_ones.append((name, count))
                count += 1
            case yaml.CollectionEndEvent():
                name, before = open_ones.pop()
                sizes[name] = count - before
            case yaml.AliasEvent(anchor=name):
                count += sizes.get(name, 1)
            case yaml.ScalarEvent():
                count += 1
        if len(open_ones) > _MAX_DEPTH or count > _MAX_VALUES:
            raise ComposeError(_("it is nested too deep or uses too many aliases; is it the one of the box?"))


def _service_of_the_box(services: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the name of the service that has a token; else of the one that lacks it."""
    found = [name for name, service in services.items() if "token" in _environment(service)]
    if len(found) > 1:
        names = ", ".join(map(clean_text, found))
        raise ComposeError(_("several services have a token: {names}; leave only that of the box").format(names=names))
    rest = [name for name, service in services.items() if {"url", "interval"} & _environment(service).keys()]
    others = [name for name, service in services.items() if not _is_watchtower(name, service)]
    return [*found, *rest, *others, *services][0]


def _is_watchtower(name: str, service: Mapping[str, Any]) -> bool:
    return "watchtower" in name or "watchtower" in str(service.get("image", ""))


def _environment(service: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the variables of a service by their names in small letters; None is for one without a value."""
    return {name.strip().lower(): value for name, value in _variables(service.get("environment"))}


def _variables(environment: object) -> Iterator[tuple[str, str | None]]:
    if isinstance(environment, dict):
        for name, value in environment.items():
            yield str(name), str(value) if isinstance(value, str | int | float) else None
    elif isinstance(environment, list):
        for item in environment:
            if isinstance(item, str):
                name, equals, value = item.partition("=")
                yield name, value if equals else None
            elif isinstance(item, dict):
                yield from _variables(item)


def _value(key: str, environment: Mapping[str, str | None], service: Mapping[str, Any]) -> str:
    if key not in environment:
        raise ComposeError(_missing(key, environment, service))
    text = (environment[key] or "").strip()
    for found in _DOLLAR.finditer(text):
        name = found["name"] or found["braced"]
        if name is not None:
            sentence = _("{key} is taken from the variable {name}, which the file does not hold; write its value there")
            raise ComposeError(sentence.format(key=key, name=clean_text(name) or "${}"))
    text = text.replace("$$", "$")
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1]
    if not text:
        raise ComposeError(_("{key} has no value in the file; write it there").format(key=key))
    return text


def _missing(key: str, environment: Mapping[str, str | None], service: Mapping[str, Any]) -> str:
    """Say that a variable is missing, and where it may be."""
    if files := _names(service.get("env_file")):
        sentence = _("{key} is not in the file, but perhaps in its env_file {files}; write it under environment")
        return sentence.format(key=key, files=files)
    if key == "token" and "worker_id" in environment:
        return _("token is missing: the box is older than tokens; take one from the Inviseo administration page")
    return _("{key} is missing under environment").format(key=key)


def _names(files: object) -> str:
    listed = files if isinstance(files, list) else [files]
    paths = (one.get("path") if isinstance(one, dict) else one for one in listed)
    return ", ".join(clean_text(path) for path in paths if isinstance(path, str))
