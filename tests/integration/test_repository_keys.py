"""Keys that are replaced, given, weak or foreign."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.repositories import Client, Repository, clock_off_by, served


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
        (("ed25519", "sign", "seconds=1"), (), "it has expired"),
    ],
    ids=["short RSA", "DSA", "brainpool", "SHA1", "soon expired", "expired"],
)
def test_a_weak_key_is_refused(
    repository: Repository, home: Path, kind: tuple[str, ...], options: tuple[str, ...], reason: str
) -> None:
    key = _secret_key(home, repository.directory / "key", *kind, options=options)
    for command, file in (("keyring", repository.directory / "keyring.gpg"), ("publish", repository.package("1.0"))):
        line = repository.refusal(command, file, keys=key, clock="+2s")
        assert reason in line
        assert "use an ed25519 key that never expires" in line
    assert not (repository.folder / "dists").exists()
    # It was not taken over: a better one is.
    _gpg(home, "--passphrase", "", "--quick-generate-key", "Better", "ed25519", "sign", "never")
    key.write_bytes(_gpg(home, "--passphrase", "", "--export-secret-keys", "Better"))
    repository.do("publish", repository.package("1.0"), keys=key, clock="+2s")


def test_a_file_that_holds_no_usable_key_is_refused(repository: Repository, home: Path) -> None:
    key = _secret_key(home, repository.directory / "key", "ed25519", "sign", "never", passphrase="secret")  # noqa: S106
    package = repository.package("1.0")
    assert "does not sign without a passphrase" in repository.refusal("publish", package, keys=key)
    assert not list(repository.directory.rglob("private-keys-v1.d/*"))
    key.write_bytes(_gpg(home, "--export", "Somebody"))
    assert "does not hold one secret key" in repository.refusal("publish", package, keys=key)
    key.write_text("nothing")
    assert "does not hold one secret key" in repository.refusal("publish", package, keys=key)
    missing = repository.directory / "missing.asc"
    assert f"{missing} is not there" in repository.refusal("publish", package, keys=missing)
    assert not missing.exists()


def test_keys_that_no_box_knows_are_refused(repository: Repository, home: Path) -> None:
    repository.publish("1.0", clock="-1d")
    other = repository.directory / "other"
    key = _secret_key(home, repository.directory / "key", "ed25519", "sign", "never")
    for keys in (other, key):
        for words in (("sign",), ("keyring", str(repository.directory / "keyring")), ("rotate",)):
            assert "boxes know the repository by" in repository.refusal(*words, keys=keys)
    # None was made that would stand in the way of the right ones.
    assert not list(other.glob("*"))
    repository.keys.rename(repository.directory / "data/inviseobox-repository/keys")
    assert "leave REPO_KEY out" in repository.refusal("sign", keys=key)


def test_a_successor_that_boxes_hold_is_not_replaced_by_another(repository: Repository, home: Path) -> None:
    key = _secret_key(home, repository.directory / "key", "ed25519", "sign", "never")
    repository.do("publish", repository.package("1.0"), keys=key)
    successor = json.loads(repository.do("show", "--json", keys=key))["keys"]["successor"]
    # On another machine, or in a new home.
    (repository.directory / "data").rename(repository.directory / "copy")
    for words in (["sign"], ["publish", repository.package("1.1")], ["rotate"]):
        line = repository.refusal(*words, keys=key)
        assert f"the key {successor}, which boxes hold as the next one, is not here: take it back" in line
    shutil.rmtree(repository.directory / "data")
    (repository.directory / "copy").rename(repository.directory / "data")
    repository.do("sign", keys=key)


@pytest.mark.parametrize("revoked", [False, True], ids=["retired", "revoked"])
def test_a_key_that_is_given_in_a_file_is_replaced_as_any_other(
    repository: Repository, home: Path, revoked: bool
) -> None:
    key = _secret_key(home, repository.directory / "key", "ed25519", "sign", "never")
    folder = repository.directory / "data/inviseobox-repository/keys"
    repository.do("publish", repository.package("1.0"), keys=key)
    repository.do("rotate", *(["--revoked"] if revoked else []), keys=key, clock="+1m")
    repository.do("sign", keys=key, clock="+2m")
    repository.keys = folder
    packages = repository.package("1.1"), repository.keyring_package("1.1", clock="+3m")
    repository.do("publish", *packages, keys=key, clock="+3m")
    repository.do("promote", keys=key, clock="+4m")
    repository.do("retire", keys=key, clock="+5m")
    assert "leave REPO_KEY out" in repository.refusal("sign", keys=key, clock="+6m")
    repository.do("sign", clock="+6m")


def test_a_key_that_expires_is_replaced_in_time_and_after_it(repository: Repository, home: Path) -> None:
    key = _secret_key(home, repository.directory / "key", "ed25519", "sign", "13m")
    repository.do("publish", repository.package("1.0"), keys=key)
    repository.do("keyring", repository.directory / "old.gpg", keys=key)
    line = repository.refusal("sign", keys=key, clock="+60d")
    assert "it expires in 3" in line
    assert line.endswith("prolonging it does not help, for they hold it as it was: make repo-rotate")
    for offset in ("+61d", "+500d"):
        repository.do(*(["rotate"] if offset == "+61d" else ["sign"]), keys=key, clock=offset)
        signed = subprocess.run(
            ["gpgv", "--keyring", repository.directory / "old.gpg", repository.folder / "dists/stable/InRelease"],
            env={**repository.surroundings(), **clock_off_by("+62d" if offset == "+61d" else "+501d")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Good signature" in signed.stderr
    current = json.loads(repository.do("show", "--json", keys=key))["keys"]["current"]
    line = repository.refusal("rotate", "--revoked", current, keys=key, clock="+502d")
    assert "signs no more, and boxes may not know the next one: first make repo-retire" in line


@pytest.mark.parametrize("command", [("rotate",), ("rotate", "--revoked"), ("retire",)], ids=" ".join)
def test_a_change_of_keys_that_was_stopped_is_completed_by_the_same_command(
    repository: Repository, command: tuple[str, ...]
) -> None:
    repository.publish("1.0", clock="-3d")
    if command == ("retire",):
        repository.do("rotate", clock="-2d")
        repository.publish("1.1", clock="-1d")
        repository.do("promote", clock="-1h")
    shutil.copytree(repository.folder, repository.directory / "before")
    repository.do(*command, clock="-30m")
    keys = json.loads(repository.do("show", "--json"))["keys"]
    # The keys were written down, and nothing was published.
    shutil.rmtree(repository.folder)
    (repository.directory / "before").rename(repository.folder)
    repository.do(*command, clock="-10m")
    assert json.loads(repository.do("show", "--json"))["keys"] == keys
    trusted = json.loads((repository.folder / "repository.json").read_text())["trusted"]
    assert trusted == [keys[role] for role in ("retiring", "current", "successor") if keys[role]]
    assert "key is" in repository.refusal(*command) or "is still on its way out" in repository.refusal(*command)
