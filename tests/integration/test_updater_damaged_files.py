"""Package files of which a power cut left nothing, or a part, under a name that is trusted."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from inviseobox.updater import noting
from inviseobox.updater.box import Box
from inviseobox.updater.errors import NotKept
from inviseobox.updater.keeping import keep, keep_installed, previous_file
from tests.support.updater_scripts import UpdaterScripts

_CONTENT = {"usr/share/inviseobox/file": "".join(f"line {number}\n" for number in range(10_000))}


def _empty(file: Path) -> None:
    _replace(file, b"")


def _half(file: Path) -> None:
    _replace(file, file.read_bytes()[: file.stat().st_size // 2])


def _ends_in_zeros(file: Path) -> None:
    content = file.read_bytes()
    _replace(file, content[: len(content) // 2] + bytes(len(content) - len(content) // 2))


def _replace(file: Path, content: bytes) -> None:
    """Write a file anew, so that its other names keep what they have."""
    file.unlink(missing_ok=True)
    file.write_bytes(content)


damages = pytest.mark.parametrize("damage", [_empty, _half, _ends_in_zeros])
Damage = Callable[[Path], None]


@pytest.fixture
def scripts(tmp_path: Path) -> UpdaterScripts:
    return UpdaterScripts(tmp_path)


@pytest.fixture
def box(scripts: UpdaterScripts) -> Box:
    return Box(scripts.places, scripts.programs())


def _package(scripts: UpdaterScripts, version: str, name: str = "inviseobox") -> Path:
    return scripts.dpkg.package(name, version, _CONTENT)


def _kept(scripts: UpdaterScripts, version: str, name: str = "inviseobox") -> Path:
    """Return a package file, which is kept."""
    file = _package(scripts, version, name)
    kept = scripts.places.packages / file.name
    os.link(file, kept)
    return kept


@damages
@pytest.mark.parametrize("source", ["archives", "repacked"])
def test_a_kept_file_of_what_is_installed_is_had_anew(
    scripts: UpdaterScripts, box: Box, damage: Damage, source: str
) -> None:
    kept = _kept(scripts, "1")
    box.dpkg.install([kept], offline=True)
    archived = scripts.places.archives / kept.name
    os.link(kept, archived)
    if source != "archives":
        damage(archived)
    damage(kept)
    assert not box.dpkg.is_complete(kept)
    keep_installed(box)
    assert box.dpkg.is_complete(kept)
    assert box.dpkg.field(kept, "Version") == "1"


@damages
@pytest.mark.parametrize("package", ["inviseobox", "inviseobox-updater"])
def test_what_is_put_back_is_renewed(scripts: UpdaterScripts, box: Box, damage: Damage, package: str) -> None:
    box.dpkg.install([_kept(scripts, "1", package)], offline=True)
    box.store.set_good(package, "1")
    box.remember(good="1", updater="1")
    good = scripts.places.good / f"{package}.deb"
    damage(good)
    keep_installed(box)
    assert box.dpkg.is_complete(good)
    assert box.dpkg.field(good, "Version") == "1"


@damages
def test_nothing_leads_back_to_a_version_whose_file_is_damaged(
    scripts: UpdaterScripts, box: Box, damage: Damage
) -> None:
    older = _kept(scripts, "1")
    box.dpkg.install([_kept(scripts, "2")], offline=True)
    assert previous_file(box, "1") == older
    damage(older)
    noting.note_installed(box)
    with pytest.raises(NotKept, match=r"no \.deb of inviseobox 1 is there to go back to"):
        previous_file(box, "1")


def test_what_is_installed_is_not_kept_for_another_version(scripts: UpdaterScripts, box: Box) -> None:
    box.dpkg.install([_package(scripts, "2")], offline=True)
    with pytest.raises(NotKept, match=r"no \.deb of inviseobox 1 is there, and another version is installed"):
        keep(box, "inviseobox", "1")


@damages
def test_a_repair_tries_no_damaged_file(scripts: UpdaterScripts, box: Box, damage: Damage) -> None:
    box.dpkg.install([_kept(scripts, "1")], offline=True)
    good = scripts.places.good / "inviseobox.deb"
    os.link(_kept(scripts, "2"), good)
    damage(good)
    damage(scripts.places.packages / "inviseobox_2_all.deb")
    status = scripts.dpkg.database / "status"
    status.write_text(status.read_text().replace("install ok installed", "install reinstreq half-installed"))
    done = scripts.run("repair.sh")
    assert done.returncode == 0
    assert "error" not in done.stdout
    assert (box.dpkg.installed("inviseobox")["inviseobox"]).version == "1"
    assert not box.dpkg.is_broken()


@damages
def test_a_rescue_tries_no_damaged_file(scripts: UpdaterScripts, box: Box, damage: Damage) -> None:
    def version(number: str, status: int) -> Path:
        program = {"usr/sbin/inviseobox-updater": f"#!/bin/sh\nexit {status}\n"}
        return scripts.dpkg.package("inviseobox-updater", number, {**_CONTENT, **program})

    box.store.keep(version("1", 0))
    good = scripts.places.good / "inviseobox-updater.deb"
    os.link(version("2", 0), good)
    damage(good)
    box.dpkg.install([version("3", 3)], offline=True)
    done = scripts.run("rescue-updater.sh")
    assert done.returncode == 0
    assert "error" not in done.stdout
    assert scripts.told() == ["inviseobox-updater 3 was taken back to 1: it does not start"]


def test_what_apt_installs_has_a_name_only_once_it_is_on_the_disk(scripts: UpdaterScripts, tmp_path: Path) -> None:
    """At each sync it is looked at which names there are: before the first one, none."""
    seen = tmp_path / "seen"
    sync = tmp_path / "bin/sync"
    sync.write_text(f'#!/bin/sh\necho sync $(ls {scripts.places.packages}) >>{seen}\nexec /usr/bin/sync "$@"\n')
    sync.chmod(0o755)
    # As apt names it, and as a person does.
    fetched = scripts.places.archives / "inviseobox_1_all.deb"
    _package(scripts, "1").rename(fetched)
    own = _package(scripts, "1:2", "inviseobox-updater").rename(tmp_path / "inviseobox-mine.deb")
    (scripts.places.packages / "inviseobox_0_all.deb.unwritten").touch()
    done = scripts.run("keep-packages.sh", "before", text=f"{fetched}\n{own}\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    names = ["inviseobox-updater_1%3a2_all.deb", "inviseobox_1_all.deb"]
    first, last = seen.read_text().splitlines()
    assert not {*first.split()} & {*names}
    assert last == f"sync {' '.join(names)}"
    assert sorted(file.name for file in scripts.places.packages.iterdir()) == names
    assert {file.name for file in scripts.places.transaction.iterdir()} == {own.name, fetched.name}
    scripts.run("keep-packages.sh", "after")
    assert not scripts.places.transaction.exists()
