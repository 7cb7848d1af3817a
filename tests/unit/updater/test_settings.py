"""The updater's configuration, and the suite in the source of apt."""

from datetime import time
from pathlib import Path

import pytest

from inviseobox.updater import settings, suites
from inviseobox.updater.errors import SettingsError, SourcesError
from inviseobox.updater.nightly import Window
from inviseobox.updater.settings import Settings

SOURCES = """\
# The repository of InviseoBox.
Types: deb
URIs: https://example.net/apt
Suites: stable
Components: main
Signed-By: /usr/share/keyrings/x.gpg
"""


def test_without_a_file_all_is_as_usual(tmp_path: Path) -> None:
    assert settings.load(str(tmp_path / "none")) == Settings("", 3600, Window(time(2), time(5)), False, "")


def test_every_key_is_read(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        'suite = "beta"\nperiod = 300\nwindow = ""\nupdates_in_window = true\nreport_url = "https://example.net/r?a=1"\n'
    )
    found = settings.load(str(tmp_path / "config.toml"))
    assert found == Settings("beta", 300, None, True, "https://example.net/r?a=1")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('suit = "beta"', "suit"),
        ('suite = "unstable"', "suite"),
        ("suite = 1", "suite"),
        ("suite = []", "suite"),
        ("period = 299", "period"),
        ("period = 86401", "period"),
        ("period = true", "period"),
        ("period = 3600.0", "period"),
        ('window = "2-5"', "window"),
        ("window = 02:00:00", "window"),
        ("updates_in_window = 1", "updates_in_window"),
        ('report_url = "ftp://example.net"', "report_url"),
        ('report_url = "https://a@example.net"', "report_url"),
        ('report_url = "https://exam ple.net"', "report_url"),
        ('report_url = "http://[::1"', "report_url"),
        ('report_url = "http://example.net:0/"', "report_url"),
        ("report_url = false", "report_url"),
        ("suite", "not valid TOML"),
        ("a = " + "[" * 5000, "not valid TOML"),
        ("#" * 70_000, "is larger"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(tmp_path: Path, text: str, key: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        settings.load(str(path))
    assert str(caught.value).startswith(f"{path}: {key}")
    assert str(caught.value).isprintable()


def test_what_is_no_text_or_no_file_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b"\xff")
    with pytest.raises(SettingsError, match="not valid TOML"):
        settings.load(str(tmp_path / "config.toml"))
    with pytest.raises(SettingsError, match="cannot be read"):
        settings.load(str(tmp_path))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Suites: stable\n", "Suites: beta\n"),
        ("suites:stable other\n", "suites: beta\n"),
        ("Suites:\n stable\n # one more\n other\n", "Suites: beta\n"),
    ],
)
def test_the_suite_alone_is_replaced(before: str, after: str) -> None:
    text = SOURCES.replace("Suites: stable\n", before)
    assert suites.with_suite(text, "beta") == SOURCES.replace("Suites: stable\n", after)
    assert suites.with_suite(SOURCES, "stable") == SOURCES
    assert suites.with_suite(SOURCES.partition("Components")[0].rstrip(), "beta").endswith("\nSuites: beta")


def test_a_source_without_a_suite_is_refused() -> None:
    with pytest.raises(SourcesError):
        suites.with_suite(SOURCES.replace("Suites", "# Suites"), "beta")
