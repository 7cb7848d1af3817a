"""The updater's edge to dpkg, on a real dpkg."""

import os
import subprocess
import sys
from pathlib import Path
from threading import Timer

import pytest

from inviseobox.updater.dpkg import Dpkg, complaint
from inviseobox.updater.errors import InstallationFailed, NotKept, NotNow, ProgramFailed
from inviseobox.updater.repack import repack
from tests.support.dpkg_roots import DpkgRoot

HANGS = "#!/bin/sh\ntrap '' TERM\necho $$ >>{note}\nwhile :; do sleep 1; done\n"
"""A maintainer script that takes no hint."""


@pytest.fixture
def root(tmp_path: Path) -> DpkgRoot:
    return DpkgRoot(tmp_path)


def test_installing_tells_what_is_there(root: DpkgRoot) -> None:
    assert root.dpkg.installed("one", "two") == {}
    root.dpkg.install(
        [
            root.package(
                "one", "1:2.0", {"usr/share/one": "text"}, fields="Inviseobox-Schema: 7\nInviseobox-Oldest-Reader: 6\n"
            )
        ],
        offline=True,
    )
    (one,) = root.dpkg.installed("one", "two").values()
    assert (one.name, one.version, one.is_whole) == ("one", "1:2.0", True)
    assert (one.schema, one.oldest_reader) == (7, 6)
    assert root.text("usr/share/one") == "text"
    assert not root.dpkg.is_broken()


def test_a_script_that_fails_is_named_and_an_older_version_repairs(root: DpkgRoot) -> None:
    good = root.package("one", "1.0")
    root.dpkg.install([good], offline=True)
    bad = root.package("one", "2.0", scripts={"postinst": "#!/bin/sh\nexit 3\n"})
    with pytest.raises(InstallationFailed, match=r"cannot be installed: .*post-installation script .* exit status 3"):
        root.dpkg.install([bad], offline=True)
    assert root.dpkg.is_broken()
    assert not root.dpkg.installed("one")["one"].is_whole
    root.dpkg.install([good], offline=True)
    assert not root.dpkg.is_broken()
    assert root.dpkg.installed("one")["one"].version == "1.0"


@pytest.mark.parametrize("script", ["postinst", "preinst"])
def test_a_script_that_hangs_is_ended_and_dpkg_ends_by_itself(root: DpkgRoot, script: str) -> None:
    note = root.directory / "note"
    good = root.package("one", "1.0")
    root.dpkg.install([good], offline=True)
    bad = root.package("one", "2.0", scripts={script: HANGS.format(note=note)})
    with pytest.raises(InstallationFailed, match="does not end within 5 s"):
        root.dpkg.install([bad], offline=True, within=5)
    for pid in note.read_text().split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
    # Its lock is free, so it is not running any more.
    root.dpkg.install([good], offline=True)
    assert root.dpkg.installed("one")["one"].version == "1.0"


@pytest.mark.parametrize("script", ["prerm", "postrm"])
def test_a_version_whose_script_hangs_is_replaced_all_the_same(root: DpkgRoot, script: str) -> None:
    note = root.directory / "note"
    good = root.package("one", "1.0", scripts={script: "#!/bin/sh\nsleep 1\n"})
    root.dpkg.install([root.package("one", "2.0", scripts={script: HANGS.format(note=note)})], offline=True)
    # Dpkg goes on with the script of the other version, which is not ended.
    root.dpkg.install([good], offline=True, within=5)
    assert root.dpkg.installed("one")["one"].version == "1.0"
    assert not root.dpkg.is_broken()
    for pid in note.read_text().split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


def test_a_daemon_that_a_script_leaves_behind_holds_nothing_up(root: DpkgRoot) -> None:
    note = root.directory / "note"
    script = f"#!/bin/sh\nsetsid sleep 100 &\necho $! >{note}\n"
    root.dpkg.install([root.package("one", "1.0", scripts={"postinst": script})], offline=True, within=20)
    os.kill(int(note.read_text()), 9)


@pytest.mark.parametrize(("offline", "told"), [(True, "1"), (False, "")])
def test_our_own_services_are_left_alone(root: DpkgRoot, offline: bool, told: str) -> None:
    note = root.directory / "note"
    script = f'#!/bin/sh\necho "$SYSTEMD_OFFLINE" >{note}\n'
    root.dpkg.install([root.package("one", "1.0", scripts={"postinst": script})], offline=offline)
    assert note.read_text().strip() == told


def test_a_configuration_that_was_changed_stays_without_a_question(root: DpkgRoot) -> None:
    def version(number: str) -> Path:
        return root.package("one", number, {"etc/one.conf": number}, {"conffiles": "/etc/one.conf\n"})

    root.dpkg.install([version("1")], offline=True)
    (root.root / "etc/one.conf").write_text("mine")
    root.dpkg.install([version("2")], offline=True)
    assert root.text("etc/one.conf") == "mine"


def test_while_somebody_else_installs_nothing_is_begun(root: DpkgRoot) -> None:
    lock = root.database / "lock-frontend"
    take = f"import fcntl, sys; f = open({str(lock)!r}, 'w'); fcntl.lockf(f, fcntl.LOCK_EX)"
    holds = f"{take}; print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", holds], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        other.stdout.readline()
        with pytest.raises(NotNow, match="another program installs packages"), root.dpkg.locked(patience=0):
            pass
        assert other.stdin
        # It ends while it is waited for.
        Timer(0.5, other.stdin.close).start()
        with root.dpkg.locked(patience=60):
            assert other.wait(60) == 0
    with root.dpkg.locked():
        root.dpkg.install([root.package("one", "1.0")], offline=True)


@pytest.mark.parametrize(
    ("one", "other", "result"), [("1.0", "1.0~rc1", 1), ("1.9", "1.10", -1), ("1.0", "1.0", 0), ("1:0", "2", 1)]
)
def test_versions_are_compared_as_dpkg_does(root: DpkgRoot, one: str, other: str, result: int) -> None:
    assert root.dpkg.compare(one, other) == result


def test_a_file_that_is_no_package_is_an_error(root: DpkgRoot) -> None:
    file = root.directory / "one_1_all.deb"
    file.write_bytes(b"<html>")
    with pytest.raises(ProgramFailed, match="dpkg-deb: "):
        root.dpkg.field(file, "Version")
    with pytest.raises(InstallationFailed, match="cannot be installed: "):
        root.dpkg.install([file], offline=True)


def test_what_is_installed_is_made_into_a_package_again(root: DpkgRoot) -> None:
    files = {"usr/share/one": "text", "etc/one.conf": "setting", "usr/share/é": "é"}
    scripts = {"conffiles": "/etc/one.conf\n", "postinst": "#!/bin/sh\nexit 0\n"}
    original = root.package("one", "1:2.0", files, scripts, "Inviseobox-Schema: 7\nDepends: debconf\n")
    (root.database / "status").write_text(
        "Package: debconf\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n"
        "Maintainer: Nobody <nobody@example.org>\nDescription: stands for the real one\n\n"
    )
    root.dpkg.install([original], offline=True)
    (root.root / "usr/share/one").chmod(0o640)
    made = repack(root.programs, root.dpkg, "one", root.directory / "root", root.root)
    assert made.name == original.name

    def content(file: Path, what: str) -> str:
        return subprocess.run(["dpkg-deb", what, file], capture_output=True, text=True, check=True).stdout

    assert sorted(content(made, "--field").splitlines()) == sorted(content(original, "--field").splitlines())
    names = [sorted(line.split()[-1] for line in content(one, "--contents").splitlines()) for one in (made, original)]
    assert names[0] == names[1]
    root.dpkg.install([made], offline=True)
    assert root.text("etc/one.conf") == "setting"
    assert root.dpkg.changed_files("one") == []


def test_a_deleted_configuration_is_left_out_of_what_is_made(root: DpkgRoot) -> None:
    file = root.package("one", "1", {"etc/one.conf": "setting"}, {"conffiles": "/etc/one.conf\n"})
    root.dpkg.install([file], offline=True)
    (root.root / "etc/one.conf").unlink()
    made = repack(root.programs, root.dpkg, "one", root.root, root.root)
    root.dpkg.install([made], offline=True)


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_what_was_changed_is_not_made_into_a_package(root: DpkgRoot, damage: str) -> None:
    root.dpkg.install([root.package("one", "1", {"usr/lib/one": "text"})], offline=True)
    path = root.root / "usr/lib/one"
    path.write_text("other") if damage == "changed" else path.unlink()
    with pytest.raises(NotKept, match="/usr/lib/one was changed"):
        repack(root.programs, root.dpkg, "one", root.root, root.root)
    assert list(root.root.glob("*.deb")) == []


def test_a_package_that_is_not_installed_cannot_be_made(root: DpkgRoot) -> None:
    with pytest.raises(NotKept, match="one cannot be made into"):
        repack(root.programs, root.dpkg, "one", root.root, root.root)


def test_dpkgs_own_words_are_found() -> None:
    said = "Setting up one\ndpkg: error processing package one (--install):\n it failed\nErrors were encountered\n"
    assert complaint(said) == "it failed"
    assert complaint("dpkg: error: requested operation requires superuser privilege\n").startswith("dpkg: error: req")
    assert complaint("nothing\n") == ""


def test_the_database_may_be_anywhere(tmp_path: Path) -> None:
    assert isinstance(DpkgRoot(tmp_path).dpkg, Dpkg)
