"""The journal's catalogs explain every kind of event, in English and French."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from inviseobox import events
from inviseobox.events import Event, field_name

SYSTEMD = Path(__file__).parents[2] / "systemd"
CATALOGS = {"English": SYSTEMD / "inviseobox.catalog", "French": SYSTEMD / "inviseobox.fr.catalog"}
EVENTS = {name: value for name, value in vars(events).items() if isinstance(value, Event)}
PLACEHOLDERS = {"ADRESSE": "ADDRESS", "NOM": "NAME"}
"""What a person is to replace in a command, in French and English."""


@dataclass(frozen=True)
class Entry:
    """One entry: the event that it is for, its headers, its text, and the commands in it."""

    event: str
    id: str
    headers: dict[str, str]
    text: str

    @property
    def commands(self) -> list[str]:
        return [line.strip() for line in self.text.splitlines() if line.startswith("    ")]

    @property
    def prose(self) -> str:
        return "\n".join(line for line in self.text.splitlines() if not line.startswith("    "))


def entries(language: str) -> list[Entry]:
    """Read a catalog: a comment with the event's name, its id, headers, an empty line, the text."""
    _, *blocks = re.split(r"(?m)^(?=# [A-Z_]+\n-- )", CATALOGS[language].read_text())
    found = []
    for block in blocks:
        head, text = block.split("\n\n", 1)
        comment, identity, *headers = head.splitlines()
        named = dict(header.split(": ", 1) for header in headers)
        found.append(Entry(comment.removeprefix("# "), identity.removeprefix("-- "), named, text))
    return found


ALL = [pytest.param(entry, id=f"{language}-{entry.event}") for language in CATALOGS for entry in entries(language)]


@pytest.mark.parametrize("language", CATALOGS)
def test_every_event_has_one_entry_and_every_entry_an_event(language: str) -> None:
    assert [(entry.event, entry.id) for entry in entries(language)] == [
        (name, event.id) for name, event in EVENTS.items()
    ]
    # What the reader above takes for entries are all that journalctl would.
    assert CATALOGS[language].read_text().count("\n-- ") == len(EVENTS)


@pytest.mark.parametrize("entry", ALL)
def test_an_entry_mentions_only_what_its_lines_carry(entry: Entry) -> None:
    about = EVENTS[entry.event].about
    assert isinstance(about, type)
    carried = {field_name(field.name) for field in fields(about)}
    mentioned = set(re.findall("@(.*?)@", entry.headers["Subject"] + entry.text))
    assert mentioned <= carried
    # A name that the server chose must not become part of what a person pastes into a shell.
    assert [command for command in entry.commands if "@" in command] == []


@pytest.mark.parametrize("entry", ALL)
def test_an_entry_has_the_form_that_a_catalog_wants(entry: Entry) -> None:
    assert list(entry.headers)[:2] == ["Subject", "Defined-By"]
    assert entry.headers["Defined-By"] == "InviseoBox"
    assert not entry.headers["Subject"].endswith(".")
    assert entry.prose.strip()
    # journalctl leaves out lines that begin like comments.
    assert re.findall("(?m)^[#;].*", entry.text) == []
    assert [line for line in entry.text.splitlines() if len(line) > 100] == []


@pytest.mark.parametrize(
    ("english", "french"), zip(entries("English"), entries("French"), strict=True), ids=lambda entry: entry.event
)
def test_catalogs_in_both_languages_say_the_same(english: Entry, french: Entry) -> None:
    commands = [re.sub("[A-Z]{3,}", lambda word: PLACEHOLDERS.get(word[0], word[0]), one) for one in french.commands]
    assert commands == english.commands
    assert set(re.findall("@.*?@", french.prose)) == set(re.findall("@.*?@", english.prose))
    assert french.headers["Subject"] != english.headers["Subject"]


def test_the_entry_of_a_silent_device_names_it_and_says_what_to_do() -> None:
    for language in CATALOGS:
        (entry,) = [entry for entry in entries(language) if entry.event == "DEVICE_SILENT"]
        assert "@INVISEOBOX_DEVICE@" in entry.headers["Subject"]
        assert {"@INVISEOBOX_UNIT@", "@INVISEOBOX_LINK@"} <= set(entry.text.split())
        assert entry.commands


def test_journalctl_takes_both_catalogs_without_a_complaint(tmp_path: Path) -> None:
    for path in ("usr/lib/systemd/catalog", "var/lib/systemd/catalog"):
        (tmp_path / path).mkdir(parents=True)
    for catalog in CATALOGS.values():
        shutil.copy(catalog, tmp_path / "usr/lib/systemd/catalog")
    compiled = journalctl(tmp_path, "--update-catalog")
    assert compiled == ""
    listed = journalctl(tmp_path, "--list-catalog")
    assert sorted(line.split()[0] for line in listed.splitlines()) == sorted(event.id for event in EVENTS.values())
    # The database holds both languages; which one is shown depends on the locales of the machine.
    database = (tmp_path / "var/lib/systemd/catalog/database").read_bytes()
    for language in CATALOGS:
        assert all(entry.headers["Subject"].encode() in database for entry in entries(language))


def journalctl(root: Path, *arguments: str) -> str:
    """Run journalctl on the catalogs below `root`; return all that it says."""
    done = subprocess.run(
        ["journalctl", f"--root={root}", "--no-pager", *arguments],
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
