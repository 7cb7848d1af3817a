"""The manual pages and the completion of the command line agree with the program."""

import argparse
import re
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import inviseobox
from inviseobox import cli
from inviseobox.commands.exit_status import EX_CONFIG
from inviseobox.configuration import Configuration, parse
from inviseobox.errors import ConfigurationError, NotConfigured

DEBIAN = Path(__file__).parents[2] / "debian"
PAGES = ("inviseobox.1", "inviseobox-config.5", "inviseobox.service.8")
CONFIGURATION_PAGE = (DEBIAN / "inviseobox-config.5").read_text()
COMPLETION = DEBIAN / "inviseobox.bash-completion"
BASH_COMPLETION = "/usr/share/bash-completion/bash_completion"
UNIT = (DEBIAN / "inviseobox.service").read_text()


@dataclass(frozen=True, slots=True)
class Entry:
    """One key as inviseobox-config(5) has it: `default` is TOML, "" if the key has no default."""

    table: str
    key: str
    default: str
    text: str


def plain(text: str) -> str:
    """Return the text of roff source, with the escapes in it replaced by what they stand for."""
    for escape, meaning in (("\\~", " "), ("\\(dq", '"'), ("\\-", "-")):
        text = text.replace(escape, meaning)
    return text


def entries() -> Iterator[Entry]:
    """Yield the keys that inviseobox-config(5) explains, in its order."""
    explained = CONFIGURATION_PAGE.split("\n.SH KEYS\n")[1].split("\n.SH ")[0]
    for part in explained.split("\n.SS ")[1:]:
        title, _, body = part.partition("\n")
        for item in body.split(".TP\n")[1:]:
            heading, _, text = item.partition("\n")
            macro, _, words = plain(heading).partition(" ")
            key, _, value = words.partition(" =")
            # A value that is a word for what goes there stands in italics.
            yield Entry(title.strip("[]"), key, value.strip() if macro == ".B" else "", text)


ENTRIES = tuple(entries())
TABLES = ("", "modbus", "http", "buffer", "log")


def read(values: Mapping[tuple[str, str], str], **more: str) -> Configuration:
    """Parse a configuration with these values, each as TOML, by table and key, and with a token and an address."""
    given = {("", "token"): '"t"', ("", "url"): '"http://localhost/api"', **values}
    lines = []
    for table in TABLES:
        lines += [f"[{table}]"] if table else []
        lines += [f"{key} = {value}" for (its_table, key), value in given.items() if its_table == table]
    return parse("\n".join(lines), "config.toml", read_file=lambda path: more[path])


def known_keys(table: str) -> set[str]:
    """Return the keys of `table` that the program knows, but for tables."""
    with pytest.raises(ConfigurationError) as refused:
        read({(table, "unknown"): "1"})
    return set(str(refused.value).split("known here are ")[1].split(", ")) - set(TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_the_configuration_page_explains_each_key_and_no_other(table: str) -> None:
    name = table or "The box"
    explained = [entry.key for entry in ENTRIES if entry.table == name]
    assert len(explained) == len(set(explained))
    assert set(explained) == known_keys(table)


def test_the_configuration_page_shows_the_defaults() -> None:
    shown = {(entry.table.replace("The box", ""), entry.key): entry.default for entry in ENTRIES if entry.default}
    assert read(shown) == read({})
    without = {entry.key for entry in ENTRIES if not entry.default}
    assert without == {"token", "token_file", "url", "interval", "ca_file"}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.table}.{entry.key}")
def test_the_configuration_page_shows_the_range_of_each_number(entry: Entry) -> None:
    place = (entry.table.replace("The box", ""), entry.key)
    is_number = entry.key == "interval" or entry.default.isdecimal()
    limits = re.search(r"\bFrom (\S+) to (\d+)", entry.text)
    assert (limits is not None) == is_number
    if limits is None:
        return
    low, high = limits[1], limits[2]
    for allowed in (low, high):
        read({place: allowed})
    below = f"{float(low) * 0.9}" if "." in low else str(int(low) - 1)
    for beyond in (below, str(int(high) + 1)):
        # "or 0: one round right after the other"
        if not (beyond == "0" and "or 0:" in entry.text):
            with pytest.raises(ConfigurationError):
                read({place: beyond})


@pytest.mark.parametrize(("key", "table"), [("api", ""), ("level", "log")])
def test_the_configuration_page_names_each_choice(key: str, table: str) -> None:
    (entry,) = (entry for entry in ENTRIES if entry.key == key)
    with pytest.raises(ConfigurationError) as refused:
        read({(table, key): '"?"'})
    choices = re.search(r"must be one of (.+), not", str(refused.value))
    assert choices
    assert set(re.findall(r'"(\w+)"', plain(entry.text))) == set(choices[1].split(", "))


def test_the_examples_of_the_configuration_page_are_valid_and_show_every_key() -> None:
    examples = CONFIGURATION_PAGE.split("\n.SH EXAMPLES\n")[1].split("\n.SH ")[0]
    texts = [part.split("\n.EE")[0] for part in examples.split(".EX\n")[1:]]
    for text in texts:
        parse(text, "config.toml", read_file=lambda _: "a1" * 32)
    used = {(table, key) for text in texts for table, key in _keys(tomllib.loads(text))}
    assert used == {(entry.table.replace("The box", ""), entry.key) for entry in ENTRIES}


def _keys(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from ((name, key) for key in value)
        else:
            yield "", name


@pytest.mark.parametrize("page", PAGES)
def test_the_formatter_has_nothing_to_say_about_a_page(page: str) -> None:
    formatted = subprocess.run(
        ["groff", "-man", "-Tutf8", "-Kutf8", "-ww", "-z", DEBIAN / page], capture_output=True, text=True, check=True
    )
    assert formatted.stderr == ""


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_shipped_names_the_version_and_the_other_pages(page: str) -> None:
    text = (DEBIAN / page).read_text()
    assert f"debian/{page}" in (DEBIAN / "inviseobox.manpages").read_text().split()
    assert f'"inviseobox {inviseobox.__version__}"' in text.splitlines()[0]
    see_also = plain(text.split("\n.SH SEE ALSO\n")[1])
    for other in PAGES:
        name, _, section = other.rpartition(".")
        assert (f".BR {name} ({section})" in see_also) == (other != page)


def test_the_unit_names_pages_that_there_are() -> None:
    named = re.findall(r"man:(\S+)\((\d)\)", UNIT)
    assert {f"{name}.{section}" for name, section in named} <= set(PAGES)


def test_the_page_of_the_service_tells_the_times_that_the_unit_sets() -> None:
    page = (DEBIAN / "inviseobox.service.8").read_text()
    settings = dict(line.split("=", 1) for line in UNIT.splitlines() if re.match(r"\w+=", line))
    assert f"hears nothing for {settings['WatchdogSec']} seconds" in page
    assert f"started again after {settings['RestartSec']} seconds, any number" in page
    assert f"at most {settings['TimeoutStopSec']} seconds" in page
    assert f"take {settings['MemoryMax'].removesuffix('M')} MB of memory" in page
    assert settings["RestartPreventExitStatus"] == str(EX_CONFIG)
    assert f".B {EX_CONFIG}\n" in page


def completed(*words: str, directory: Path) -> set[str]:
    """Return what bash offers for the last of `words` on a command line, with the completion loaded."""
    script = f"""
        source {BASH_COMPLETION}
        source {COMPLETION}
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*"
        COMP_POINT=${{#COMP_LINE}}
        _inviseobox "$1" "${{@: -1}}" "${{@: -2:1}}"
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    offered = subprocess.run(
        ["bash", "--norc", "-c", script, "bash", *words], cwd=directory, capture_output=True, text=True, check=True
    )
    assert offered.stderr == ""
    return {line for line in offered.stdout.splitlines() if line}


def commands() -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of the subcommands, by name."""
    (actions,) = (
        action for action in cli._parser()._actions if isinstance(action, argparse._SubParsersAction)
    )  # argparse offers no other way to ask
    return dict(actions.choices)


def options(parser: argparse.ArgumentParser) -> dict[str, bool]:
    """Return the long options of a parser, and whether each takes a value."""
    return {
        option: action.nargs != 0
        for action in parser._actions
        if action.help != argparse.SUPPRESS
        for option in action.option_strings
        if option.startswith("--")
    }


def test_the_first_word_completes_to_the_commands(tmp_path: Path) -> None:
    assert completed("inviseobox", "", directory=tmp_path) == {*commands(), *options(cli._parser())}
    assert completed("inviseobox", "is", directory=tmp_path) == {"is-configured"}


@pytest.mark.parametrize("command", commands())
def test_a_command_completes_to_its_options(tmp_path: Path, command: str) -> None:
    assert completed("inviseobox", command, "", directory=tmp_path) == set(options(commands()[command]))


@pytest.mark.parametrize("command", commands())
def test_an_option_that_takes_a_value_completes_to_files_or_to_nothing(tmp_path: Path, command: str) -> None:
    (tmp_path / "site.toml").touch()
    (tmp_path / "site.txt").touch()
    for option, takes_value in options(commands()[command]).items():
        if takes_value:
            offered = completed("inviseobox", command, option, "", directory=tmp_path)
            files = {"--config": {"site.toml"}, "--token-file": {"site.toml", "site.txt"}}
            assert offered == files.get(option, set())


def test_a_compose_file_completes_to_files_of_its_kind(tmp_path: Path) -> None:
    for name in ("docker-compose.yml", "compose.yaml", "site.toml"):
        (tmp_path / name).touch()
    offered = completed("inviseobox", "import-compose", "", directory=tmp_path)
    assert offered - set(options(commands()["import-compose"])) == {"docker-compose.yml", "compose.yaml"}


@pytest.mark.parametrize(
    "name", dict.fromkeys([*commands(), *(option for each in commands().values() for option in options(each))])
)
def test_the_page_of_the_command_names_each_command_and_option(name: str) -> None:
    if name != "--help":
        page = plain((DEBIAN / "inviseobox.1").read_text())
        assert re.search(rf'(?m)^\.TP\n\.(B|BI) "?{re.escape(name)}\b', page)


def test_not_configured_is_told_apart_on_the_page_as_in_the_program() -> None:
    with pytest.raises(NotConfigured):
        parse("", "config.toml", read_file=str)
    assert "must be filled in; until then the service is not started" in CONFIGURATION_PAGE
