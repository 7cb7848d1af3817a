"""Configuration from real files."""

import os
import random
import resource
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from inviseobox.errors import ConfigurationError, NotConfigured
from inviseobox.host.configuration_file import (
    DEFAULT_PATH,
    MAX_SIZE,
    SHIPPED_PATH,
    check_replaceable,
    load,
    replace,
    text_to_change,
)
from tests.support.daemons import CHECKOUT
from tests.support.processes import started

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


def test_a_file_that_is_too_large_is_read_no_further(tmp_path: Path) -> None:
    path = written(tmp_path, b"#" * (MAX_SIZE + 1))
    said = f"{path}: is larger than {MAX_SIZE} bytes"
    assert error(path) == said
    with pytest.raises(ConfigurationError, match="is larger than"):
        text_to_change(path)
    assert error("/dev/zero") == f"/dev/zero: is larger than {MAX_SIZE} bytes"


def test_a_device_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    device = tmp_path / "config.toml"
    os.mkfifo(device)
    link = tmp_path / "link.toml"
    link.symlink_to(device)
    for path in (device, link):
        with pytest.raises(ConfigurationError, match="is not a plain file"):
            check_replaceable(str(path))


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_lines_may_end_as_anywhere(tmp_path: Path, ends: str) -> None:
    text = f'\ufefftoken = "{TOKEN}"\n{URL}'.replace("\n", ends)
    assert load(written(tmp_path, text.encode()), {}).token == TOKEN


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


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def rights(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)


def test_a_file_is_replaced_with_its_owner_and_its_rights(tmp_path: Path) -> None:
    path = Path(written(tmp_path, "old"))
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 1, 2)
    before = rights(path)
    replace(str(path), "new\r\n")
    assert path.read_bytes() == b"new\r\n"
    assert rights(path) == before
    assert names(tmp_path) == ["config.toml"]


def test_nobody_else_may_read_a_file_that_was_replaced(tmp_path: Path) -> None:
    path = Path(written(tmp_path, "old"))
    path.chmod(0o644)
    if os.geteuid() == 0:
        os.chown(tmp_path, 0, 2)
    replace(str(path), "new")
    assert rights(path) == (os.geteuid(), tmp_path.stat().st_gid, 0o640), "the service reads it by the group"


def test_a_file_that_is_missing_is_made_for_the_group_of_its_directory(tmp_path: Path) -> None:
    assert text_to_change(str(tmp_path / "config.toml")) == (
        Path(SHIPPED_PATH).read_text() if Path(SHIPPED_PATH).exists() else ""
    )
    if os.geteuid() == 0:
        os.chown(tmp_path, 1, 2)
    replace(str(tmp_path / "config.toml"), "new")
    place = tmp_path.stat()
    assert rights(tmp_path / "config.toml") == (place.st_uid, place.st_gid, 0o640)


def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    real = Path(written(tmp_path / "disk", "old"))
    link = tmp_path / "config.toml"
    link.symlink_to(real)
    replace(str(link), "new")
    assert link.is_symlink()
    assert real.read_text() == "new"


def test_what_a_replacement_that_was_killed_left_does_not_stop_the_next_one(tmp_path: Path) -> None:
    path = Path(written(tmp_path, "old"))
    (tmp_path / ".config.toml.new").write_text("half")
    replace(str(path), "new")
    assert path.read_text() == "new"
    assert names(tmp_path) == ["config.toml"]


def test_a_file_that_cannot_be_written_stays_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = Path(written(tmp_path, "old"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(ConfigurationError, match="nothing was changed"):
            replace(str(path), "x" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["config.toml"]


def test_a_directory_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"{tmp_path / 'no'}: No such file"):
        check_replaceable(str(tmp_path / "no" / "config.toml"))
    check_replaceable(str(tmp_path / "config.toml"))


REPLACING = """
import sys
from inviseobox.host.configuration_file import replace
print(flush=True)
while True:
    for letter in "ab":
        replace(sys.argv[1], letter * 4000)
"""


def test_whenever_a_replacement_is_killed_one_text_or_the_other_stands_there(tmp_path: Path) -> None:
    path = Path(written(tmp_path, "a" * 4000))
    path.chmod(0o640)
    before = rights(path)
    moments = random.Random(14)  # noqa: S311 (the same moments in each run)
    left_something = 0
    for _ in range(50):
        with started(["/usr/bin/python3", "-c", REPLACING, str(path)], cwd=CHECKOUT, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(moments.uniform(0, 0.02))
            process.kill()
        assert path.read_text() in ("a" * 4000, "b" * 4000)
        assert rights(path) == before
        left_something += len(names(tmp_path)) > 1
    assert left_something, "some of them were in the midst of it"
