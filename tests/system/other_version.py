"""Another version of the package under test, to go up to and down from."""

import hashlib
import re
import subprocess
from pathlib import Path

_VERSION_AT = "usr/lib/python3/dist-packages/inviseobox/__init__.py"


def with_version(package: Path, version: str, directory: Path) -> Path:
    """Repack `package` in `directory` as `version`, and return the new file.

    Only the number differs, in the control file and in what `inviseobox --version` and the journal say. So going from
    one to the other and back shows what dpkg, debhelper's and our own maintainer scripts do to the service, its
    configuration and its data. It shows nothing of what a real later version would change: other files, another unit,
    another schema of the database.
    """
    tree = directory / "package"
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    _replace(tree / "DEBIAN/control", r"^Version: .*$", f"Version: {version}")
    _replace(tree / _VERSION_AT, r'^__version__ = ".*"$', f'__version__ = "{version}"')
    digest = hashlib.md5((tree / _VERSION_AT).read_bytes(), usedforsecurity=False).hexdigest()
    _replace(tree / "DEBIAN/md5sums", rf"^\w+  {re.escape(_VERSION_AT)}$", f"{digest}  {_VERSION_AT}")
    repacked = directory / f"inviseobox_{version}_all.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, repacked], check=True, stdout=subprocess.DEVNULL)
    return repacked


def version_of(package: Path) -> str:
    """Return the version of a package file."""
    field = subprocess.run(["dpkg-deb", "--field", package, "Version"], capture_output=True, text=True, check=True)
    return field.stdout.strip()


def _replace(file: Path, line: str, by: str) -> None:
    text, found = re.subn(line, by, file.read_text(), flags=re.MULTILINE)
    assert found == 1, f"{file} has {found} lines that match {line}"
    file.write_text(text)
