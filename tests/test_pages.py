"""The technician's pages: the same screens in both languages, and in them only what the commands can say.

That the commands do say it is seen on a machine, by tests/system/test_page_screens.py; here, what a changed sentence
leaves behind in a page.
"""

import gettext
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import pytest

from inviseobox import cli
from inviseobox.commands.checks import words
from inviseobox.commands.checks.findings import Check
from inviseobox.simulator.background import running_site
from tests.support.french import compile_french
from tests.support.pages import LEVELS, PAGES, screens, shape

ROOT = Path(__file__).parents[1]
_CATALOGS = {"en": "inviseobox.catalog", "fr": "inviseobox.fr.catalog"}
_CODE = "".join(path.read_text() for path in sorted((ROOT / "inviseobox").rglob("*.py")))
"""Where the words of the journal stand."""
_MOST_FOLDED = 4
"""Lines that one sentence takes on a screen."""
_DATA = re.compile(
    rf"[\d.,:%\- ]+|[ {LEVELS}]+|[\d.]* *\|[ {LEVELS}]+"
    r"|(?:https?:|/)\S+|\d[\d.]+:\d+|-?port0|t0|domaine\.com"
    r"|(?:sudo|journalctl|systemctl|docker|ip|ls|inviseobox) (?:(?!: ).)+"
    r"|technicien|root|deployed|Simulated box|\{\"message\":\"Unauthorized\"\}"
    r"|No such file or directory|Connection refused|Aucun fichier ou dossier de ce (?:nom|type)|Connexion refusée"
)
"""What is filled in: numbers and times, bars, addresses and paths, commands, and what others say."""
_LINE = re.compile(r"\S+ \d+ [\d:]+ \w+ inviseobox\[\d+\]: (.+)")
_JOINTS = ("* {device} ({place})", "! {device} ({place})", "{name} ({unit})", "{one}, {more}")
"""How sentences and what is filled in stand in one line, beside the joints of the catalog."""


class Language:
    """What the commands can say in one language; the journal says it in English."""

    def __init__(
        self, sentences: Iterable[str], names: frozenset[str], catalog: str, english: "Language | None" = None
    ) -> None:
        self._sentences = [re.split(r"\{[^}]*\}", one.strip()) for one in (*_JOINTS, *filter(None, sentences))]
        self._names = names
        self._english = english or self
        lines = (line.strip() for line in catalog.splitlines())
        self._explanations = [re.compile(re.sub("@[A-Z_]+@", ".+", re.escape(line))) for line in lines if line]
        self.says = lru_cache(maxsize=None)(self._says)

    def _says(self, text: str) -> bool:
        """Whether a text is a sentence of the commands whose gaps are filled in with data or such sentences."""
        if not text or _DATA.fullmatch(text) or text in self._names:
            return True
        likely = (parts for parts in self._sentences if all(part in text for part in parts))
        return any(self._fits(parts, text) for parts in likely)

    def _fits(self, parts: Sequence[str], text: str) -> bool:
        """Whether a text has these parts, and can be said in between."""
        first, *others = parts
        if not text.startswith(first):
            return False
        rest = text.removeprefix(first)
        if not others:
            return not rest
        ends = range(1, len(rest) + 1) if any(others) else (len(rest),)
        return any(
            rest.startswith(others[0], end) and self._fits(others, rest[end:]) and self.says(rest[:end]) for end in ends
        )

    def shows(self, line: str) -> bool:
        """Whether a line is one of a command, a row of a table, or one of the journal or its explanation."""
        if line.startswith("░░"):
            text = line.removeprefix("░░").strip()
            return not text or any(pattern.fullmatch(text) for pattern in self._explanations)
        if said := _LINE.fullmatch(line):
            return all(self._english.says(part) or part in _CODE for part in re.split("[:;] ", said[1]))
        return self.says(line) or all(map(self.says, re.split(r" {2,}", line.strip())))


@pytest.fixture(scope="module")
def languages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Language]:
    """Return what can be said in each language."""
    directory = tmp_path_factory.mktemp("locale")
    compile_french(directory)
    with (directory / "fr/LC_MESSAGES/inviseobox.mo").open("rb") as file:
        catalog = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    # Plurals, which argparse alone has, are under a sentence and a number.
    sentences = {english: french for english, french in catalog.items() if isinstance(english, str)}
    with running_site(rtu=True) as site:
        listed = [one for device in site.devices for one in (device, *device["measurements"])]
    names = frozenset(one[key] for one in listed for key in ("name", "unit") if key in one)
    catalogs = {language: (ROOT / "systemd" / name).read_text() for language, name in _CATALOGS.items()}
    english = Language(sentences, names, catalogs["en"])
    return {"en": english, "fr": Language(sentences.values(), names, catalogs["fr"], english)}


def unexplained(lines: Sequence[str], language: Language) -> list[str]:
    """Return the lines that no command can have shown; a sentence may be folded into several."""
    reached = {0}
    for begin in range(len(lines)):
        if begin in reached:
            ends = range(begin + 1, min(begin + _MOST_FOLDED, len(lines)) + 1)
            reached |= {end for end in ends if language.shows(_unfolded(lines[begin:end]))}
    last = max(reached)
    return [] if last == len(lines) else [lines[last], *unexplained(lines[last + 1 :], language)]


def _unfolded(lines: Sequence[str]) -> str:
    return " ".join([lines[0], *map(str.lstrip, lines[1:])])


@pytest.mark.parametrize("language", PAGES)
def test_a_page_shows_what_the_commands_can_say(languages: dict[str, Language], language: str) -> None:
    for name, screen in screens(PAGES[language].read_text()).items():
        command, *lines = screen.splitlines()
        assert command.startswith("$ "), name
        assert lines, name
        assert unexplained(lines, languages[language]) == [], name


def test_what_no_command_says_is_found(languages: dict[str, Language]) -> None:
    said = ["right: service: it runs", "wrong: token: the server refuses it: No such file", "or directory"]
    assert unexplained(said, languages["en"]) == []
    for line in ("good: service: it runs", "right: service: it is running", "right: rights: it runs well", "* A (b)"):
        assert unexplained([*said, line], languages["en"]) == [line]
    assert unexplained(said, languages["fr"]) == said


def test_both_pages_show_the_same_commands() -> None:
    english, french = (
        {name: screen.splitlines()[0] for name, screen in screens(PAGES[language].read_text()).items()}
        for language in ("en", "fr")
    )
    assert english == french
    assert [*english] == [*french], "in the same order"
    assert len(english) > 9


@pytest.mark.parametrize("language", PAGES)
def test_each_command_in_a_page_is_one(language: str) -> None:
    page = PAGES[language].read_text()
    found = re.findall(r"`(?:sudo )?inviseobox ([^`]+)`", page) + re.findall(
        r"(?m)^\$ (?:sudo )?inviseobox (.+)$", page
    )
    assert len(found) > 20
    for arguments in found:
        cli._parser().parse_args(re.findall(r"'[^']*'|\S+", arguments))


@pytest.mark.parametrize("language", PAGES)
def test_each_check_is_explained_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str) -> None:
    if language == "fr":
        for name, value in compile_french(tmp_path).items():
            monkeypatch.setenv(name, value)
    explained = re.findall(r"(?m)^\| (.+?) \| .+ \|$", PAGES[language].read_text())
    begin = explained.index(words.title(Check.RIGHTS))
    titles = [words.title(check) for check in Check]
    assert explained[begin : begin + len(titles)] == titles


@pytest.mark.parametrize("page", [*PAGES.values(), ROOT / "README.md", ROOT / ".github/CONTRIBUTING.md"])
def test_each_link_leads_somewhere(page: Path) -> None:
    text = page.read_text()
    for link in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", text):
        assert (page.parent / link).exists(), link


def test_the_package_brings_the_pages_along() -> None:
    brought = (ROOT / "debian/inviseobox.docs").read_text().split()
    assert {str(path.relative_to(ROOT)) for path in PAGES.values()} <= set(brought)


def test_screens_that_differ_in_numbers_alone_are_alike() -> None:
    screen = (
        "All is well: 6 of 6.\n  L1   231.5  V  0 s  100%  ▄▂▁\n  L2  9.125  V  1 s  50%  ▄ ▁\n2026-11-26 04:08:05  7"
    )
    later = "All is well: 6 of 6.\n  L1  9.25  V   14 s  7%  █\n  L2   -231.5  V  1 s\n2026-11-27 14:08:05  70.5"
    assert shape(screen) != shape(later), "a chart is missing"
    assert shape(screen) == shape(later.replace("1 s\n", "1 s  ▁▂█\n"))
    assert shape("it runs\n2 a\n3 a\nb") == shape("it runs\n2 a\nb")
    assert shape("it runs") != shape("it does not run")
    assert shape("12.5 |█\n     |██\n9.25 |██") == shape("-9.25 | █\n      |██\n-12.5 |██")
