"""The script of a new box, run on one that is none: its package with the keys is newer, older or damaged.

Apt and dpkg are real and have a root of their own; the script is told where that is.
"""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.dpkg_roots import DpkgRoot
from tests.support.repositories import KEYRING, Repository, served

_PACKAGE = "inviseobox-archive-keyring"
_SOURCE = "etc/apt/sources.list.d/inviseobox.sources"
_KEYS = Path("/", KEYRING).parent
_SOURCES = Path("/", _SOURCE).parent


@dataclass
class Box:
    """A root of apt and dpkg, and what was published for it; `scripts` and `keyrings` are by version."""

    root: DpkgRoot
    repository: Repository
    url: str
    scripts: dict[str, str]
    keyrings: dict[str, bytes]

    def release(self, version: str, days: int) -> None:
        """Publish a version with the keys of now for all boxes, so many days ago."""
        clock = f"-{days}d"
        file = self.repository.directory / f"{version}.gpg"
        self.repository.do("keyring", file, clock=clock)
        self.keyrings[version] = file.read_bytes()
        source = f"Types: deb\nURIs: {self.url}\nSuites: stable\nComponents: main\nSigned-By: {KEYRING}\n"
        files: dict[str, str | bytes] = {
            KEYRING: self.keyrings[version],
            _SOURCE: source.replace(KEYRING, str(self.file)),
        }
        conffiles = {"conffiles": f"/{_SOURCE}\n"}
        package = self.root.package(_PACKAGE, version, files, conffiles, fields="Source: inviseobox\n")
        self.repository.do("--url", self.url, "publish", package, clock=clock)
        self.repository.do("promote", version, clock=f"-{days * 24 - 1}h")
        self.scripts[version] = (self.repository.folder / "bootstrap.sh").read_text()

    def run(self, version: str) -> "subprocess.CompletedProcess[str]":
        """Run the script that was published with a version."""
        script = self.scripts[version].replace("$(id -u)", "0")
        for place in (_KEYS, _SOURCES):
            script = script.replace(f"{place}/", f"{self.root.root}{place}/")
        environment = {**self.root.environment(), "APT_CONFIG": str(self.root.directory / "apt.conf")}
        return subprocess.run(["sh"], input=script, env=environment, capture_output=True, text=True, check=False)

    def expect(self, done: "subprocess.CompletedProcess[str]", version: str) -> None:
        """See that the script ended well, and that the box has the keys of a version as its package brought them."""
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        assert [line for line in said.splitlines() if line.startswith(("E:", "W:", "N:", "Err:"))] == [], said
        assert self.file.read_bytes() == self.keyrings[version]
        shown = ["dpkg-query", "--show", "--showformat=${Version} ${db:Status-Abbrev}", _PACKAGE]
        told = subprocess.run(shown, env=self.root.environment(), capture_output=True, text=True, check=True).stdout
        assert told.split() == [version, "ii"]

    @property
    def file(self) -> Path:
        """Return the file with the keys."""
        return self.root.root / KEYRING


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """Yield a box on which nothing is installed; versions 1 to 3 are published, and a key is replaced between them."""
    root = DpkgRoot(tmp_path)
    for folder in ("etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/sources.list.d", "var/log/apt"):
        (root.root / folder).mkdir(parents=True)
    for folder in ("var/lib/apt/lists/partial", "var/cache/apt/archives/partial"):
        (root.root / folder).mkdir(parents=True)
    settings = {
        "Dir": root.root,
        "Dir::State::status": root.database / "status",
        "APT::Architecture": "amd64",
        "APT::Sandbox::User": "root",
        "Acquire::http::Proxy": "DIRECT",
        "Acquire::Retries": "0",
    }
    (tmp_path / "apt.conf").write_text("".join(f'{name} "{value}";\n' for name, value in settings.items()))
    repository = Repository(tmp_path)
    repository.folder.mkdir()
    with served(repository.folder) as url:
        made = Box(root, repository, url, {}, {})
        made.release("1", 9)
        repository.do("rotate", clock="-7d")
        made.release("2", 6)
        repository.do("retire", clock="-4d")
        repository.do("rotate", clock="-3d")
        made.release("3", 2)
        yield made


def test_a_new_one_has_the_keys_of_the_package(box: Box) -> None:
    box.expect(box.run("3"), "3")


def test_an_older_script_leaves_the_newer_keys(box: Box) -> None:
    box.expect(box.run("3"), "3")
    # Its keys are enough as yet, then they are not.
    box.expect(box.run("2"), "3")
    box.repository.do("retire")
    box.expect(box.run("1"), "3")


def test_a_newer_script_brings_keys_to_one_that_lacks_them(box: Box) -> None:
    old = box.root.directory / f"{_PACKAGE}_1_all.deb"
    subprocess.run(["dpkg", "--install", old], env=box.root.environment(), capture_output=True, check=True)
    box.repository.do("retire")
    box.expect(box.run("3"), "3")


@pytest.mark.parametrize("damage", ["changed", "gone", "older"])
def test_keys_that_were_damaged_are_those_of_the_package_again(box: Box, damage: str) -> None:
    box.expect(box.run("3"), "3")
    _damage(box, damage)
    # By keys that are older than those of the package, too.
    box.expect(box.run("2"), "3")


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_one_that_apt_refuses_is_as_it_was(box: Box, damage: str) -> None:
    box.expect(box.run("3"), "3")
    box.repository.do("retire")
    _damage(box, damage)
    before = _files(box)
    done = box.run("1")
    assert done.returncode == 1
    assert "apt could not use the repository" in done.stderr
    assert _files(box) == before


def test_a_new_one_that_apt_refuses_has_nothing_of_it(box: Box) -> None:
    box.repository.do("retire")
    assert box.run("1").returncode == 1
    assert _files(box) == {}


def _damage(box: Box, how: str) -> None:
    if how == "gone":
        box.file.unlink()
    elif how == "older":
        box.file.write_bytes(box.keyrings["2"])
    else:
        box.file.write_bytes(b"damaged")


def _files(box: Box) -> dict[Path, bytes]:
    """Return the files with keys and those that name sources."""
    places = (box.file.parent, (box.root.root / _SOURCE).parent)
    return {path: path.read_bytes() for place in places if place.exists() for path in place.iterdir()}
