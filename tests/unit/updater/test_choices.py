"""Which version is taken, when, and what apt is told of bad ones."""

import os
import subprocess
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.updater import nightly, pins
from inviseobox.updater.versions import NEVER, Offer, Refused, Waits, choose


def is_newer(one: str, other: str) -> bool:
    return int(one) > int(other)


def chosen(
    candidate: str | None,
    offers: list[Offer],
    *,
    installed: str = "1",
    schema: int = 5,
    later: int = NEVER,
    bad: tuple[str, ...] = (),
) -> object:
    return choose(
        candidate,
        offers,
        installed=installed,
        schema_to_go_back_to=schema,
        schema_later=later,
        bad=bad,
        is_newer=is_newer,
    )


def test_the_candidate_is_taken_where_its_database_can_be_read_after_it() -> None:
    assert chosen("3", [Offer("2", 5, 5), Offer("3", 6, 5)]) == Offer("3", 6, 5)


def test_a_version_that_tells_nothing_of_its_database_is_taken() -> None:
    assert chosen("2", [], schema=0) == Offer("2")


def test_of_several_versions_the_newest_that_fits_is_taken_first() -> None:
    offers = [Offer("2", 6, 5), Offer("10", 7, 6), Offer("9", 6, 5), Offer("11", 8, 7)]
    assert chosen("11", offers) == Offer("9", 6, 5)
    assert chosen("11", offers, installed="9", schema=6) == Offer("10", 7, 6)
    assert chosen("11", offers, installed="10", schema=7) == Offer("11", 8, 7)


def test_where_nothing_in_between_fits_it_is_refused_with_a_reason() -> None:
    found = chosen("3", [Offer("2", 7, 6), Offer("3", 8, 7)])
    assert isinstance(found, Refused)
    assert found.version == "3"
    assert "schema 7" in found.reason
    assert "schema 5" in found.reason


def test_a_version_waits_until_what_is_installed_is_the_only_one_to_go_back_to() -> None:
    offers = [Offer("2", 5, 5), Offer("3", 7, 6), Offer("4", 8, 7)]
    assert chosen("4", offers, later=7) == Offer("2", 5, 5)
    assert chosen("4", offers, installed="2", later=6) == Waits("3")
    assert chosen("4", offers, installed="2", later=7) == Waits("4")
    assert chosen("4", offers, installed="2", later=7, bad=("4",)) == Waits("3")
    assert isinstance(chosen("4", offers, installed="2", later=5), Refused)


def test_a_bad_version_is_not_taken() -> None:
    assert chosen("3", [Offer("3")], bad=("3",)) is None
    assert chosen("3", [Offer("2"), Offer("3")], bad=("3",)) == Offer("2")


@pytest.mark.parametrize("candidate", [None, "1", "0"])
def test_nothing_is_taken_where_apt_would_take_nothing_newer(candidate: str | None) -> None:
    assert chosen(candidate, [Offer("0"), Offer("2")]) is None


offers = st.lists(st.builds(Offer, st.integers(0, 30).map(str), st.integers(0, 9), st.integers(0, 9)), max_size=8)


@given(st.integers(0, 30).map(str), offers, st.integers(0, 30), st.integers(0, 9), st.sets(st.integers(0, 30).map(str)))
def test_what_is_taken_can_always_be_taken_back(
    candidate: str, offers: list[Offer], installed: int, schema: int, bad: set[str]
) -> None:
    found = choose(candidate, offers, installed=str(installed), schema_to_go_back_to=schema, bad=bad, is_newer=is_newer)
    if isinstance(found, Offer):
        assert installed < int(found.version) <= int(candidate)
        assert found.version not in bad
        assert found.oldest_reader <= schema


def test_pins_are_stanzas_of_apt() -> None:
    assert pins.text({}) == pins.text({"inviseobox": []}) == ""
    text = pins.text({"inviseobox": ["2.0", "1:1.9~a"], "inviseobox-updater": ["3"]})
    stanzas = [[line for line in one.splitlines() if not line.startswith("#")] for one in text.split("\n\n")]
    assert stanzas == [
        ["Package: inviseobox", "Pin: version 1:1.9~a", "Pin-Priority: -1"],
        ["Package: inviseobox", "Pin: version 2.0", "Pin-Priority: -1"],
        ["Package: inviseobox-updater", "Pin: version 3", "Pin-Priority: -1"],
    ]


def test_apt_obeys_the_pins(tmp_path: Path) -> None:
    version = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Version}", "dpkg"], capture_output=True, text=True, check=True
    ).stdout
    preferences = tmp_path / "preferences"
    preferences.write_text(pins.text({"dpkg": [version], "apt": ["1"]}))
    policy = subprocess.run(
        ["apt-cache", "-o", f"Dir::Etc::Preferences={preferences}", "-o", "Dir::Etc::PreferencesParts=/dev/null",
         "policy", "dpkg"],
        capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip
    assert policy.stderr == ""
    assert f"*** {version} -1\n" in policy.stdout


@pytest.mark.parametrize(
    ("window", "time", "is_open"),
    [
        ("02:00-05:00", "01:59", False),
        ("02:00-05:00", "02:00", True),
        ("02:00-05:00", "04:59", True),
        ("02:00-05:00", "05:00", False),
        ("22:30-01:00", "23:00", True),
        ("22:30-01:00", "00:59", True),
        ("22:30-01:00", "01:00", False),
        ("22:30-01:00", "22:29", False),
        ("", "12:00", True),
    ],
)
def test_the_window_is_open_from_its_begin_to_its_end(window: str, time: str, is_open: bool) -> None:
    local = datetime.fromisoformat(f"2026-03-29T{time}:00")
    found = nightly.parse(window)
    assert nightly.is_open(found, local) is is_open
    assert nightly.due(found, local, 86_399) is is_open
    assert nightly.due(found, local, 86_400)


@pytest.mark.parametrize(
    "text", ["2:00-5:00", "02:00", "24:00-01:00", "02:60-05:00", "02:00-02:00", "02:00-05:00 ", "٠٢:00-05:00"]
)
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="it "):
        nightly.parse(text)
