"""One version, written once."""

import re
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

import inviseobox

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_newest_entry_of_the_changelog_is_this_version() -> None:
    first = (ROOT / "debian" / "changelog").read_text().splitlines()[0]
    assert re.match(r"inviseobox \(([^)]+)\) ", first)
    assert first.split("(")[1].split(")")[0] == inviseobox.__version__


def test_the_date_of_build_is_that_of_the_newest_entry() -> None:
    """A clock that lies before it is known to be wrong."""
    last = next(line for line in (ROOT / "debian" / "changelog").read_text().splitlines() if line.startswith(" -- "))
    built = datetime.fromisoformat(inviseobox.BUILT)
    assert built == parsedate_to_datetime(last.partition(">  ")[2])
    assert built <= datetime.now(UTC), "until then every box takes its clock for wrong"


def test_the_build_reads_the_version_from_the_program() -> None:
    assert "version" not in PROJECT["project"]
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "inviseobox.__version__"}


def test_the_command_tells_the_version() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "inviseobox", "--version"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout == f"inviseobox {inviseobox.__version__}\n"


def test_the_version_is_one_that_debian_and_python_order_alike() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", inviseobox.__version__)


@pytest.mark.parametrize("page", sorted((ROOT / "debian").glob("*.[158]")), ids=lambda path: path.name)
def test_each_man_page_names_the_version(page: Path) -> None:
    assert f'"inviseobox {inviseobox.__version__}"' in page.read_text().splitlines()[0]
