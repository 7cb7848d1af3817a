"""What package files say of themselves. Edge to dpkg-deb."""

import hashlib
import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from errors import Refused
from keyring_package import KEYRING
from programs import output
from versions import without_epoch

SOURCE = "inviseobox"
KEYRING_PACKAGE = "inviseobox-archive-keyring"
POOL = f"pool/main/{SOURCE[0]}/{SOURCE}"
"""Where package files lie in the folder."""


@dataclass(frozen=True)
class Package:
    """A package file: what it is called in the pool, and what it holds."""

    name: str
    version: str
    sha256: str
    content: bytes


def read(files: Iterable[Path]) -> list[Package]:
    """Return the packages of files, all of one version of the source.

    Raises:
        Refused: there are none, or they are of several versions or another source.
        Failed: one is not a package.
    """
    packages = [_read(file) for file in files]
    versions = sorted({package.version for package in packages})
    if not packages:
        raise Refused("no package is named: name the .deb files that make deb left in build/deb")
    if len(versions) > 1:
        raise Refused(
            f"the packages are of {len(versions)} versions, {', '.join(versions)}: publish one after the other"
        )
    return packages


def keyring_of(package: bytes) -> bytes:
    """Return the keyring that a file of inviseobox-archive-keyring holds; nothing if it holds none."""
    with tarfile.open(fileobj=io.BytesIO(output(["dpkg-deb", "--fsys-tarfile", "-"], stdin=package))) as tree:
        files = [tree.extractfile(one) for one in tree if one.name.lstrip(".") == KEYRING]
        return files[0].read() if files and files[0] else b""


def _read(file: Path) -> Package:
    shown = output(["dpkg-deb", "--field", file, "Package", "Version", "Architecture", "Source"]).decode()
    found = dict(line.split(": ", 1) for line in shown.splitlines())
    # The source is named only where its name or its version differs (deb-control(5)).
    source = found.get("Source", found["Package"])
    if source != SOURCE:
        raise Refused(f"{file} is of the source {source}: only packages of {SOURCE} are published here")
    content = file.read_bytes()
    name = f"{found['Package']}_{without_epoch(found['Version'])}_{found['Architecture']}.deb"
    return Package(name, found["Version"], hashlib.sha256(content).hexdigest(), content)
