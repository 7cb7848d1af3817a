"""A bare Debian that is made to trust the repository, and what may go wrong there."""

import hashlib
from collections.abc import Iterator

import pytest

from tests.support.machine import Machine
from tests.support.other_version import version_of

from .bootstrapping import UPDATE, Bootstrapped, complaints, two_commands, version_on
from .publishing import KEYRING, Repository
from .web_server import WebServer

_SOURCE = "etc/apt/sources.list.d/inviseobox.sources"


@pytest.fixture(scope="module")
def new_box(bare: Machine) -> Iterator[Machine]:
    """Yield a machine that has not heard of the repository."""
    with Machine(base=bare) as box:
        yield box


@pytest.fixture
def box(bootstrapped: Bootstrapped) -> Iterator[Machine]:
    """Yield a machine that was bootstrapped."""
    with Machine(base=bootstrapped.machine) as box:
        yield box


def test_two_commands_and_apt_install_do_it_without_a_question(
    bootstrapped: Bootstrapped, box: Machine, repository: Repository
) -> None:
    for step in bootstrapped.steps:
        assert step.returncode == 0, step.stdout + step.stderr
        assert complaints(step.stdout + step.stderr) == []
    assert version_on(box) == version_on(box, "inviseobox-archive-keyring") == version_of(repository.package)
    assert box.run("sh", "-c", "command -v gpg gpg2 curl", check=False).stdout == ""
    owners = box.run("dpkg", "--search", f"/{KEYRING}", f"/{_SOURCE}").stdout
    assert owners == "".join(f"inviseobox-archive-keyring: /{path}\n" for path in (KEYRING, _SOURCE))
    assert box.run("dpkg", "--verify", "inviseobox-archive-keyring").stdout == ""
    assert box.run("find", "/etc/apt", "/usr/share/keyrings", "-name", "inviseobox*").stdout.splitlines() == [
        f"/{_SOURCE}",
        f"/{KEYRING}",
    ]
    updated = box.run(*UPDATE)
    assert complaints(updated.stdout + updated.stderr) == []


def test_who_follows_beta_still_does_after_another_bootstrap_and_an_upgrade(
    box: Machine, repository: Repository
) -> None:
    beta = box.read(f"/{_SOURCE}").replace("Suites: stable", "Suites: beta")
    box.write(f"/{_SOURCE}", beta)
    repository.publish("998")
    for command in two_commands(repository):
        box.run("sh", "-c", command, timeout=120)
    assert box.read(f"/{_SOURCE}") == beta
    assert version_on(box, "inviseobox-archive-keyring") == "998"


@pytest.mark.parametrize("place", ["script", "hash"])
def test_a_wrong_hash_installs_nothing(new_box: Machine, repository: Repository, place: str) -> None:
    fetch, run = two_commands(repository)
    if place == "script":
        script = repository.folder / "bootstrap.sh"
        script.write_text(script.read_text() + "\n")
    else:
        run = run.replace(hashlib.sha256((repository.folder / "bootstrap.sh").read_bytes()).hexdigest(), "0" * 64)
    new_box.run("sh", "-c", fetch)
    done = new_box.run("sh", "-c", run, check=False)
    assert done.returncode == 1
    assert "bootstrap.sh: FAILED" in done.stdout
    _expect_nothing_of_it(new_box)


@pytest.mark.parametrize("off", ["-2 days", "+2 days", "-10 minutes", "+10 minutes"])
def test_a_wrong_clock_is_told_before_anything_is_changed(new_box: Machine, repository: Repository, off: str) -> None:
    fetch, run = two_commands(repository)
    new_box.run("sh", "-c", fetch)
    done = new_box.run("sh", "-c", run.replace("&& sh ", f"&& faketime '{off}' sh "), check=False)
    assert done.returncode == 1
    english, french, *advice = done.stderr.splitlines()
    right = new_box.run("date", "-u", "+%Y-%m-%d").stdout.strip()
    wrong = new_box.run("faketime", off, "date", "-u", "+%Y-%m-%d").stdout.strip()
    assert f"the clock of this machine is wrong: it says {wrong}" in english
    assert f"the web server {right}" in english
    assert f"l'horloge de cette machine est fausse : elle indique {wrong}" in french
    assert f"le serveur web {right}" in french
    assert any("timedatectl set-ntp true" in line for line in advice)
    assert any(f"timedatectl set-time '{right}" in line for line in advice)
    _expect_nothing_of_it(new_box)


def test_a_clock_that_lies_before_the_keys_is_told_where_the_server_tells_no_date(
    new_box: Machine, repository: Repository, web: WebServer
) -> None:
    web.dates = False
    fetch, run = two_commands(repository)
    new_box.run("sh", "-c", fetch)
    done = new_box.run("sh", "-c", run.replace("&& sh ", "&& faketime '-2 days' sh "), check=False)
    assert done.returncode == 1
    assert "but the keys were made at" in done.stderr
    assert "mais les clés ont été créées le" in done.stderr
    _expect_nothing_of_it(new_box)


def test_a_server_that_is_gone_is_told(new_box: Machine, repository: Repository, web: WebServer) -> None:
    fetch, run = two_commands(repository)
    new_box.run("sh", "-c", fetch)
    web.go()
    done = new_box.run("sh", "-c", run, check=False)
    assert done.returncode == 1
    assert f"{web.url}/bootstrap.sh cannot be fetched" in done.stderr
    assert "ne peut pas être téléchargé" in done.stderr
    _expect_nothing_of_it(new_box)


def test_another_user_than_root_is_told(new_box: Machine, repository: Repository) -> None:
    script = (repository.folder / "bootstrap.sh").read_text()
    done = new_box.run("setpriv", "--reuid=nobody", "--clear-groups", "sh", check=False, text=script)
    assert done.returncode == 1
    assert "must be run as root" in done.stderr
    assert "en tant que root" in done.stderr


def test_what_apt_refuses_leaves_the_machine_as_it_was_and_may_be_tried_again(
    bare: Machine, repository: Repository
) -> None:
    good = (repository.folder / "dists/stable/InRelease").read_text()
    with Machine(base=bare) as box:
        (repository.folder / "dists/stable/InRelease").write_text(good.replace("Label: InviseoBox", "Label: Other"))
        fetch, run = two_commands(repository)
        box.run("sh", "-c", fetch)
        done = box.run("sh", "-c", run, check=False)
        assert done.returncode == 1
        assert "apt could not use the repository" in done.stderr
        assert "apt n'a pas pu utiliser le dépôt" in done.stderr
        _expect_nothing_of_it(box)
        (repository.folder / "dists/stable/InRelease").write_text(good)
        box.run("sh", "-c", run, timeout=120)
        assert version_on(box, "inviseobox-archive-keyring") == version_of(repository.package)


def _expect_nothing_of_it(box: Machine) -> None:
    assert box.run("find", "/etc", "/usr/share/keyrings", "-name", "*inviseobox*").stdout == ""
    assert box.run("dpkg-query", "--show", "inviseobox*", check=False).stdout == ""
