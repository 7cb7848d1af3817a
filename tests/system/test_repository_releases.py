"""One repository, signed once, for each release that the packages are for: always all of them, this takes seconds."""

import subprocess
from pathlib import Path

import pytest

from tests.support.machine import Machine
from tests.support.other_version import version_of
from tests.support.roots import RELEASES

from .bootstrapping import OURS, complaints
from .publishing import Repository

_IN_PARTS = ("apt-get", "update", *OURS, "-o", "APT::Update::Error-Mode=any")


@pytest.mark.parametrize("debian", RELEASES)
def test_apt_accepts_the_repository_without_a_word(debian: str, repository: Repository) -> None:
    assert repository.keys_package
    with Machine(debian) as box:
        box.put(repository.keys_package, "/root")
        box.run("dpkg", "--install", f"/root/{repository.keys_package.name}")
        for words in (_IN_PARTS, _IN_PARTS):
            updated = box.run(*words)
            assert complaints(updated.stdout + updated.stderr) == []
        policy = box.run("apt-cache", "policy", *OURS, "inviseobox")
        assert f"Candidate: {version_of(repository.package)}" in policy.stdout
        assert f"{repository.url} stable/main" in policy.stdout


def test_the_keyring_holds_the_current_key_and_its_successor_and_no_other(
    repository: Repository, tmp_path: Path
) -> None:
    assert repository.keys_package
    subprocess.run(["dpkg-deb", "--extract", repository.keys_package, tmp_path], check=True)
    (keyring,) = tmp_path.glob("usr/share/keyrings/*")
    keys = repository.keys()
    assert fingerprints(keyring) == [keys["current"], keys["successor"]]
    assert keys["current"] != keys["successor"]


def fingerprints(keyring: Path) -> list[str]:
    """Return those of the keys in a keyring, subkeys included, as gpg sees them."""
    command = ("gpg", "--homedir", keyring.parent, "--batch", "--quiet", "--with-colons", "--show-keys", keyring)
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [line.split(":")[9] for line in shown.splitlines() if line.startswith("fpr:")]
