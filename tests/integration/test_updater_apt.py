"""The updater's edge to apt, on a real apt and a repository over HTTP."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from inviseobox.updater import apt_output
from inviseobox.updater.apt import Apt
from inviseobox.updater.apt_output import Step
from inviseobox.updater.errors import NotNow, ProgramFailed
from inviseobox.updater.programs import Programs
from tests.support.repositories import Client, Repository, served


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    made = Repository(tmp_path_factory.mktemp("repository"))
    for version, schema, oldest in (("1.0", 5, 0), ("1.1", 6, 5), ("1.2", 7, 7)):
        fields = f"nothing\nInviseobox-Schema: {schema}\nInviseobox-Oldest-Reader: {oldest}\nInstalled-Size: 9"
        made.do("publish", made.package(version, text=fields), made.keyring_package(version))
        made.do("promote", version)
    return made


@pytest.fixture
def url(repository: Repository) -> Iterator[str]:
    with served(repository.folder) as address:
        yield address


class Box:
    """An apt of its own with a version of the program installed, which takes packages from `url`."""

    def __init__(self, directory: Path, repository: Repository, url: str) -> None:
        keyring = directory / "keyring.gpg"
        repository.do("keyring", keyring)
        self.client = Client(directory / "client", url, keyring)
        self.directory = directory / "client"
        self.source = self.directory / "etc/apt/sources.list.d/inviseobox.sources"
        self.programs = Programs(surroundings={"APT_CONFIG": str(self.directory / "settings")})
        self.apt = Apt(self.programs, self.source)


@pytest.fixture
def box(tmp_path: Path, repository: Repository, url: str) -> Box:
    made = Box(tmp_path, repository, url)
    made.client.install("1.0")
    return made


@pytest.mark.parametrize(
    "damage", [b"", b"\0" * 3000, b"Package: half\nVers", b"\xff\x00rubbish\n" * 300], ids=range(4)
)
def test_an_index_that_a_power_cut_damaged_is_fetched_again(box: Box, damage: bytes) -> None:
    box.apt.update()
    damaged = list((box.directory / "var/lib/apt/lists").glob("*_Packages"))
    assert damaged
    for file in damaged:
        file.write_bytes(damage)
    for cache in (box.directory / "var/cache/apt").glob("*.bin"):
        cache.unlink()
    box.apt.update()
    assert box.apt.offered() == {"inviseobox": "1.2"}


def test_what_is_offered_is_what_an_upgrade_would_bring(box: Box) -> None:
    box.apt.update()
    # What is not installed is not offered: the keys are not.
    assert box.apt.offered() == {"inviseobox": "1.2"}


def test_a_version_that_is_pinned_away_is_not_offered(box: Box) -> None:
    box.apt.update()
    pin = "Package: inviseobox\nPin: version 1.2\nPin-Priority: -1\n"
    (box.directory / "etc/apt/preferences.d/inviseobox-updater").write_text(pin)
    assert box.apt.offered() == {"inviseobox": "1.1"}


def test_nothing_is_offered_to_what_is_up_to_date(box: Box) -> None:
    box.client.install("1.2")
    box.apt.update()
    assert box.apt.offered() == {}


def test_each_version_tells_what_its_database_is(box: Box) -> None:
    box.apt.update()
    found = box.apt.versions("inviseobox")
    assert [(one.version, one.schema, one.oldest_reader) for one in found] == [
        ("1.2", 7, 7),
        ("1.1", 6, 5),
        ("1.0", 5, 0),
    ]
    assert all(one.size > 0 and one.installed_size == 9 * 1024 for one in found)
    assert box.apt.versions("nothing-of-this-name") == []


def test_a_plan_names_what_would_be_done(box: Box) -> None:
    box.apt.update()
    steps = box.apt.plan(("inviseobox", "1.1"), ("inviseobox-archive-keyring", "1.2"))
    assert sorted(steps, key=lambda step: step.name) == [
        Step("inviseobox", "1.0", "1.1"),
        Step("inviseobox-archive-keyring", "", "1.2"),
    ]
    size, unpacked = box.apt.sizes(steps)
    assert size > 1000
    assert unpacked >= 9 * 1024
    with pytest.raises(ProgramFailed, match=r"Version '9' for 'inviseobox' was not found"):
        box.apt.plan(("inviseobox", "9"))


def test_files_are_fetched_under_the_names_of_apt(box: Box, tmp_path: Path) -> None:
    box.apt.update()
    target = tmp_path / "downloads"
    target.mkdir()
    (target / "left over").touch()
    files = box.apt.download([("inviseobox", "1.1"), ("inviseobox-archive-keyring", "1.0")], target)
    assert [file.name for file in files] == ["inviseobox-archive-keyring_1.0_all.deb", "inviseobox_1.1_all.deb"]
    assert sorted(target.iterdir()) == files


def test_a_file_that_is_not_what_the_index_says_is_not_taken(repository: Repository, tmp_path: Path) -> None:
    copied = tmp_path / "copied"
    shutil.copytree(repository.folder, copied)
    (file,) = copied.rglob("inviseobox_1.1_all.deb")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with served(copied) as address:
        box = Box(tmp_path, repository, address)
        box.apt.update()
        with pytest.raises(NotNow, match=r"cannot be fetched: .*(Hash Sum mismatch|hash)"):
            box.apt.download([("inviseobox", "1.1")], tmp_path / "downloads")


def test_a_repository_that_is_away_is_told_in_one_line(box: Box, url: str) -> None:
    box.apt.update()
    box.source.write_text(box.source.read_text().replace(url, "http://127.0.0.1:1"))
    with pytest.raises(NotNow, match=r"^the repository cannot be read: .*127\.0\.0\.1.*refused") as caught:
        box.apt.update()
    assert "\n" not in str(caught.value)


def test_a_captive_portal_is_told(box: Box, url: str, tmp_path: Path) -> None:
    portal = tmp_path / "portal"
    in_release = portal / "dists/stable/InRelease"
    in_release.parent.mkdir(parents=True)
    in_release.write_text("<html>log in</html>")
    with served(portal) as address:
        box.source.write_text(box.source.read_text().replace(url, address))
        with pytest.raises(NotNow, match="the repository cannot be read: "):
            box.apt.update()


@pytest.mark.parametrize("clock", ["-400d", "+400d"])
def test_a_wrong_clock_is_named(clock: str, tmp_path: Path, repository: Repository, url: str) -> None:
    box = Box(tmp_path, repository, url)
    wrong = {"LD_PRELOAD": "/usr/$LIB/faketime/libfaketime.so.1", "FAKETIME": clock}
    programs = Programs(surroundings={**box.programs.surroundings, **wrong})
    with pytest.raises(NotNow, match=r"\(is the clock of this machine right\?\)"):
        Apt(programs, box.source).update()


def test_other_sources_are_left_alone(box: Box, tmp_path: Path) -> None:
    other = "Types: deb\nURIs: http://127.0.0.1:1\nSuites: stable\nComponents: main\nSigned-By: /nowhere\n"
    (box.directory / "etc/apt/sources.list.d/other.sources").write_text(other)
    lists = box.directory / "var/lib/apt/lists"
    (lists / "other.example_dists_stable_InRelease").write_text("kept")
    box.apt.update()
    assert (lists / "other.example_dists_stable_InRelease").read_text() == "kept"
    with pytest.raises(NotNow):
        box.apt.update_all()


def test_a_plan_that_removes_shows_it() -> None:
    said = (
        "Reading package lists...\nRemv old [1.0]\n"
        "Inst new:amd64 [1.0-1] (1.1-1 Debian:13/stable [amd64]) []\nInst fresh (2 x:y [all])\n"
        "Conf new (1.1-1 Debian)\n"
    )
    assert apt_output.steps(said) == [Step("old", "1.0", ""), Step("new", "1.0-1", "1.1-1"), Step("fresh", "", "2")]


def test_numbers_of_the_index_are_not_trusted() -> None:
    text = f"Package: one\nVersion: 1\nFilename: x\nSize: -5\nInstalled-Size: {'9' * 400}\nInviseobox-Schema: x\n"
    (entry,) = apt_output.entries(text)
    assert (entry.size, entry.installed_size, entry.schema, entry.oldest_reader) == (0, 0, 0, 0)
    assert apt_output.entries("N: nothing\n\n\nPackage: two\nStatus: install ok installed\nVersion: 1\n") == []
