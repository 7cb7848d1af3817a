"""A command that was interrupted while files got their places is completed by the same command."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.repositories import Client, Repository, clock_off_by, served

_KILLED = Path(__file__).parents[1] / "support/killed.py"
_PLACES = ("dists/beta/InRelease", "dists/stable/InRelease", "dists/stable/Release.gpg", "bootstrap.sh")
"""Of a few files, in the order in which they get there."""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Return a repository with an address, 1.1 in beta and phased in stable; its boxes have the keys of trusted.gpg."""
    made = Repository(tmp_path_factory.mktemp("published"))
    packages = made.package("1.0"), made.keyring_package("1.0", "-5d")
    made.do("--url", "http://example.org/apt", "publish", *packages, clock="-5d")
    made.publish("1.1", clock="-4d")
    made.do("promote", "--phase", "10", clock="-3d")
    made.do("keyring", made.directory / "trusted.gpg")
    return made


@pytest.fixture(scope="module")
def rotated(published: Repository, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Return the same with 1.2, and a key that is on its way out."""
    made = _copy(published, tmp_path_factory.mktemp("rotated") / "copy")
    made.do("phase", "100", clock="-50h")
    made.do("rotate", clock="-49h")
    made.publish("1.2", clock="-48h")
    made.do("promote", clock="-47h")
    return made


@pytest.mark.parametrize(
    "command",
    [
        ("rotate",),
        ("rotate", "--revoked"),
        ("retire",),
        ("promote", "--phase", "10"),
        ("phase", "50"),
        ("withdraw", "1.1"),
        ("sign",),
    ],
    ids=" ".join,
)
def test_the_same_command_completes_it(
    published: Repository, rotated: Repository, tmp_path: Path, command: tuple[str, ...]
) -> None:
    begun = rotated if command == ("retire",) else published
    whole = _copy(begun, tmp_path / "whole")
    whole.do(*command, clock="-2h")
    changed = [place for place in _PLACES if _bytes(whole, place) != _bytes(begun, place)]
    assert changed[:3] == list(_PLACES[:3])
    for number, place in enumerate(changed):
        broken = _copy(begun, tmp_path / f"stopped-{number}")
        _interrupt(broken, broken.folder / place, *command)
        assert _bytes(broken, place) == _bytes(begun, place)
        if place.endswith("InRelease"):
            # As in a copy of the folder without hidden files.
            shutil.rmtree(broken.folder / ".new")
        else:
            assert "9 is in no suite" in broken.refusal("withdraw", "9")
        broken.do(*command, clock="-1h")
        assert not (broken.folder / ".new").exists()
        assert "completes" not in broken.do("show")
        assert _shown(broken) == _shown(whole)
        _expect_all_in_place(broken)
        refused = broken.run(*command)
        assert (refused.returncode == 1) is (command[0] in ("rotate", "retire")), refused.stderr


def _interrupt(repository: Repository, before: Path, *command: str) -> None:
    """Run a command and interrupt it, as Ctrl-C does, when it is about to replace a file."""
    words: list[str | Path] = ["INT", "1", before, "--folder", repository.folder, "--keys", repository.keys, *command]
    done = subprocess.run(
        ["/usr/bin/python3", "-B", _KILLED, *words],
        env={**repository.surroundings(), **clock_off_by("-2h")},
        capture_output=True,
        text=True,
        check=False,
    )
    said = "repository: interrupted: the same command once more completes it\n"
    assert (done.returncode, done.stderr) == (1, said)


def _expect_all_in_place(repository: Repository) -> None:
    """See that a box takes what is there, that both forms of the signatures fit, and that the script has the keys."""
    with served(repository.folder) as url:
        client = Client(repository.directory / "client", url, repository.directory / "trusted.gpg", ("beta", "stable"))
        client.update()
    keyring = repository.directory / "now.gpg"
    repository.do("keyring", keyring)
    for suite in ("beta", "stable"):
        place = repository.folder / "dists" / suite
        assert "BADSIG" not in _verified(keyring, place / "InRelease")
        assert "GOODSIG" in _verified(keyring, place / "Release.gpg", place / "Release")
    script = (repository.folder / "bootstrap.sh").read_text().replace("\n", "")
    encoded = subprocess.run(["base64", "--wrap=0", keyring], capture_output=True, text=True, check=True).stdout
    assert encoded in script


def _verified(keyring: Path, *files: Path) -> str:
    command = ["gpgv", "--status-fd", "1", "--keyring", str(keyring), *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _shown(repository: Repository) -> tuple[object, ...]:
    """Return what stable has, which roles a key has, and by how many keys boxes know the repository."""
    told = json.loads(repository.do("show", "--json"))
    stable = told["suites"]["stable"]
    trusted = json.loads((repository.folder / "repository.json").read_text())["trusted"]
    return stable["versions"], stable["phase"], [role for role, key in told["keys"].items() if key], len(trusted)


def _bytes(repository: Repository, place: str) -> bytes:
    return (repository.folder / place).read_bytes()


def _copy(repository: Repository, directory: Path) -> Repository:
    shutil.copytree(repository.directory, directory, ignore=shutil.ignore_patterns("S.*"))
    (directory / "keys").chmod(0o700)
    return Repository(directory)
