"""inviseobox-archive-keyring as it is built for a repository."""

import subprocess
from pathlib import Path

import pytest

from tests.support.keyring_packages import built

_URL = "https://example.org/apt"
_KEYRING = "usr/share/keyrings/inviseobox-archive-keyring.gpg"
_SOURCE = "etc/apt/sources.list.d/inviseobox.sources"


@pytest.fixture(scope="module")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a keyring with one new key, as gpg exports it."""
    home = tmp_path_factory.mktemp("keys")
    home.chmod(0o700)
    gpg = ("gpg", "--homedir", str(home), "--batch", "--quiet", "--passphrase", "")
    try:
        subprocess.run([*gpg, "--quick-generate-key", "test", "ed25519", "sign", "never"], check=True)
        exported = subprocess.run([*gpg, "--export"], capture_output=True, check=True).stdout
    finally:
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "gpg-agent"], check=True)
    file = home / "public.gpg"
    file.write_bytes(exported)
    return file


@pytest.fixture(scope="module")
def package(keyring: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the package file."""
    return built(_URL, keyring, tmp_path_factory.mktemp("build") / "once")


def test_it_holds_the_keys_and_the_address_that_were_given(package: Path, keyring: Path, tmp_path: Path) -> None:
    subprocess.run(["dpkg-deb", "--extract", package, tmp_path], check=True)
    assert (tmp_path / _KEYRING).read_bytes() == keyring.read_bytes()
    assert f"URIs: {_URL}\n" in (tmp_path / _SOURCE).read_text()
    found = {path.relative_to(tmp_path).as_posix(): path for path in tmp_path.rglob("*") if path.is_file()}
    others = {name for name in found if not name.startswith("usr/share/doc/")} - {_KEYRING, _SOURCE}
    assert others <= {"usr/share/lintian/overrides/inviseobox-archive-keyring"}
    assert {path.stat().st_mode & 0o777 for path in found.values()} == {0o644}


def test_the_owner_of_the_box_may_change_the_source(package: Path) -> None:
    shown = subprocess.run(["dpkg-deb", "--info", package, "conffiles"], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == [f"/{_SOURCE}"]


def test_it_comes_out_alike_byte_for_byte(package: Path, keyring: Path, tmp_path: Path) -> None:
    later = ("sh", "-c", 'umask 077; exec "$@"', "sh", "faketime", "+400 days")
    again = built(_URL, keyring, tmp_path / "twice", *later, TZ="Pacific/Kiritimati", HOME="/nonexistent")
    assert again.read_bytes() == package.read_bytes()


def test_lintian_has_nothing_to_say(package: Path) -> None:
    shown = subprocess.run(
        ["lintian", "--allow-root", "--fail-on", "error,warning", package], capture_output=True, text=True, check=False
    )
    assert (shown.returncode, shown.stdout) == (0, ""), shown.stdout


@pytest.mark.parametrize(
    ("url", "content", "words"),
    [
        ("example.org", b"", "REPO_URL must be like https://example.org/apt, not 'example.org'"),
        (_URL, b"", "the keyring is empty"),
        (_URL, b"-----BEGIN PGP PRIVATE KEY BLOCK-----", "the keyring is text"),
    ],
)
def test_what_no_box_could_use_is_told_in_one_line(url: str, content: bytes, words: str, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.write_bytes(content)
    program = Path(__file__).parents[2] / "debian/repository/keyring_package.py"
    done = subprocess.run(
        ["/usr/bin/python3", program, url, given, tmp_path / "to"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert words in done.stderr
    assert not (tmp_path / "to").exists()
