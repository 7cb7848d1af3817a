"""The screens in the technician's pages are what the commands show."""

from pathlib import Path

import pytest

from tests.support.pages import PAGES, screens, shape

from .recording import recorded

# A window lasts ten seconds, and many of them are waited for.
pytestmark = pytest.mark.timeout(900)


def test_the_screens_in_the_pages_are_what_the_commands_show(package: Path) -> None:
    seen = recorded(package)
    for language, path in PAGES.items():
        shown = {name: shape(screen) for name, screen in screens(path.read_text()).items()}
        assert shown == {name: shape(screen) for name, screen in seen[language].items()}, "run: make screens"
