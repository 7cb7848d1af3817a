"""What a repository remembers survives being written down, and which files it leads to."""

from dataclasses import replace

import pytest

from errors import Failed
from state import KEPT, Generation, State, needed, read, with_newest, written
from suites import Content, Phase, Suite

_STATE = State(
    Content(
        {"beta": Suite(("1.0", "1.1")), "stable": Suite(("1.0",), Phase("1.0", 10))},
        {"1.0": {"a_1.0_all.deb": "00"}, "1.1": {"a_1.1_all.deb": "11"}},
        ("0.9",),
    ),
    {"beta": 5, "stable": 4},
    {"beta": (Generation(("b/1",), ("pool/1",)), Generation(("b/0",), ("pool/0",))), "stable": ()},
    ("AA", "BB"),
    "https://example.org/apt",
    {"AA": {"A1": 7, "A2": None}},
)


def test_what_is_written_is_read() -> None:
    assert read(written(_STATE)) == _STATE
    assert written(read(written(_STATE))) == written(_STATE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        b"\xff\xfe{}",
        written(_STATE)[:-20],
        written(_STATE).replace('"beta"', '"gamma"'),
        written(_STATE).replace('"1.1": {', '"1.2": {'),
        written(_STATE).replace('"known": {', '"known": [], "other": {'),
    ],
)
def test_a_damaged_text_is_told(text: str | bytes) -> None:
    with pytest.raises(Failed, match=r"repository\.json is damaged"):
        read(text)


def test_every_kept_generation_needs_its_files() -> None:
    assert needed(_STATE) == {"b/0", "b/1", "pool/0", "pool/1"}


def test_ten_generations_are_kept_and_one_that_comes_back_counts_once() -> None:
    kept: tuple[Generation, ...] = ()
    for number in range(KEPT + 3):
        kept = with_newest(kept, Generation((f"b/{number}",), ()))
    assert [one.indexes[0] for one in kept] == [f"b/{number}" for number in range(12, 2, -1)]
    assert with_newest(kept, kept[0]) == kept
    assert set(with_newest(kept, kept[4])) == set(kept)


def test_a_folder_that_does_not_tell_until_when_keys_are_known_is_read() -> None:
    assert read(written(_STATE).replace('"known"', '"other"')) == replace(_STATE, known={})


def test_a_repository_without_an_address_has_an_empty_one() -> None:
    assert read(written(replace(_STATE, url=""))).url == ""
