"""Who publishes is killed at every step that changes what is published, while a box looks and takes."""

import json
import shutil
import signal
import subprocess
from itertools import count
from pathlib import Path

import pytest

from tests.support.processes import started
from tests.support.repositories import Client, Repository, served

from .sizes import measured, sample

_KILLED = Path(__file__).parents[1] / "support/killed.py"
_STRIDES = {"publish": 13, "promote": 13, "withdraw": 5, "sign": 3, "rotate": 11, "revoke": 11, "retire": 11}
"""In a short run, one step of so many is tried."""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Return a repository with 1.10 in stable and 1.11 in beta, whose next version makes the first indexes go."""
    made = Repository(tmp_path_factory.mktemp("published"))
    made.publish("1.0", clock="-40h")
    for number in range(1, 12):
        made.do("publish", made.package(f"1.{number}"), clock=f"-{30 - number}h")
    made.do("promote", "1.10", clock="-18h")
    made.do("keyring", made.directory / "trusted.gpg")
    return made


@pytest.mark.parametrize(
    ("command", "candidate"),
    [("publish", "1.12"), ("promote", "1.11"), ("withdraw", "1.10"), ("sign", "1.11")],
)
def test_a_box_meets_no_error_wherever_the_publisher_is_killed(
    published: Repository, tmp_path: Path, command: str, candidate: str
) -> None:
    words: dict[str, list[str | Path]] = {
        "publish": ["publish", published.package("1.12")],
        "promote": ["promote"],
        "withdraw": ["withdraw", "1.11"],
        "sign": ["sign"],
    }
    whole = _copy(published, tmp_path / "whole")
    whole.do(*words[command])
    tried = 0
    stride = sample(_STRIDES[command], 1)
    for step in count(1, stride):
        broken = _copy(published, tmp_path / f"step-{step}")
        with served(broken.folder) as url:
            client = Client(broken.directory / "client", url, broken.directory / "trusted.gpg", ("beta", "stable"))
            client.update()
            if not _is_killed_at(step, broken, words[command], client, broken.folder):
                break
            broken.do("show")
            broken.do(*words[command])
            _look_and_take(client)
            assert client.candidate() == candidate
        assert broken.without_times() == whole.without_times()
        tried += 1
        shutil.rmtree(broken.directory)
    assert tried > 1
    measured(f"{command}: killed at {tried} steps, one of every {stride}")


@pytest.mark.parametrize("command", ["rotate", "revoke", "retire"])
def test_the_same_command_completes_a_change_of_keys_wherever_it_was_killed(
    published: Repository, tmp_path: Path, command: str
) -> None:
    begun = _copy(published, tmp_path / "begun")
    if command == "retire":
        begun.do("rotate", clock="-10h")
        begun.publish("1.12", clock="-9h")
        begun.do("promote", clock="-8h")
    words = ["rotate", "--revoked"] if command == "revoke" else [command]
    roles = {"rotate": ("retiring", "current", "successor"), "revoke": ("current", "successor", "revoked")}
    tried = 0
    stride = sample(_STRIDES[command], 1)
    for step in count(1, stride):
        broken = _copy(begun, tmp_path / f"step-{step}")
        with served(broken.folder) as url:
            client = Client(broken.directory / "client", url, broken.directory / "trusted.gpg", ("beta", "stable"))
            client.update()
            if not _is_killed_at(step, broken, [*words], client, broken.folder, broken.keys):
                break
            broken.do(*words)
            _look_and_take(client)
        keys = json.loads(broken.do("show", "--json"))["keys"]
        assert {role for role, key in keys.items() if key} == set(roles.get(command, ("current", "successor")))
        trusted = json.loads((broken.folder / "repository.json").read_text())["trusted"]
        assert trusted == [keys[role] for role in ("retiring", "current", "successor") if keys[role]]
        tried += 1
        shutil.rmtree(broken.directory)
    assert tried > 1
    measured(f"{command}: killed at {tried} steps, one of every {stride}")


def _copy(repository: Repository, directory: Path) -> Repository:
    shutil.copytree(repository.directory, directory, ignore=shutil.ignore_patterns("S.*"))
    (directory / "keys").chmod(0o700)
    return Repository(directory)


def _is_killed_at(step: int, repository: Repository, words: list[str | Path], client: Client, *folders: Path) -> bool:
    """Run the command, kill it at that step, let the box look all the while; return whether there was such a step.

    A step changes what is in one of the folders.
    """
    options = ["--folder", repository.folder, "--keys", repository.keys]
    command = ["/usr/bin/python3", "-B", _KILLED, "KILL", step, ":".join(map(str, folders)), *options, *words]
    with started([str(word) for word in command], env=repository.surroundings(), stderr=subprocess.PIPE) as run:
        while run.poll() is None:
            _look_and_take(client)
        assert run.stderr
        said = run.stderr.read()
    assert run.returncode in (0, -signal.SIGKILL), said
    _look_and_take(client)
    return run.returncode != 0


def _look_and_take(client: Client) -> None:
    client.update()
    client.download().unlink()
