"""What would strand boxes is refused with one line, and what is published stays as it was."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.processes import started
from tests.support.repositories import PROGRAM, Client, Repository, served

from .disks import small_disk

_MAKEFILE = Path(__file__).parents[2] / "Makefile"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Return a repository with 1.0 in both suites and 1.1 in beta, published a day ago."""
    made = Repository(tmp_path)
    made.do("publish", made.package("1.0"), clock="-2d")
    made.do("publish", made.package("1.1"), clock="-1d")
    return made


def _bytes(repository: Repository) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in repository.folder.rglob("*") if path.is_file()}


def _assert_refused(repository: Repository, expected: str, *words: str | Path, clock: str = "") -> None:
    before = _bytes(repository)
    assert expected in repository.refusal(*words, clock=clock)
    assert _bytes(repository) == before


def test_a_clock_that_is_behind(repository: Repository) -> None:
    _assert_refused(repository, "set the clock right", "sign", clock="-3d")


def test_changed_bytes_under_a_published_version(repository: Repository) -> None:
    changed = repository.package("1.1", text="something else")
    line = "inviseobox_1.1_all.deb differs from the one that is published as 1.1"
    _assert_refused(repository, line, "publish", changed)


def test_a_published_file_that_was_changed(repository: Repository) -> None:
    (package,) = repository.folder.rglob("inviseobox_1.1_all.deb")
    package.write_bytes(repository.package("1.1", text="something else").read_bytes())
    _assert_refused(repository, "inviseobox_1.1_all.deb in the pool is missing or damaged", "sign")
    package.unlink()
    _assert_refused(repository, "inviseobox_1.1_all.deb in the pool is missing or damaged", "sign")


@pytest.mark.parametrize("name", ["repository.json", "dists/stable/InRelease"])
def test_a_file_of_the_folder_that_is_damaged(repository: Repository, name: str) -> None:
    for content in (b"", b"\0" * 512, b"\xff\xfe\xfd"):
        (repository.folder / name).write_bytes(content)
        for command in ("show", "sign"):
            _assert_refused(repository, "take it back from a copy of the folder", command)


def test_a_folder_that_has_lost_what_it_has_to_remember(repository: Repository) -> None:
    kept = repository.folder / "repository.json"
    kept.rename(repository.directory / "copy")
    line = f"{kept} is gone: take it back from a copy of the folder"
    for command in (["publish", repository.package("1.2")], ["sign"], ["show"]):
        _assert_refused(repository, line, *command)
    (repository.directory / "copy").rename(kept)
    repository.do("sign")


@pytest.mark.parametrize("field", ["Origin", "Label", "Codename"])
def test_another_identity(repository: Repository, field: str) -> None:
    in_release = repository.folder / "dists/stable/InRelease"
    before = "stable" if field == "Codename" else "InviseoBox"
    in_release.write_text(in_release.read_text().replace(f"{field}: {before}", f"{field}: Other"))
    line = f"stable is published with {field} Other, not {before}, and boxes would stop: keep Other"
    _assert_refused(repository, line, "sign")


def test_a_version_that_is_not_higher_than_one_withdrawn(repository: Repository) -> None:
    repository.do("withdraw", "1.1", clock="-1h")
    for version in ("1.0.1", "1.1"):
        line = f"{version} is not higher than 1.1, which was withdrawn"
        _assert_refused(repository, line, "publish", repository.package(version))
    repository.do("publish", repository.package("1.1.1"))


def test_a_version_lower_than_what_is_there(repository: Repository) -> None:
    _assert_refused(repository, "1.0.9 is not higher than 1.1 in beta", "publish", repository.package("1.0.9"))


def test_a_version_over_one_that_is_being_phased(repository: Repository) -> None:
    repository.do("promote", "--phase", "10", clock="-1h")
    repository.do("publish", repository.package("1.2"), clock="-30m")
    _assert_refused(repository, "1.1 is still being phased in stable, at 10 %", "promote", "1.2")
    line = "1.1 is in stable already, at 10 %: to raise that, make repo-phase PERCENT=50"
    _assert_refused(repository, line, "promote", "1.1", "--phase", "50")
    line = "1.1 is in stable already, at 10 %: a phase is only raised"
    _assert_refused(repository, line, "promote", "1.1", "--phase", "9")
    _assert_refused(repository, "a phase is only raised", "phase", "9")
    repository.do("phase", "100", clock="-10m")
    _assert_refused(repository, "a phase is only raised", "phase", "50")
    repository.do("promote", "1.2")


def test_what_is_not_there(repository: Repository, tmp_path: Path) -> None:
    _assert_refused(repository, "9 is not in beta, which has 1.0, 1.1", "promote", "9")
    _assert_refused(repository, "9 is in no suite, there are 1.0, 1.1", "withdraw", "9")
    (tmp_path / "empty").mkdir()
    nothing = Repository(tmp_path / "empty")
    for command in (["promote"], ["phase", "10"], ["withdraw", "1"], ["sign"], ["rotate"], ["retire"], ["show"]):
        assert "nothing is published" in nothing.refusal(*command)
    assert not nothing.folder.exists()
    assert "has no address yet" in repository.refusal("bootstrap")


def test_what_is_no_package_of_this_source(repository: Repository, tmp_path: Path) -> None:
    _assert_refused(repository, "no package is named", "publish")
    other = repository.package("1.2", name="other", source="other")
    _assert_refused(repository, "is of the source other", "publish", other)
    two = repository.package("1.2"), repository.package("1.3", name="inviseobox-appliance")
    _assert_refused(repository, "the packages are of 2 versions, 1.2, 1.3", "publish", *two)
    (tmp_path / "text.deb").write_text("text")
    _assert_refused(repository, "dpkg-deb: ", "publish", tmp_path / "text.deb")
    _assert_refused(repository, "dpkg-deb: ", "publish", tmp_path / "nothing.deb")


def test_a_package_with_other_keys(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    other = Repository(tmp_path / "elsewhere").keyring_package("1.2")
    without = repository.package("1.2", name="inviseobox-archive-keyring")
    stale = repository.keyring_package("1.3")
    line = "inviseobox-archive-keyring_1.2_all.deb lacks the key "
    for wrong in (other, without):
        _assert_refused(repository, line, "publish", repository.package("1.2"), wrong)
    repository.do("rotate", clock="-1h")
    line = "inviseobox-archive-keyring_1.3_all.deb lacks the key "
    _assert_refused(repository, line, "publish", repository.package("1.3"), stale)


def test_a_version_whose_files_are_called_as_others(repository: Repository) -> None:
    line = "the files of 1:1.1 are called as those of 1.1"
    _assert_refused(repository, line, "publish", repository.package("1:1.1"))


@pytest.mark.parametrize("days", ["29", "91"])
def test_a_time_of_validity_that_is_too_short_or_too_long(repository: Repository, days: str) -> None:
    _assert_refused(repository, "REPO_VALID_DAYS must be 30 to 90", "--days", days, "sign")


def test_an_address_that_no_box_could_use(repository: Repository) -> None:
    for address in ("example.org/'", "http://example.org/a b", "http://:80", "http:///"):
        _assert_refused(repository, "REPO_URL must be like", "--url", address, "sign")


@pytest.mark.parametrize("folder", ["apt", "keys"])
def test_two_runs_at_once(repository: Repository, folder: str) -> None:
    place = repository.directory / folder
    with started(
        ["flock", str(place), "sh", "-c", "echo; read _"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout
        other.stdout.readline()
        _assert_refused(repository, f"another run uses {place}: wait until it has ended", "sign")
        assert other.stdin
        other.stdin.close()
        other.wait()
    repository.do("sign")


def test_two_builds_at_once(tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    holder = ["flock", str(tmp_path / "build/repo.lock"), "sh", "-c", "echo; read _"]
    with started(holder, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        other.stdout.readline()
        command = ["make", f"--file={_MAKEFILE}", "--old-file=dependencies", "repo"]
        second = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert second.returncode == 2
    assert "another make repo runs here: wait until it has ended\n" in second.stderr
    assert list((tmp_path / "build").iterdir()) == [tmp_path / "build/repo.lock"]


def test_a_run_that_is_interrupted_says_so(repository: Repository, tmp_path: Path) -> None:
    package = tmp_path / "inviseobox_1.2_all.deb"
    os.mkfifo(package)
    options = ["--folder", repository.folder, "--keys", repository.keys]
    command = [str(word) for word in ("/usr/bin/python3", "-B", PROGRAM, *options, "publish", package)]
    before = _bytes(repository)
    # The pipe opens as soon as it is being read.
    with started(command, env=repository.surroundings(), stderr=subprocess.PIPE) as run, package.open("wb"):
        run.send_signal(signal.SIGINT)
        _, said = run.communicate()
    assert (run.returncode, said) == (1, "repository: interrupted: the same command once more completes it\n")
    assert _bytes(repository) == before


def test_a_disk_that_is_full_leaves_what_is_published(repository: Repository, tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    repository.do("keyring", tmp_path / "keyring.gpg")
    with small_disk(place) as disk:
        there = Repository(tmp_path)
        there.folder = place / "apt"
        there.do("publish", there.package("1.0"), clock="-1h")
        new = there.package("1.2")
        before = _bytes(there)
        disk.fill()
        assert there.refusal("publish", new).endswith("what was published can still be used")
        assert _bytes(there) == before
        with served(there.folder) as url:
            disk.free()
            Client(tmp_path / "client", url, tmp_path / "keyring.gpg").update()
        there.do("publish", new)


def test_a_command_that_is_not_understood(repository: Repository) -> None:
    for words in (["phase", "0"], ["phase", "101"], ["promote", "--phase", "x"], ["nothing"], []):
        assert repository.run(*words).returncode == 2
