"""Kinds of tests share code in one place: tests/support/."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
FOLDERS = sorted(path.name for path in TESTS.iterdir() if (path / "__init__.py").exists() or path.name == "unit")


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_of_tests_imports_from_no_other_but_support(folder: str) -> None:
    for path in sorted((TESTS / folder).rglob("*.py")):
        imported = set(re.findall(r"^(?:from|import) tests\.(\w+)", path.read_text(), re.MULTILINE))
        assert imported <= {folder, "support"}, path
