"""What a maintainer publishes, as an apt of this machine sees it."""

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.repositories import Client, Repository, served

_BOXES = [hashlib.sha256(f"box {number}".encode()).hexdigest()[:32] for number in range(40)]
"""Machine-ids, machine-id(5)."""


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


@pytest.fixture
def url(repository: Repository) -> Iterator[str]:
    repository.folder.mkdir()
    with served(repository.folder) as address:
        yield address


@pytest.fixture
def box(repository: Repository, url: str) -> Client:
    """Return a client that trusts the keys of the first publication, of 1.0, and has that."""
    return _client(repository, url, "box")


def _client(repository: Repository, url: str, name: str, *suites: str) -> Client:
    keyring = repository.directory / f"{name}.gpg"
    if not (repository.folder / "dists").exists():
        repository.publish("1.0", clock="-1d")
    repository.do("keyring", keyring)
    client = Client(repository.directory / name, url, keyring, suites or ("stable",))
    client.install("1.0")
    return client


def test_the_first_version_is_for_all_and_the_next_one_for_beta_until_it_is_promoted(
    repository: Repository, url: str, box: Client
) -> None:
    tester = _client(repository, url, "tester", "beta")
    box.update()
    assert box.candidate() == "1.0"
    repository.publish("1.1", clock="-1h")
    box.update()
    tester.update()
    assert (box.candidate(), tester.candidate()) == ("1.0", "1.1")
    repository.do("promote")
    box.update()
    assert box.candidate() == "1.1"
    assert box.download().read_bytes() == repository.package("1.1").read_bytes()
    # Versions stand side by side.
    assert re.findall(r"(?m)^ (?:\*\*\*|   ) (\S+)", box.run("apt-cache", "policy", "inviseobox").stdout) == [
        "1.1",
        "1.0",
    ]


def test_a_phase_admits_some_boxes_and_raising_it_only_adds(repository: Repository, box: Client) -> None:
    repository.publish("1.1", clock="-2h")
    offered: set[str] = set()
    for command, clock, least, most in (
        (("promote", "--phase", "10"), "-1h", 1, 9),
        (("phase", "50"), "-10m", 12, 28),
        (("phase", "100"), "-1m", 40, 40),
    ):
        repository.do(*command, clock=clock)
        box.update()
        before, offered = offered, {machine for machine in _BOXES if box.is_offered(machine=machine)}
        assert before <= offered
        assert least <= len(offered) <= most


def test_a_withdrawn_version_is_offered_to_nobody_and_is_replaced(repository: Repository, box: Client) -> None:
    repository.publish("1.1", clock="-2h")
    repository.do("promote", clock="-1h")
    repository.do("withdraw", "1.1", clock="-30m")
    box.update()
    assert not box.is_offered()
    box.install("1.1")
    assert not box.is_offered()
    repository.publish("1.2", clock="-1m")
    repository.do("promote", "1.2")
    box.update()
    assert box.is_offered()


def test_all_versions_stay_and_tell_the_schema_of_their_database(repository: Repository, box: Client) -> None:
    for version, schema, oldest in (("1.1", 6, 5), ("1.2", 7, 7), ("1.3", 8, 7)):
        fields = f"nothing\nInviseobox-Schema: {schema}\nInviseobox-Oldest-Reader: {oldest}"
        repository.do("publish", repository.package(version, text=fields))
        repository.do("promote", version)
    box.update()
    shown = box.run("apt-cache", "show", "inviseobox").stdout
    told = re.findall(r"(?m)^(Version|Inviseobox-Schema|Inviseobox-Oldest-Reader): (.+)$", shown)
    # A box that was off for long gets to the newest by way of those in between.
    assert [value for name, value in told if name == "Version"] == ["1.3", "1.2", "1.1", "1.0"]
    assert [value for name, value in told if name == "Inviseobox-Schema"] == ["8", "7", "6"]
    assert [value for name, value in told if name == "Inviseobox-Oldest-Reader"] == ["7", "7", "5"]


def test_the_indexes_of_an_old_in_release_are_still_there(repository: Repository, url: str, box: Client) -> None:
    in_release = repository.folder / "dists/stable/InRelease"
    old = in_release.read_bytes()
    for number in range(1, 6):
        repository.publish(f"1.{number}", clock=f"-{12 - 2 * number}h")
        repository.do("promote", clock=f"-{11 - 2 * number}h")
    in_release.write_bytes(old)
    box.update()
    assert box.candidate() == "1.0"
    box.download()


def test_only_the_indexes_and_packages_of_ten_generations_are_kept(repository: Repository) -> None:
    by_hash = repository.folder / "dists/beta/main/binary-all/by-hash"
    withdrawn = repository.folder / "pool/main/i/inviseobox/inviseobox_1.1_all.deb"
    for version in ("1.0", "1.1"):
        repository.do("publish", repository.package(version), clock=f"-{50 - int(version[-1])}h")
    repository.do("withdraw", "1.1", clock="-40h")
    # What is published after the withdrawal is what was there before 1.1, so it counts once.
    for number in range(2, 11):
        assert withdrawn.exists()
        repository.do("publish", repository.package(f"1.{number}"), clock=f"-{30 - number}h")
    assert not withdrawn.exists()
    assert [len(list((by_hash / name).iterdir())) for name in ("SHA256", "SHA512")] == [20, 20]


def test_twenty_runs_change_nothing_but_dates_and_signatures(repository: Repository) -> None:
    packages = repository.package("1.0"), repository.keyring_package("1.0", "-30h")
    seen = set()
    for number in range(20):
        repository.do("--url", "http://example.org/apt", "publish", *packages, clock=f"-{20 - number}h")
        seen.add(json.dumps(repository.without_times()))
    assert len(seen) == 1


def test_the_script_of_a_new_box_stays_the_same_from_version_to_version(repository: Repository) -> None:
    address = ("--url", "http://example.org/apt")
    repository.do(*address, "publish", repository.package("1.0"), clock="-1h")
    script = (repository.folder / "bootstrap.sh").read_bytes()
    told = repository.do("bootstrap")
    assert hashlib.sha256(script).hexdigest() in told
    # The address is remembered.
    repository.do("publish", repository.package("1.1"))
    assert (repository.folder / "bootstrap.sh").read_bytes() == script
    assert hashlib.sha256(script).hexdigest() in (repository.folder / "index.html").read_text()


def test_show_tells_what_is_published_and_for_how_long(repository: Repository) -> None:
    repository.do("publish", repository.package("1.0"), clock="-70d")
    assert "EXPIRED" in repository.do("show")
    repository.do("publish", repository.package("1.1"), clock="-10d")
    repository.do("promote", "--phase", "10", clock="-9d")
    repository.do("withdraw", "1.0", clock="-8.5d")
    told = json.loads(repository.do("show", "--json"))
    stable = told["suites"]["stable"]
    assert (stable["versions"], stable["phase"]) == (["1.1"], {"version": "1.1", "percent": 10})
    assert (stable["days_left"], stable["complete"], told["withdrawn"]) == (51, True, ["1.0"])
    assert "1.1 is being phased: 10 % of the boxes" in repository.do("show")
    # A run that was stopped after it had written down what it was about to publish.
    shutil.copytree(repository.folder / "dists", repository.directory / "dists")
    repository.do("promote", "1.1", "--phase", "10", clock="-7d")
    shutil.rmtree(repository.folder / "dists")
    shutil.move(repository.directory / "dists", repository.folder / "dists")
    assert "make repo-sign completes it" in repository.do("show")
    repository.do("sign")
    assert "completes" not in repository.do("show")


def test_what_was_altered_or_has_expired_is_refused_by_the_box(repository: Repository, url: str, box: Client) -> None:
    box.update()
    (package,) = (repository.folder / "pool").rglob("inviseobox_1.0_all.deb")
    good = package.read_bytes()
    package.write_bytes(good[:-1] + b"?")
    assert box.run("apt-get", "download", "inviseobox").returncode == 100
    package.write_bytes(good)
    for by_hash in (repository.folder / "dists/stable").rglob("by-hash/*/*"):
        by_hash.write_bytes(b"?" * by_hash.stat().st_size)
    keyring = repository.directory / "box.gpg"
    assert "Hash Sum mismatch" in Client(repository.directory / "new", url, keyring).complaint()
    other = Repository(repository.directory / "other")
    other.directory.mkdir()
    other.do("keyring", other.directory / "keyring.gpg")
    stranger = Client(repository.directory / "stranger", url, other.directory / "keyring.gpg")
    assert "NO_PUBKEY" in stranger.complaint()


def test_what_has_expired_is_refused_until_it_is_signed_again(repository: Repository, url: str) -> None:
    repository.publish("1.0", clock="-61d")
    box = _client(repository, url, "box")
    assert "is expired" in box.complaint()
    repository.do("sign")
    box.update()
