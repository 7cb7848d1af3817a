"""What the Debian package says agrees with the program."""

import re
from pathlib import Path

import pytest

import inviseobox
from inviseobox.configuration import Configuration, parse
from inviseobox.errors import NotConfigured

DEBIAN = Path(__file__).parents[2] / "debian"
SHIPPED = (DEBIAN / "config.toml").read_text()


def no_file(path: str) -> str:
    """Stand in for the file system where no file may be read."""
    raise AssertionError(path)


def test_changelog_and_program_have_one_version() -> None:
    newest = re.match(r"inviseobox \((.+?)\) ", (DEBIAN / "changelog").read_text())
    assert newest
    assert newest[1] == inviseobox.__version__


def test_shipped_configuration_is_valid_and_not_configured_yet() -> None:
    with pytest.raises(NotConfigured):
        parse(SHIPPED, "config.toml", read_file=no_file)


def test_every_key_of_the_shipped_configuration_shows_its_default() -> None:
    filled_in = SHIPPED.replace('#token = ""', 'token = "t"')
    uncommented = re.sub(r"(?m)^#(?!token|ca_file)(\w+ = )", r"\1", filled_in)
    read = parse(uncommented, "config.toml", read_file=no_file)
    # Without `interval` the server decides, which no value can say.
    assert read == Configuration(token="t", url="https://domaine.com/api", interval=1800)  # noqa: S106 - for this test only


def test_shipped_configuration_names_every_key() -> None:
    named = re.findall(r"(?m)^#?(\w+) = |^\[(\w+)\]$", SHIPPED)
    tables = [table for _, table in named if table]
    keys = {key for key, _ in named if key}
    assert tables == ["modbus", "http", "buffer", "log"]
    assert keys == {
        "token", "token_file", "url", "interval", "api", "ca_file", "period", "timeout", "max_registers", "gap",
        "max_body", "verify_tls", "path", "max_size", "level",
    }  # fmt: skip
