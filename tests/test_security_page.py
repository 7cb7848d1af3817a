"""The page on security names the tests that hold its sentences."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / ".github" / "SECURITY.md"
NAMED = re.findall(r"`(tests/\S+\.py)::(test_\w+)`", PAGE.read_text())


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_each_test_that_the_security_page_names_exists(path: str, name: str) -> None:
    assert re.search(rf"(?m)^def {name}\(", (ROOT / path).read_text())


def test_each_sentence_on_what_others_cannot_do_has_a_test() -> None:
    parts = re.split(r"(?m)^## A ", PAGE.read_text())[1:]
    assert len(parts) == 4
    for part in parts:
        assert part.count("annot") <= 2 * len(re.findall("`tests/", part))


def test_the_readme_links_the_security_page_and_the_contributing_page() -> None:
    readme = (ROOT / "README.md").read_text()
    for name in ("SECURITY", "CONTRIBUTING"):
        assert f"(.github/{name}.md)" in readme


def test_the_maintainer_is_named_in_the_package() -> None:
    assert re.search(r"(?m)^Maintainer: .+ <\S+@\S+>$", (ROOT / "debian" / "control").read_text())
