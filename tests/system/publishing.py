"""A repository of packages as its maintainer makes it, with the program of debian/repository."""

import hashlib
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.support.other_version import with_files, with_version

_PROGRAM = Path(__file__).parents[2] / "debian/repository"
KEYRING = "usr/share/keyrings/inviseobox-archive-keyring.gpg"


class Repository:
    """A folder to publish and the keys that sign it, below `directory`, for the address `url`.

    Args:
        package: the package of the program, of which versions are made.
        keys_package: the same of the package of the keys; without it only the former is published.
    """

    def __init__(self, directory: Path, url: str, package: Path, keys_package: Path | None = None) -> None:
        self.folder = directory / "apt"
        self.url = url
        self.package = package
        self.keys_package = keys_package
        self.newest_keyring = ""
        """The SHA-256 of the keyring in the version that was published last."""
        self._keys = directory / "keys"

    def run(self, command: str, *words: str | Path) -> str:
        """Run a command of the program and return what it prints.

        Raises:
            RefusedError: it ended with a status other than 0.
        """
        options = ("--folder", self.folder, "--keys", self._keys, "--url", self.url)
        done = subprocess.run(
            ["/usr/bin/python3", "-B", _PROGRAM, *options, command, *words], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RefusedError(done.stderr)
        return done.stdout

    def keyring(self) -> bytes:
        """Return the public keys that boxes are to hold now."""
        with tempfile.NamedTemporaryFile() as file:
            self.run("keyring", file.name)
            return Path(file.name).read_bytes()

    def keys(self) -> dict[str, str]:
        """Return the fingerprints of the keys by what each is for, as the program shows them."""
        shown = json.loads(self.run("show", "--json"))["keys"]
        return {role: key for role, key in shown.items() if key}

    def publish(self, version: str) -> None:
        """Publish the packages as `version`, the one of the keys with those of now."""
        with tempfile.TemporaryDirectory() as name:
            directories = [Path(name) / "program", Path(name) / "keys"]
            for directory in directories:
                directory.mkdir()
            packages = [with_version(self.package, version, directories[0])]
            if self.keys_package:
                keyring = self.keyring()
                packages.append(with_files(self.keys_package, version, directories[1], {KEYRING: keyring}))
                self.newest_keyring = hashlib.sha256(keyring).hexdigest()
            self.run("publish", *packages)

    def release(self, version: str) -> None:
        """Publish the packages as `version` and promote it to all boxes."""
        self.publish(version)
        self.run("promote", version)

    def copy(self, directory: Path) -> "Repository":
        """Return a copy below `directory`, which goes its own way."""
        copied = Repository(directory, self.url, self.package, self.keys_package)
        shutil.copytree(self.folder, copied.folder)
        shutil.copytree(self._keys, copied._keys, ignore=shutil.ignore_patterns("S.*"))
        copied._keys.chmod(0o700)
        return copied


class RefusedError(Exception):
    """The program did not do it; the message is what it said."""
