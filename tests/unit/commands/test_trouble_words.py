"""The sentence of a trouble in both languages, from what status.json tells of it."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pytest

from inviseobox import events
from inviseobox.commands import trouble_words
from inviseobox.events import Trouble, TroubleKind
from inviseobox.health import sentences
from tests.support.french import compile_french

KINDS = [value for value in vars(events).values() if isinstance(value, TroubleKind)]
METER = {"link": "10.0.0.7:502", "unit": "5", "device": "Compteur", "device_id": "d"}


@pytest.fixture(scope="module")
def french_directory(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    return compile_french(tmp_path_factory.mktemp("locale"))


@pytest.fixture
def french(french_directory: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in french_directory.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def english(french: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")


def told(trouble: Trouble) -> dict[str, Any]:
    """Return what status.json tells of a trouble."""
    return {
        "kind": trouble.kind.name,
        "subject": sentences.subject(trouble),
        "cause": trouble.cause,
        "fields": trouble.about.fields(),
    }


def example(kind: TroubleKind[Any], cause: str = "no connection") -> Trouble:
    """Return a trouble of this kind, about things that are called as what they are."""
    about = kind.begins.about
    assert isinstance(about, type)
    return kind(cause, **{field.name: f"its-{field.name}" for field in fields(about)})


@pytest.mark.usefixtures("english")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_in_english_a_command_says_what_the_journal_says(kind: TroubleKind[Any]) -> None:
    trouble = example(kind)
    assert trouble_words.summary(told(trouble)) == sentences.summary(trouble)
    line = trouble_words.summary(told(trouble)) + "; " + trouble_words.advice(told(trouble))
    assert line.removesuffix("; ") == sentences.beginning(trouble)


@pytest.mark.usefixtures("french")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_in_french_every_kind_has_a_sentence_of_its_own(kind: TroubleKind[Any]) -> None:
    trouble = example(kind)
    summary = trouble_words.summary(told(trouble))
    assert summary.endswith(" : pas de connexion")
    # What stays is made of names alone.
    subject = sentences.subject(trouble)
    if not subject.startswith("its-") and subject != "status.json":
        assert trouble_words.subject(told(trouble)) != subject
    assert "(unit " not in summary
    assert (trouble_words.advice(told(trouble)) == "") is (sentences.usual_advice(kind.name) == "")
    assert not sentences.usual_advice(kind.name) or trouble_words.advice(told(trouble)) != sentences.usual_advice(
        kind.name
    )


@pytest.mark.usefixtures("french")
@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        (
            events.DEVICE("no answer within 1 s (modbus.timeout)", **METER),
            "Compteur (numéro 5 sur 10.0.0.7:502) : pas de réponse en 1 s (modbus.timeout)",
        ),
        (
            events.REGISTERS("the device answers exception 3 (illegal data value)", **METER, addresses="0-9"),
            "Compteur (numéro 5 sur 10.0.0.7:502), adresses 0-9 : l'appareil répond : exception 3 (valeur refusée)",
        ),
        (
            events.REGISTERS("it is odd", **METER, addresses="52", measurement="Énergie"),
            "Compteur, Énergie : it is odd",
        ),
        (
            events.CAPPED("full (buffer.max_size): 12 values that the server did not take were dropped"),
            (
                "taille de la base de données : atteinte (buffer.max_size) : "
                "12 valeurs que le serveur n'a pas acceptées ont été abandonnées"
            ),
        ),
        (events.TOKEN("it answered 401: go away"), "jeton (token) : réponse 401 : go away"),
        (
            events.TASK("failed, which is an error in this program: KeyError (upload.py, line 12)", task="upload"),
            "upload : a échoué, ce qui est une erreur de ce programme : KeyError (upload.py, ligne 12)",
        ),
    ],
)
def test_a_trouble_is_told_in_french(trouble: Trouble, sentence: str) -> None:
    assert trouble_words.summary(told(trouble)) == sentence


@pytest.mark.usefixtures("french")
@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        ({"kind": "of tomorrow", "subject": "something", "cause": "no connection"}, "something : pas de connexion"),
        ({"kind": "device", "subject": "a meter", "fields": None}, "a meter : "),
        ({"kind": "value", "fields": {"INVISEOBOX_DEVICE": ["x"], "INVISEOBOX_MEASUREMENT": 5}, "cause": {}}, " : "),
        ({"kind": ["device"], "subject": 7}, " : "),
        ({}, " : "),
        (
            {"kind": "host", "fields": {"INVISEOBOX_LINK": "\x1b[31m{device}"}, "cause": "{0}\nx"},
            "\ufffd[31m{device} : {0}\ufffdx",
        ),
    ],
)
def test_what_no_daemon_would_tell_is_harmless(trouble: dict[str, Any], sentence: str) -> None:
    assert trouble_words.summary(trouble) == sentence
    assert trouble_words.advice(trouble).isprintable()
