"""An archive of Debian's security fixes, with one package that holds nothing."""

import os
import subprocess
from pathlib import Path

PACKAGE = "nothing-to-fix"
SUITE = "trixie-security"
# What Debian's own 50unattended-upgrades looks for.
_RELEASE = {"Origin": "Debian", "Label": "Debian-Security", "Suite": "stable-security", "Codename": SUITE}
_CONTROL = """Package: {name}
Version: {version}
Architecture: all
Maintainer: Nobody <nobody@example.org>
Description: nothing
"""


class SecurityArchive:
    """The folder to serve, and the public key, below `directory`."""

    def __init__(self, directory: Path) -> None:
        self.folder = directory / "archive"
        self.key = directory / "archive.gpg"
        self._directory = directory
        self._keys = directory / "keys"
        self._keys.mkdir(mode=0o700)
        self._gpg("--quick-generate-key", "Nobody", "ed25519", "sign", "never")
        self._gpg("--output", str(self.key), "--export")

    def package(self, version: str) -> Path:
        """Return a file of the package in this version."""
        tree = self._directory / f"tree-{version}"
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "DEBIAN/control").write_text(_CONTROL.format(name=PACKAGE, version=version))
        file = self._directory / f"{PACKAGE}_{version}_all.deb"
        _do("dpkg-deb", "--root-owner-group", "--build", str(tree), str(file))
        return file

    def publish(self, version: str) -> None:
        """Offer this version, signed now."""
        suite = self.folder / "dists" / SUITE
        index = suite / "main/binary-amd64"
        index.mkdir(parents=True)
        pool = self.folder / "pool"
        pool.mkdir()
        self.package(version).rename(pool / f"{PACKAGE}_{version}_all.deb")
        (index / "Packages").write_bytes(_do("apt-ftparchive", "packages", "pool", within=self.folder))
        settings = {**_RELEASE, "Architectures": "amd64", "Components": "main"}
        options = [f"-oAPT::FTPArchive::Release::{name}={value}" for name, value in settings.items()]
        release = _do("apt-ftparchive", *options, "release", str(suite))
        (suite / "Release").write_bytes(release)
        self._gpg("--output", str(suite / "InRelease"), "--clearsign", str(suite / "Release"))

    def source(self, url: str, keyring: str) -> str:
        """Return the line of sources.list for this archive at `url`."""
        return f"deb [signed-by={keyring}] {url} {SUITE} main\n"

    def _gpg(self, *words: str) -> None:
        _do("gpg", "--homedir", str(self._keys), "--batch", "--passphrase", "", "--quiet", *words)


def _do(*command: str, within: Path | None = None) -> bytes:
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    return subprocess.run(command, cwd=within, env=environment, check=True, stdout=subprocess.PIPE).stdout
