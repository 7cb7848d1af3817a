"""The journal's catalogs explain every kind of event of the updater, in English and French."""

import re
import subprocess
from pathlib import Path

import pytest

from inviseobox.updater import events

ROOT = Path(__file__).parents[2]
CATALOGS = {
    "English": ROOT / "systemd/inviseobox-updater.catalog",
    "French": ROOT / "systemd/inviseobox-updater.fr.catalog",
}
EVENTS = {name: value.id for name, value in vars(events).items() if isinstance(value, events.Event) and value.id}


def entries(language: str) -> list[tuple[str, str, str, str]]:
    """Read a catalog: for each entry the event's name, its id, the subject and the text."""
    text = CATALOGS[language].read_text()
    form = r"(?m)^# ([A-Z_]+)\n-- (\w+)\nSubject: (.+)\nDefined-By: InviseoBox\n\n((?:(?!# [A-Z_]+\n-- ).*\n)+)"
    found = re.findall(form, text)
    # What the reader above takes for entries are all that journalctl would.
    assert len(found) == text.count("\n-- ")
    return found


def commands(text: str) -> list[str]:
    """Return the commands that are there to be copied."""
    return re.findall(r"(?m)^    (.+)$", text)


@pytest.mark.parametrize("language", CATALOGS)
def test_every_event_has_one_entry_in_the_order_of_the_events(language: str) -> None:
    assert [(name, identity) for name, identity, _, _ in entries(language)] == list(EVENTS.items())


@pytest.mark.parametrize("language", CATALOGS)
def test_an_entry_has_the_form_that_a_catalog_wants(language: str) -> None:
    for name, _, subject, text in entries(language):
        assert not subject.endswith("."), name
        assert set(re.findall("@.*?@", subject + text)) <= {"@INVISEOBOX_VERSION@"}, name
        # journalctl leaves out lines that begin like comments.
        assert re.findall("(?m)^[#;].*", text) == [], name
        assert [line for line in text.splitlines() if len(line) > 100] == [], name


def test_catalogs_in_both_languages_say_the_same() -> None:
    for english, french in zip(entries("English"), entries("French"), strict=True):
        assert commands(english[3]) == commands(french[3])
        assert english[2] != french[2]


@pytest.mark.parametrize("script", ["repair.sh", "rescue-updater.sh"])
def test_a_script_tells_of_an_event_that_is_explained(script: str) -> None:
    told = re.findall(r"(?m)^MESSAGE_ID=(\w+)$", (ROOT / "debian/updater" / script).read_text())
    assert len(told) == 1
    assert set(told) <= set(EVENTS.values())


def test_journalctl_takes_both_catalogs_without_a_complaint(tmp_path: Path) -> None:
    folder = tmp_path / "usr/lib/systemd/catalog"
    folder.mkdir(parents=True)
    (tmp_path / "var/lib/systemd/catalog").mkdir(parents=True)
    for catalog in CATALOGS.values():
        (folder / catalog.name).write_bytes(catalog.read_bytes())
    for words, expected in ((["--update-catalog"], 0), (["--list-catalog"], len(EVENTS))):
        command = ["journalctl", f"--root={tmp_path}", "--no-pager", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert (len(done.stdout.splitlines()), done.stderr) == (expected, "")
