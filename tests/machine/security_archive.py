"""An archive of Debian's security fixes, with one package that holds nothing."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.repositories import served

from .figures import measured
from .sites import seen_from_a_machine
from .whole_machine import WholeMachine

_PACKAGE = "nothing-to-fix"
_SUITE = "trixie-security"
_OLD, _FIXED = "1.0", "1.1"
_KEYRING = "/usr/share/keyrings/archive.gpg"
_SOURCE = "/etc/apt/sources.list.d/security.list"
_UPGRADED_WITHIN = 1200.0
# What Debian's own 50unattended-upgrades looks for.
_RELEASE = {"Origin": "Debian", "Label": "Debian-Security", "Suite": "stable-security", "Codename": _SUITE}
_CONTROL = """Package: {name}
Version: {version}
Architecture: all
Maintainer: Nobody <nobody@example.org>
Description: nothing
"""


class SecurityArchive:
    """The archive below `directory`."""

    def __init__(self, directory: Path) -> None:
        self._folder = directory / "archive"
        self._key = directory / Path(_KEYRING).name
        self._directory = directory
        self._keys = directory / "keys"
        self._keys.mkdir(mode=0o700)
        self._gpg("--quick-generate-key", "Nobody", "ed25519", "sign", "never")
        self._gpg("--output", str(self._key), "--export")
        self._publish()

    @contextmanager
    def offered_to(self, box: WholeMachine) -> Iterator[None]:
        """Let a machine that has the package in its old version take the fix from here, and from nowhere else."""
        # They would take dpkg's lock when they like.
        box.run("systemctl", "mask", "--now", "apt-daily.timer", "apt-daily-upgrade.timer")
        box.put(self._package(_OLD), "/root")
        box.run("dpkg", "--install", f"/root/{_PACKAGE}_{_OLD}_all.deb")
        box.put(self._key, str(Path(_KEYRING).parent))
        with served(self._folder) as url:
            (address,) = seen_from_a_machine([url])
            box.write(_SOURCE, f"deb [signed-by={_KEYRING}] {address} {_SUITE} main\n")
            yield

    def assert_fix_comes(self, box: WholeMachine) -> None:
        """Let Debian's own unattended-upgrade install the fix, in a machine to which it is offered."""
        began = time.monotonic()
        box.run("apt-get", "update", "-o", "APT::Update::Error-Mode=any", timeout=_UPGRADED_WITHIN)
        done = box.run("unattended-upgrade", "--verbose", timeout=_UPGRADED_WITHIN)
        measured(f"unattended-upgrade: {time.monotonic() - began:.0f} s, apt-get update included")
        version = box.run("dpkg-query", "--show", "--showformat=${Version}", _PACKAGE).stdout
        policy = box.run("apt-cache", "policy", _PACKAGE).stdout
        assert version == _FIXED, done.stdout + done.stderr + policy

    def _package(self, version: str) -> Path:
        """Return a file of the package in this version."""
        tree = self._directory / f"tree-{version}"
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "DEBIAN/control").write_text(_CONTROL.format(name=_PACKAGE, version=version))
        file = self._directory / f"{_PACKAGE}_{version}_all.deb"
        _do("dpkg-deb", "--root-owner-group", "--build", str(tree), str(file))
        return file

    def _publish(self) -> None:
        suite = self._folder / "dists" / _SUITE
        index = suite / "main/binary-amd64"
        index.mkdir(parents=True)
        pool = self._folder / "pool"
        pool.mkdir()
        self._package(_FIXED).rename(pool / f"{_PACKAGE}_{_FIXED}_all.deb")
        (index / "Packages").write_bytes(_do("apt-ftparchive", "packages", "pool", within=self._folder))
        settings = {**_RELEASE, "Architectures": "amd64", "Components": "main"}
        options = [f"-oAPT::FTPArchive::Release::{name}={value}" for name, value in settings.items()]
        release = _do("apt-ftparchive", *options, "release", str(suite))
        (suite / "Release").write_bytes(release)
        self._gpg("--output", str(suite / "InRelease"), "--clearsign", str(suite / "Release"))

    def _gpg(self, *words: str) -> None:
        _do("gpg", "--homedir", str(self._keys), "--batch", "--passphrase", "", "--quiet", *words)


def _do(*command: str, within: Path | None = None) -> bytes:
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    return subprocess.run(command, cwd=within, env=environment, check=True, stdout=subprocess.PIPE).stdout
