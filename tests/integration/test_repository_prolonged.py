"""A key that was given and is changed by gpg later: boxes hold it as it was."""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.repositories import Client, Repository, clock_off_by, served

_LATER = "+60d"
_ADVICE = "prolonging it does not help, for they hold it as it was: make repo-rotate"


@pytest.fixture
def home() -> Iterator[Path]:
    """Yield the GnuPG home of the maintainer, with a key that expires in 13 months."""
    with tempfile.TemporaryDirectory() as folder:
        _gpg(Path(folder), "--quick-generate-key", "Somebody", "ed25519", "sign", "13m", clock="-1h")
        yield Path(folder)
        subprocess.run(["gpgconf", "--homedir", folder, "--kill", "gpg-agent"], check=True)


@pytest.fixture
def repository(tmp_path: Path, home: Path) -> Repository:
    """Return a repository that is signed with that key, which boxes have in old.gpg."""
    made = Repository(tmp_path)
    made.keys = _export(home, tmp_path / "key")
    made.do("publish", made.package("1.0"))
    made.do("keyring", tmp_path / "old.gpg")
    return made


def _gpg(home: Path, *words: str, text: bytes = b"", clock: str = "+1h") -> bytes:
    """Run gpg, by default an hour after the key was made: of two signatures of one second none is the newer one."""
    options = ["--quiet", "--pinentry-mode", "loopback", "--passphrase", "", "--homedir", str(home)]
    options += ["--no-tty"] if text else ["--batch"]
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **clock_off_by(clock)}
    return subprocess.run(
        ["gpg", *options, *words], input=text, env=environment, capture_output=True, check=True
    ).stdout


@contextmanager
def _folder_of_keys(repository: Repository) -> Iterator[Path]:
    """Yield the program's GnuPG home under a name that is short enough for the socket of an agent."""
    with tempfile.TemporaryDirectory() as short:
        home = Path(short) / "home"
        home.symlink_to(repository.directory / "data/inviseobox-repository/keys")
        yield home
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "gpg-agent"], check=True)


def _fingerprint(home: Path) -> str:
    return _gpg(home, "--with-colons", "--list-keys").decode().split("fpr:::::::::")[1][:40]


def _export(home: Path, file: Path) -> Path:
    file.write_bytes(_gpg(home, "--export-secret-keys", "Somebody"))
    return file


def _rest(repository: Repository, home: Path) -> None:
    """See that the key is not used any more, and that boxes follow its successor when it has expired for them."""
    fingerprint = _fingerprint(home)
    told = repository.do("rotate", clock="+61d")
    assert f"signs      key {fingerprint}\n" in told
    repository.do("sign", clock="+500d")
    shown = json.loads(repository.do("show", "--json"))["keys"]
    assert shown["retiring"] == fingerprint
    signed = subprocess.run(
        ["gpgv", "--keyring", repository.directory / "old.gpg", repository.folder / "dists/stable/InRelease"],
        env={**repository.surroundings(), **clock_off_by("+501d")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (signed.returncode, signed.stderr.count("Good signature")) == (0, 1), signed.stderr


def test_prolonging_it_does_not_help(repository: Repository, home: Path) -> None:
    _gpg(home, "--quick-set-expire", _fingerprint(home), "10y")
    _export(home, repository.keys)
    repository.do("sign", clock="+1d")
    assert "expires in 3" in repository.refusal("sign", clock=_LATER)
    assert repository.refusal("sign", clock=_LATER).endswith(_ADVICE)
    repository.do("keyring", repository.directory / "new.gpg")
    assert (repository.directory / "new.gpg").read_bytes() == (repository.directory / "old.gpg").read_bytes()
    _rest(repository, home)


def test_prolonging_it_in_the_folder_of_keys_does_not_help(repository: Repository, home: Path) -> None:
    with _folder_of_keys(repository) as folder:
        _gpg(folder, "--quick-set-expire", _fingerprint(home), "10y")
    repository.do("sign", clock="+1d")
    assert repository.refusal("sign", clock=_LATER).endswith(_ADVICE)
    _rest(repository, home)


def test_one_that_was_shortened_counts_as_that_for_good(repository: Repository, home: Path) -> None:
    _gpg(home, "--quick-set-expire", _fingerprint(home), "400d")
    _export(home, repository.keys)
    repository.do("sign", clock="+1d")
    assert "expires in 3" in repository.refusal("sign", clock="+37d")
    _gpg(home, "--quick-set-expire", _fingerprint(home), "13m")
    _export(home, repository.keys)
    assert repository.refusal("sign", clock="+37d").endswith(_ADVICE)


def test_one_that_was_revoked_is_taken_and_replaced(repository: Repository, home: Path) -> None:
    fingerprint = _fingerprint(home)
    revocation = _gpg(home, "--command-fd", "0", "--gen-revoke", fingerprint, text=b"y\n1\n\ny\n")
    _gpg(home, "--quick-set-expire", fingerprint, "10y")
    _gpg(home, "--import", text=revocation)
    _export(home, repository.keys)
    assert repository.refusal("sign", clock="+1d").endswith(f"the key {fingerprint} is revoked: make repo-rotate")
    repository.do("rotate", "--revoked", clock="+2d")
    repository.do("sign", clock="+3d")


def test_a_part_that_signs_and_that_boxes_lack_is_not_used(repository: Repository, home: Path) -> None:
    fingerprint = _fingerprint(home)
    _gpg(home, "--quick-add-key", fingerprint, "ed25519", "sign", "never")
    _export(home, repository.keys)
    repository.do("sign")
    with served(repository.folder) as url:
        Client(repository.directory / "client", url, repository.directory / "old.gpg").update()
    with _folder_of_keys(repository) as folder:
        _gpg(folder, "--quick-add-key", fingerprint, "ed25519", "sign", "never")
    assert "that signs and that boxes do not hold: remove it with gpg" in repository.refusal("sign", clock="+2d")
