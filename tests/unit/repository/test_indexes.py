"""What a suite's index tells of the package files that there are."""

import pytest

from errors import Failed
from indexes import Stanza, index
from suites import Content, Phase, Suite

_KEYS = "inviseobox-archive-keyring"
_FILES = {version: {f"{name}_{version}.deb": version for name in ("inviseobox", _KEYS)} for version in ("1.9", "1.10")}
_FOUND = [
    Stanza(name, version, f"pool/{name}_{version}.deb", version, f"Package: {name}\nVersion: {version}")
    for version in ("1.10", "1.9", "1.8")
    for name in (_KEYS, "inviseobox")
]


def _index(suite: Suite) -> tuple[str, tuple[str, ...]]:
    return index(_FOUND, Content({"stable": suite}, _FILES), "stable")


def test_an_index_tells_of_the_versions_of_the_suite_in_their_order() -> None:
    text, files = _index(Suite(("1.9", "1.10")))
    assert text == "".join(
        f"Package: {name}\nVersion: {version}\n\n" for name in ("inviseobox", _KEYS) for version in ("1.9", "1.10")
    )
    assert len(files) == 4
    assert _index(Suite()) == ("", ())


def test_the_phased_version_alone_is_phased_and_the_keys_never() -> None:
    text, _ = _index(Suite(("1.9", "1.10"), Phase("1.10", 10)))
    phased = [stanza for stanza in text.split("\n\n") if "Phased-Update-Percentage: 10" in stanza]
    assert phased == ["Package: inviseobox\nVersion: 1.10\nPhased-Update-Percentage: 10"]


def test_a_file_that_is_missing_or_changed_is_told() -> None:
    for found in (_FOUND[1:], [Stanza(_KEYS, "1.10", f"pool/{_KEYS}_1.10.deb", "other", ""), *_FOUND[1:]]):
        with pytest.raises(Failed, match=rf"{_KEYS}_1\.10\.deb in the pool is missing or damaged"):
            index(found, Content({"stable": Suite(("1.10",))}, _FILES), "stable")
