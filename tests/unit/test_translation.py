"""The commands speak English and French: no sentence is without its French one, and none says more or less."""

import argparse
import ast
import os
import re
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import inviseobox
from inviseobox import translation
from tests.support.french import LOCALE, SOURCE, compile_french

CHECKOUT = Path(inviseobox.__file__).parents[1]
MARKS = {"_", "marked", "m"}
SAME = {
    "options", "cause", "configuration", "service", "Service", "Min", "Max", "Diff", "version {version}",
    "exception {code} ({cause})",
}  # fmt: skip
"""Sentences that are alike in both languages, beside those that hold nothing but fields and signs of units."""
NO_WORDS = re.compile(r"(\{.*?\}|\b(s|min|h)\b|[^\w])*")
FOR_PROGRAMMERS = re.compile(
    r"conflicting|conflict_resolution|__call__|mode %r|cannot merge|'required' is|invalid option string"
    r"|dest=|not callable|mutually exclusive"
)
"""What argparse says of a parser that is put together wrongly, whatever a person types."""


def catalog(path: Path) -> dict[str, list[str]]:
    """Read a .po file: each sentence with its translations, of which there are several where it has a plural."""
    plain = subprocess.run(["msgcat", "--no-wrap", path], capture_output=True, text=True, check=True).stdout
    found: dict[str, list[str]] = {}
    sentence = ""
    for line in plain.splitlines():
        word, _, text = line.partition(" ")
        if word == "msgid":
            sentence = ast.literal_eval(text)
        elif word.startswith("msgstr"):
            found.setdefault(sentence, []).append(ast.literal_eval(text))
        elif line.startswith('"') and sentence:
            # msgcat breaks behind each \n all the same.
            if found.get(sentence):
                found[sentence][-1] += ast.literal_eval(line)
            else:
                sentence += ast.literal_eval(line)
        elif line.startswith('"') and not found.get(""):
            sentence += ast.literal_eval(line)
    found.pop("", None)
    return found


FRENCH = catalog(SOURCE)
ARGPARSE = catalog(LOCALE / "argparse.pot")


def calls(path: Path, names: set[str]) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names and node.args:
            yield node


def literals(path: Path, names: set[str]) -> Iterator[str]:
    """Yield the sentences that are marked in a source: whole literals, or two that are chosen from."""
    for call in calls(path, names):
        for argument in call.args[: 2 if call.func.id == "ngettext" else 1]:  # type: ignore[attr-defined]
            match argument:
                case ast.Constant(value=str(text)):
                    yield text


IN_SOURCES = {
    text: str(path.relative_to(CHECKOUT))
    for path in sorted((CHECKOUT / "inviseobox").rglob("*.py"))
    for text in literals(path, MARKS)
}


def ready_to_fill(sentence: str) -> str:
    quoted = sentence.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'#: {IN_SOURCES[sentence]}\nmsgid "{quoted}"\nmsgstr ""\n'


def test_every_sentence_of_the_commands_has_a_french_one() -> None:
    missing = [ready_to_fill(text) for text in IN_SOURCES if not all(FRENCH.get(text, [""]))]
    assert not missing, "run `make translations` and write the French of these into inviseobox/locale/fr.po:\n\n" + (
        "\n".join(missing)
    )


def test_every_word_of_argparse_has_a_french_one() -> None:
    assert [text for text in ARGPARSE if not all(FRENCH.get(text, [""]))] == []


def test_no_french_sentence_is_left_over() -> None:
    left = sorted(FRENCH.keys() - IN_SOURCES.keys() - ARGPARSE.keys())
    assert left == [], "`make translations` takes them out of inviseobox/locale/fr.po"


def fields(sentence: str) -> set[str]:
    """Return what is filled in, in either of the two ways."""
    by_percent = set(re.findall(r"%(?:\(\w+\))?[a-z]", sentence))
    if by_percent:
        return by_percent
    return {f"{name}:{form}" for _, name, form, _ in string.Formatter().parse(sentence) if name is not None}


@pytest.mark.parametrize("sentence", FRENCH)
def test_a_french_sentence_fills_in_the_same_and_can_be_shown_everywhere(sentence: str) -> None:
    for french in FRENCH[sentence]:
        assert fields(french) == fields(sentence)
        assert sentence.endswith("\n") == french.endswith("\n")
        assert french != sentence or sentence in SAME or NO_WORDS.fullmatch(sentence)
        # A terminal that is not of UTF-8 is of Latin-1 or Latin-9, which lack the marks of typesetters.
        assert {mark for mark in french if ord(mark) > 255} <= {"…"} & set(sentence)
        # Where French wants a blank before a mark, but not within an address or before a port or a time.
        assert not re.search(r"[^\s:/\d][;!?](\s|$)|\w:(\s|$)", french)


def test_every_sentence_is_one_whole_literal() -> None:
    """A glued or computed one is in no catalog. What was marked elsewhere may come in a variable."""
    computed = [
        f"{path.name}:{call.lineno}"
        for path in sorted((CHECKOUT / "inviseobox").rglob("*.py"))
        for call in calls(path, MARKS)
        if isinstance(call.args[0], ast.JoinedStr | ast.BinOp | ast.Call | ast.Attribute)
    ]
    assert computed == []


def test_argparse_says_nothing_else_to_people_in_this_python() -> None:
    said = set(literals(Path(argparse.__file__), {"_", "ngettext"}))
    said -= {text for text in said if FOR_PROGRAMMERS.search(text)}
    plurals = {"expected %s arguments"}
    assert said - plurals <= ARGPARSE.keys()
    assert "usage: " in said


def answered(directory: Path, *arguments: str, **variables: str) -> tuple[int, str]:
    """Run a command of the checkout; return its exit status and all that it said."""
    # The plain environment: no language of whoever runs the tests.
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), "COLUMNS": "120", **variables}
    environment = {"TEXTDOMAINDIR": str(directory), **environment}
    command = [sys.executable, "-m", "inviseobox", *arguments]
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False
    )
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def french(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a compiled French catalog."""
    directory = tmp_path_factory.mktemp("locale")
    compile_french(directory)
    return directory


def test_the_help_is_french_argparses_words_included(french: Path) -> None:
    english = {text for text in (*IN_SOURCES, *ARGPARSE) if " " in text and not fields(text)}
    commands = ("configure", "import-compose", "rejected", "is-configured", "run", "demo", "check", "status", "history")
    for command in ((), *((name,) for name in commands)):
        status, help_text = answered(french, *command, "--help", LC_ALL="fr_FR.UTF-8")
        assert status == 0
        assert help_text.startswith("utilisation : inviseobox")
        assert "afficher cette aide et quitter" in help_text
        assert {text for text in english if text in " ".join(help_text.split())} == set()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "ces arguments sont obligatoires : COMMANDE"),
        (("nothing",), "argument COMMANDE : choix impossible : 'nothing'"),
        (("configure", "--interval"), "argument --interval : une valeur est attendue"),
        (("configure", "--interval", "-1"), "argument --interval : "),
        (("configure", "--interval", "x"), "argument --interval : il faut un nombre entier de 1 à 86400, et non x"),
        (("configure", "--token-stdin", "--token-file", "f"), "incompatible avec l'argument --token-stdin"),
        (("configure", "--token-stdin=5"), "argument --token-stdin : ne prend pas de valeur, mais a reçu '5'"),
        (("configure", "--to", "5"), "option ambiguë : --to peut désigner --token-file, --token-stdin"),
        (("configure", "--token", "5"), "tout le monde sur cette machine pourrait lire le jeton"),
        (("rejected", "--no", "more"), "arguments inconnus : --no more"),
        (("import-compose",), "ces arguments sont obligatoires : FICHIER"),
    ],
)
def test_a_misuse_is_told_in_french(french: Path, arguments: tuple[str, ...], said: str) -> None:
    status, text = answered(french, *arguments, LANG="fr_FR.UTF-8")
    assert status == 2
    assert said in text
    assert re.fullmatch(r"inviseobox.* : .* ; voir : inviseobox.* --help\n", text)


@pytest.mark.parametrize(
    ("variables", "is_french"),
    [
        ({}, False),
        ({"LANG": "fr_FR.UTF-8"}, True),
        ({"LANG": "fr_BE"}, True),
        ({"LANG": "de_DE.UTF-8"}, False),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "fr_FR.UTF-8"}, True),
        ({"LANG": "fr_FR.UTF-8", "LC_ALL": "en_US.UTF-8"}, False),
        ({"LANG": "fr_FR.UTF-8", "LC_ALL": ""}, True),
        ({"LANG": "de_DE.UTF-8", "LANGUAGE": "de:fr"}, True),
        ({"LANG": "fr_FR.UTF-8", "LANGUAGE": "en:fr"}, False),
        ({"LANG": "fr_FR.UTF-8", "LANGUAGE": "de:en_GB.UTF-8:fr"}, False),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "eno:fr:en"}, True),
        ({"LANGUAGE": "fr"}, False),
        ({"LANGUAGE": "fr", "LC_ALL": "C.UTF-8"}, False),
        ({"LANGUAGE": "fr", "LANG": "POSIX"}, False),
    ],
)
def test_the_language_is_found_as_gettext_finds_it(french: Path, variables: dict[str, str], is_french: bool) -> None:
    _, text = answered(french, "configure", "--interval", "0", **variables)
    # What argparse says and what we say.
    assert ("argument --interval : il faut" in text) is is_french
    assert ("argument --interval: must be" in text) is not is_french


def test_without_a_catalog_or_with_a_damaged_one_it_is_english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in compile_french(tmp_path).items():
        monkeypatch.setenv(name, value)
    assert translation._("first readings") == "premières lectures"
    assert translation.is_translated()
    for damage in (b"", b"no catalog", (tmp_path / "fr/LC_MESSAGES/inviseobox.mo").read_bytes()[:200]):
        elsewhere = tmp_path / f"damaged{len(damage)}"
        (elsewhere / "fr" / "LC_MESSAGES").mkdir(parents=True)
        (elsewhere / "fr" / "LC_MESSAGES" / "inviseobox.mo").write_bytes(damage)
        monkeypatch.setenv("TEXTDOMAINDIR", str(elsewhere))
        assert translation._("first readings") == "first readings"
        status, text = answered(elsewhere, "--help", LC_ALL="fr_FR.UTF-8")
        assert (status, text[:6]) == (0, "usage:")
    monkeypatch.setenv("TEXTDOMAINDIR", str(tmp_path / "nothing"))
    assert translation._("first readings") == "first readings"
    assert not translation.is_translated()


def test_msgfmt_finds_nothing_wrong_with_the_catalog() -> None:
    checked = subprocess.run(
        ["msgfmt", "--check", "--statistics", "--output-file=/dev/null", SOURCE],
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, f"{len(FRENCH)} translated messages.\n")
