"""A version that is withdrawn takes its package with the keys away, which boxes need before keys are replaced."""

import json
from pathlib import Path

import pytest

from tests.support.repositories import Repository

_URL = "http://example.org/apt"
_ADVICE = f"publish a higher version with make repo REPO_URL={_URL}"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Return a repository with an address, in which 1.0 has the keys."""
    made = Repository(tmp_path)
    made.do("--url", _URL, "publish", made.package("1.0"), made.keyring_package("1.0", "-10d"), clock="-10d")
    return made


def _keys(repository: Repository) -> dict[str, str]:
    found: dict[str, str] = json.loads(repository.do("show", "--json"))["keys"]
    return found


def test_it_is_told_and_keys_are_replaced_only_once_another_version_has_them(repository: Repository) -> None:
    repository.do("rotate", clock="-9d")
    repository.publish("1.1", clock="-8d")
    repository.do("promote", clock="-7d")
    repository.do("retire", clock="-6d")
    told = repository.do("withdraw", "1.1", clock="-5d")
    assert told == f"stable and beta have no inviseobox-archive-keyring with the keys of now: {_ADVICE}\n"
    keys = _keys(repository)
    for words in (["rotate"], ["rotate", "--revoked"]):
        line = repository.refusal(*words)
        assert "inviseobox-archive-keyring_1.0_all.deb in stable lacks the key " in line
        assert line.endswith(f"{_ADVICE}, and promote that")
    assert _keys(repository) == keys
    repository.publish("1.2", clock="-3d")
    assert "in stable lacks the key " in repository.refusal("rotate")
    repository.do("promote", clock="-2d")
    repository.do("rotate", clock="-1d")
    assert _keys(repository)["retiring"] == keys["current"]


def test_stable_is_never_without_a_package_with_the_key_that_signs(repository: Repository) -> None:
    repository.do("withdraw", "1.0", clock="-9d")
    repository.do("publish", repository.package("1.1"), clock="-8d")
    line = repository.refusal("promote")
    assert "stable has no inviseobox-archive-keyring with the key " in line
    assert line.endswith(f"no new box could know the repository: {_ADVICE}, and promote that")
    repository.publish("1.1", clock="-7d")
    repository.do("promote", clock="-6d")


def test_what_was_published_before_a_rotation_is_promoted_after_it(repository: Repository) -> None:
    repository.publish("1.1", clock="-9d")
    repository.do("rotate", clock="-8d")
    repository.do("promote", clock="-7d")


def test_a_suite_that_has_them_is_not_told_of(repository: Repository) -> None:
    repository.publish("1.1", clock="-9d")
    assert repository.do("withdraw", "1.1", clock="-8d") == ""
    repository.publish("1.2", clock="-7d")
    told = repository.do("withdraw", "1.0", clock="-6d")
    assert told == f"stable has no inviseobox-archive-keyring with the keys of now: {_ADVICE}\n"
    assert "stable has no inviseobox-archive-keyring with the key " in repository.refusal("rotate")
    repository.do("promote", clock="-5d")
    repository.do("rotate")


def test_a_repository_without_an_address_needs_none(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    repository.do("publish", repository.package("1.0"), clock="-5d")
    repository.do("publish", repository.package("1.1"), clock="-4d")
    repository.do("promote", clock="-3d")
    assert repository.do("withdraw", "1.1", clock="-2d") == ""
    repository.do("rotate")
