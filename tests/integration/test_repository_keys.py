"""Keys that are replaced, given, weak or foreign."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.repositories import Client, Repository, served


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


@pytest.fixture
def home() -> Iterator[Path]:
    """Yield a GnuPG home of somebody else."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
        subprocess.run(["gpgconf", "--homedir", folder, "--kill", "gpg-agent"], check=True)


def _gpg(home: Path, *words: str) -> bytes:
    options = ["--batch", "--quiet", "--pinentry-mode", "loopback", "--homedir", str(home)]
    return subprocess.run(["gpg", *options, *words], capture_output=True, check=True).stdout


def _secret_key(home: Path, file: Path, *kind: str, passphrase: str = "", options: tuple[str, ...] = ()) -> Path:
    _gpg(home, "--passphrase", passphrase, *options, "--quick-generate-key", "Somebody", *kind)
    file.write_bytes(_gpg(home, "--passphrase", passphrase, "--export-secret-keys", "Somebody"))
    return file


@pytest.mark.parametrize("revoked", [False, True], ids=["retired", "revoked"])
def test_a_box_that_was_off_during_a_rotation_still_updates(repository: Repository, revoked: bool) -> None:
    repository.publish("1.0", clock="-2d")
    repository.do("keyring", repository.directory / "old.gpg")
    repository.do("rotate", *(["--revoked"] if revoked else []), clock="-1d")
    repository.do("keyring", repository.directory / "meanwhile.gpg")
    signatures = (repository.folder / "dists/stable/Release.gpg").read_text()
    with served(repository.folder) as url:
        for name in ("old", "meanwhile"):
            Client(repository.directory / f"during-{name}", url, repository.directory / f"{name}.gpg").update()
        repository.publish("1.1", clock="-1h")
        repository.do("promote", clock="-30m")
        repository.do("retire")
        for name in ("old", "meanwhile"):
            client = Client(repository.directory / name, url, repository.directory / f"{name}.gpg")
            client.update()
            assert client.candidate() == "1.1"
    assert (len(signatures) > 350) is not revoked  # one signature of ed25519 takes 230 characters


def test_the_keyring_holds_the_keys_that_are_meant(repository: Repository, home: Path) -> None:
    def held() -> list[str]:
        repository.do("keyring", repository.directory / "keyring.gpg")
        shown = _gpg(home, "--with-colons", "--show-keys", str(repository.directory / "keyring.gpg")).decode()
        return [line.split(":")[9] for line in shown.splitlines() if line.startswith("fpr:")]

    repository.publish("1.0", clock="-2d")
    first = held()
    assert len(first) == 2
    repository.do("rotate", clock="-1d")
    second = held()
    assert (second[:2], len(second)) == (first, 3)
    repository.publish("1.1", clock="-1h")
    repository.do("promote", clock="-30m")
    repository.do("retire")
    assert held() == second[1:]


def test_retiring_waits_for_a_published_keyring_with_the_new_key(repository: Repository) -> None:
    assert "nothing is published" in repository.refusal("rotate")
    repository.publish("1.0", clock="-3d")
    assert "no key is on its way out" in repository.refusal("retire")
    repository.do("rotate", clock="-2d")
    assert "is still on its way out: first make repo-retire" in repository.refusal("rotate")
    assert "inviseobox-archive-keyring_1.0_all.deb in beta lacks the key" in repository.refusal("retire")
    repository.publish("1.1", clock="-1d")
    assert "inviseobox-archive-keyring_1.0_all.deb in stable lacks the key" in repository.refusal("retire")
    repository.do("promote", clock="-1h")
    repository.do("retire")


def test_a_key_may_be_revoked_while_it_is_on_its_way_out(repository: Repository) -> None:
    repository.publish("1.0", clock="-3d")
    repository.do("rotate", clock="-2d")
    repository.do("rotate", "--revoked", clock="-1d")
    assert "revoked" in repository.do("show")
    repository.do("keyring", repository.directory / "new.gpg")
    with served(repository.folder) as url:
        Client(repository.directory / "client", url, repository.directory / "new.gpg").update()


def test_a_key_that_is_given_signs_and_gets_a_successor(repository: Repository, home: Path) -> None:
    key = _secret_key(home, repository.directory / "key", "ed25519", "sign", "never")
    repository.do("publish", repository.package("1.0"), keys=key)
    repository.do("keyring", repository.directory / "keyring.gpg", keys=key)
    with served(repository.folder) as url:
        Client(repository.directory / "client", url, repository.directory / "keyring.gpg").update()
    assert _gpg(home, "--with-colons", "--list-keys").decode().split("fpr:::::::::")[1][:40] in repository.do(
        "show", keys=key
    )
    # It goes on as the old key, too.
    repository.do("rotate", keys=key)


@pytest.mark.parametrize(
    ("kind", "options", "reason"),
    [
        (("rsa2048", "sign", "never"), (), "it is RSA of 2048 bits, less than 3072"),
        (("dsa2048", "sign", "never"), (), "it is DSA"),
        (("brainpoolP256r1", "sign", "never"), (), "it is of the curve brainpoolP256r1"),
        (("ed25519", "sign", "never"), ("--cert-digest-algo", "SHA1"), "it is bound by a signature with SHA1"),
        (("ed25519", "sign", "6m"), (), "it expires in 1"),
    ],
    ids=["short RSA", "DSA", "brainpool", "SHA1", "soon expired"],
)
def test_a_weak_key_is_refused(
    repository: Repository, home: Path, kind: tuple[str, ...], options: tuple[str, ...], reason: str
) -> None:
    key = _secret_key(home, repository.directory / "key", *kind, options=options)
    line = repository.refusal("publish", repository.package("1.0"), keys=key)
    assert reason in line
    assert "use an ed25519 key that never expires" in line
    assert not (repository.folder / "dists").exists()


def test_a_file_that_holds_no_usable_key_is_refused(repository: Repository, home: Path) -> None:
    key = _secret_key(home, repository.directory / "key", "ed25519", "sign", "never", passphrase="secret")  # noqa: S106
    package = repository.package("1.0")
    assert "does not sign without a passphrase" in repository.refusal("publish", package, keys=key)
    key.write_bytes(_gpg(home, "--export", "Somebody"))
    assert "does not hold one secret key" in repository.refusal("publish", package, keys=key)
    key.write_text("nothing")
    assert "does not hold one secret key" in repository.refusal("publish", package, keys=key)


def test_keys_that_no_box_knows_are_refused(repository: Repository, home: Path) -> None:
    repository.publish("1.0", clock="-1d")
    other = repository.directory / "other"
    assert "boxes know the repository by" in repository.refusal("sign", keys=other)
    repository.do(
        "keyring", repository.directory / "keyring", keys=repository.directory / "data/inviseobox-repository/keys"
    )
    key = _secret_key(home, repository.directory / "key", "ed25519", "sign", "never")
    assert "leave REPO_KEY out" in repository.refusal("sign", keys=key)
