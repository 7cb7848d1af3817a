"""Another version of the package under test, to go up to and down from."""

import hashlib
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

_VERSION_AT = "usr/lib/python3/dist-packages/inviseobox/__init__.py"


def with_version(package: Path, version: str, directory: Path) -> Path:
    """Repack `package` in `directory` as `version`, and return the new file.

    Only the number differs, in the control file and in what `inviseobox --version` and the journal say. So going from
    one to the other and back shows what dpkg, debhelper's and our own maintainer scripts do to the service, its
    configuration and its data. It shows nothing of what a real later version would change: other files, another unit,
    another schema of the database.
    """
    content = _replaced(file_of(package, _VERSION_AT), r'^__version__ = ".*"$', f'__version__ = "{version}"')
    return with_files(package, version, directory, {_VERSION_AT: content.encode()})


def with_files(
    package: Path,
    version: str,
    directory: Path,
    files: Mapping[str, bytes],
    fields: Mapping[str, str] | None = None,
) -> Path:
    """Repack `package` in `directory` as `version`, with other content of `files`, and return the new file.

    Files in DEBIAN are maintainer scripts, which need not be there before. `fields` are those of the control file.
    """
    tree = directory / "package"
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    control, sums = tree / "DEBIAN/control", tree / "DEBIAN/md5sums"
    control.write_text(_replaced(control.read_text(), r"^Version: .*$", f"Version: {version}"))
    for name, value in (fields or {}).items():
        others = re.sub(rf"(?m)^{name}: .*\n(?:[ \t].*\n)*", "", control.read_text())
        control.write_text(f"{name}: {value}\n{others}")
    for name, content in files.items():
        (tree / name).write_bytes(content)
        if name.startswith("DEBIAN/"):
            (tree / name).chmod(0o755)
            continue
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        sums.write_text(_replaced(sums.read_text(), rf"^\w+  {re.escape(name)}$", f"{digest}  {name}"))
    repacked = directory / f"{package.name.split('_')[0]}_{version}_all.deb"
    pack = ("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree, repacked)
    subprocess.run(pack, check=True, stdout=subprocess.DEVNULL)
    return repacked


def field_of(package: Path, name: str) -> str:
    """Return a field of the control file of a package."""
    field = subprocess.run(["dpkg-deb", "--field", package, name], capture_output=True, text=True, check=True)
    return field.stdout.strip()


def version_of(package: Path) -> str:
    """Return the version of a package file."""
    return field_of(package, "Version")


def file_of(package: Path, name: str) -> str:
    """Return the text of a file that a package brings."""
    tree = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], capture_output=True, check=True).stdout
    unpack = ("tar", "--extract", "--to-stdout", f"./{name}")
    return subprocess.run(unpack, input=tree, capture_output=True, check=True).stdout.decode()


def _replaced(text: str, line: str, by: str) -> str:
    result, found = re.subn(line, by, text, flags=re.MULTILINE)
    assert found == 1, f"{found} lines match {line}"
    return result
