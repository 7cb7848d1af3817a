"""Configuration from real files."""

import os
import tempfile
from pathlib import Path

import pytest

from inviseobox.errors import ConfigurationError, NotConfigured
from inviseobox.host.configuration_file import DEFAULT_PATH, load

TOKEN = "0123456789abcdef" * 4
URL = 'url = "https://domaine.com/api"\n'


def written(folder: Path, text: str | bytes) -> str:
    path = folder / "config.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def error(path: str, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(path, environment or {})
    assert not isinstance(caught.value, NotConfigured)
    said = str(caught.value)
    assert len(said.splitlines()) == 1
    assert TOKEN not in said
    return said


def test_the_default_path_is_that_of_the_package_and_the_manual() -> None:
    assert DEFAULT_PATH == "/etc/inviseobox/config.toml"


def test_a_good_configuration_file_is_read(tmp_path: Path) -> None:
    configuration = load(written(tmp_path, f'token = "{TOKEN}" # été\r\n{URL}'), {})
    assert (configuration.token, configuration.url) == (TOKEN, "https://domaine.com/api")


def test_a_missing_configuration_file_means_not_configured_yet(tmp_path: Path) -> None:
    path = str(tmp_path / "none.toml")
    with pytest.raises(NotConfigured) as caught:
        load(path, {})
    assert str(caught.value).startswith(path)
    assert "token and url" in str(caught.value)


def test_a_configuration_file_that_cannot_be_read_is_wrong(tmp_path: Path) -> None:
    assert f"{tmp_path}: cannot be read: Is a directory" in error(str(tmp_path))
    below = written(tmp_path, URL) + "/config.toml"
    assert f"{below}: cannot be read: Not a directory" in error(below)


def test_a_configuration_file_that_is_not_text_is_wrong(tmp_path: Path) -> None:
    path = written(tmp_path, b'url = "\xff"')
    assert error(path) == f"{path}: must be a UTF-8 text file"


def test_the_error_of_a_wrong_configuration_names_the_file_and_the_key(tmp_path: Path) -> None:
    path = written(tmp_path, f'token = "{TOKEN}"\n{URL}interval = 0\n')
    assert error(path).startswith(f"{path}: interval: ")


def test_the_token_is_read_from_a_token_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    path = written(tmp_path, f'token_file = "{tmp_path}/token"\n{URL}')
    assert load(path, {}).token == TOKEN


@pytest.mark.parametrize("name", ["missing", "", "binary"])
def test_a_token_file_that_cannot_be_used_is_wrong(tmp_path: Path, name: str) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    path = written(tmp_path, f'token_file = "{tmp_path}/{name}"\n{URL}')
    assert error(path).startswith(f"{path}: token_file: {tmp_path}/{name}: ")


def test_the_token_is_read_from_a_credential_unless_the_file_has_one(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert load(written(tmp_path, URL), environment).token == TOKEN
    assert load(written(tmp_path, f'token = "own"\n{URL}'), environment).token == "own"  # noqa: S105 - for this test only


def test_credentials_without_a_token_mean_not_configured_yet(tmp_path: Path) -> None:
    path = written(tmp_path, URL)
    for environment in ({}, {"CREDENTIALS_DIRECTORY": ""}, {"CREDENTIALS_DIRECTORY": str(tmp_path / "none")}):
        with pytest.raises(NotConfigured):
            load(path, environment)


def test_a_credential_that_cannot_be_read_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "credentials" / "token").mkdir(parents=True)
    assert "credential" in error(written(tmp_path, URL), {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")})


def test_a_configuration_file_without_permission_is_wrong_not_missing() -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        path = written(Path(name), URL)
        Path(path).chmod(0)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65_534)
        try:
            said = error(path)
        finally:
            os.seteuid(user)
    assert said.startswith(f"{path}: cannot be read: Permission denied; chown root:inviseobox {path}")
