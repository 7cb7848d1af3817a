"""A key that was stolen, also while two of them sign."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.repositories import Client, Repository, served

_CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Return a repository during the change of its first key, whose boxes have the keys of first.gpg or during.gpg."""
    made = Repository(tmp_path)
    made.publish("1.0", clock="-9d")
    made.do("keyring", tmp_path / "first.gpg")
    made.do("rotate", clock="-8d")
    made.do("keyring", tmp_path / "during.gpg")
    return made


def _keys(repository: Repository) -> dict[str, str]:
    found: dict[str, str] = json.loads(repository.do("show", "--json"))["keys"]
    return found


def _expect_updates(repository: Repository, *keyrings: str) -> None:
    with served(repository.folder) as url:
        for name in keyrings:
            client = repository.directory / f"client-{name}"
            Client(client, url, repository.directory / f"{name}.gpg").update()
            shutil.rmtree(client)


def _signers(repository: Repository) -> set[str]:
    """Return the IDs of the keys that signed what is published."""
    command = ["gpgv", "--status-fd", "1", "--keyring", "/dev/null", f"{repository.folder}/dists/stable/InRelease"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return {line.split()[2] for line in said.splitlines() if line.startswith("[GNUPG:] ERRSIG")}


def test_where_one_signs_it_is_that_one(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    repository.publish("1.0", clock="-9d")
    keys = _keys(repository)
    told = repository.do("rotate", "--revoked").splitlines()
    assert told[:2] == [f"revoked    key {keys['current']}", f"signs      key {keys['successor']}"]
    assert _signers(repository) == {keys["successor"][-16:]}


def test_where_two_sign_it_must_be_named(repository: Repository) -> None:
    keys = _keys(repository)
    old, current = (f"make repo-rotate REVOKED={keys[role]}" for role in ("retiring", "current"))
    line = repository.refusal("rotate", "--revoked")
    assert line.endswith(f"and {keys['current']}: name the stolen one, {old} or {current}")
    assert f"{keys['successor']} does not sign yet: " in repository.refusal("rotate", "--revoked", keys["successor"])
    assert f"key ABCD is none of those that sign: {old} or" in repository.refusal("rotate", "--revoked", "ab CD")
    assert _keys(repository) == keys


def test_the_old_one_is_revoked(repository: Repository) -> None:
    keys = _keys(repository)
    told = repository.do("rotate", "--revoked", keys["retiring"].lower()).splitlines()
    assert told[:2] == [f"revoked    key {keys['retiring']}", f"signs      key {keys['current']}"]
    assert _signers(repository) == {keys["current"][-16:]}
    assert _keys(repository) == {**keys, "retiring": None, "revoked": keys["retiring"]}
    repository.do("keyring", repository.directory / "new.gpg")
    _expect_updates(repository, "first", "during", "new")
    assert "is revoked already" in repository.refusal("rotate", "--revoked", keys["retiring"])


def test_the_current_one_is_revoked_and_boxes_go_on_by_the_old_one(repository: Repository) -> None:
    before = _keys(repository)
    told = repository.do("rotate", "--revoked", before["current"], clock="-7d").splitlines()
    signers = before["retiring"], before["successor"]
    assert told[:3] == [f"revoked    key {before['current']}", *(f"signs      key {key}" for key in signers)]
    assert _signers(repository) == {key[-16:] for key in signers}
    after = _keys(repository)
    assert (after["retiring"], after["current"]) == signers
    repository.do("keyring", repository.directory / "new.gpg")
    assert before["current"] not in _shown(repository.directory / "new.gpg")
    _expect_updates(repository, "first", "during", "new")
    assert "is revoked already" in repository.refusal("rotate", "--revoked", before["current"])
    repository.publish("1.1", clock="-6d")
    repository.do("promote", clock="-5d")
    repository.do("retire")
    _expect_updates(repository, "during", "new")


def test_a_change_that_was_written_down_is_completed(repository: Repository) -> None:
    stolen = _keys(repository)["current"]
    shutil.copytree(repository.folder, repository.directory / "before")
    repository.do("rotate", "--revoked", stolen, clock="-7d")
    keys = _keys(repository)
    shutil.rmtree(repository.folder)
    (repository.directory / "before").rename(repository.folder)
    assert repository.do("rotate", "--revoked", stolen).startswith(f"revoked    key {stolen}\n")
    assert _keys(repository) == keys
    assert _signers(repository) == {keys[role][-16:] for role in ("retiring", "current")}


def test_a_change_that_was_not_published_comes_first(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    repository.publish("1.0", clock="-9d")
    shutil.copytree(repository.folder, tmp_path / "before")
    repository.do("rotate", clock="-8d")
    shutil.rmtree(repository.folder)
    (tmp_path / "before").rename(repository.folder)
    stolen = _keys(repository)["current"]
    assert "first make repo-sign" in repository.refusal("rotate", "--revoked", stolen)
    repository.do("sign", clock="-7d")
    repository.do("rotate", "--revoked", stolen)


def test_make_hands_the_fingerprint_over(repository: Repository) -> None:
    def make(revoked: str) -> "subprocess.CompletedProcess[str]":
        command = ["make", "--no-print-directory", "repo-rotate", f"REVOKED={revoked}"]
        places = {"REPO_DIR": str(repository.folder), "REPO_KEY": str(repository.keys)}
        surroundings = {
            name: value for name, value in repository.surroundings().items() if name not in ("MAKEFLAGS", "MAKELEVEL")
        }
        return subprocess.run(
            command, cwd=_CHECKOUT, env={**surroundings, **places}, capture_output=True, text=True, check=False
        )

    assert "two keys sign, " in make("1").stderr
    stolen = _keys(repository)["current"]
    parted = " ".join(stolen[place : place + 4] for place in range(0, len(stolen), 4))
    done = make(parted)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, f"revoked    key {stolen}"), done.stderr


def _shown(keyring: Path) -> str:
    command = ["gpg", "--with-colons", "--show-keys", str(keyring)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
