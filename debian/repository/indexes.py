"""The indexes of a suite. Edge to apt-ftparchive."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from errors import Failed
from packages import KEYRING_PACKAGE
from programs import output
from suites import Content

_HASHES = {"MD5": "false", "SHA1": "false", "SHA256": "true", "SHA512": "true"}


@dataclass(frozen=True)
class Stanza:
    """One package file as an index tells of it; `file` is its path in the folder."""

    package: str
    version: str
    file: str
    sha256: str
    text: str


def stanzas(root: Path, pool: str) -> list[Stanza]:
    """Return what is to be told of each package file in `pool`, a path in `root`."""
    if not (root / pool).is_dir():
        return []
    printed = output(["apt-ftparchive", *_options("Packages", {}), "packages", pool], folder=root).decode()
    return [_stanza(text) for text in printed.split("\n\n") if text.strip()]


def index(found: Iterable[Stanza], content: Content, name: str) -> tuple[str, tuple[str, ...]]:
    """Return the text of a suite's Packages and the paths of the files that it names. Pure.

    The package with the keys is never phased: each box is to have the successor as early as can be.

    Raises:
        Failed: a published file is missing or is no longer what it was.
    """
    suite = content.suites[name]
    there = {Path(one.file).name: one for one in found}
    chosen = []
    for version in suite.versions:
        for file, digest in content.files[version].items():
            if file not in there or there[file].sha256 != digest:
                raise Failed(f"{file} in the pool is missing or damaged: take it back from a copy of the folder")
            chosen.append(there[file])
    chosen.sort(key=lambda one: one.package)
    texts = []
    for one in chosen:
        text = one.text
        if suite.phase and one.version == suite.phase.version and one.package != KEYRING_PACKAGE:
            text += f"\nPhased-Update-Percentage: {suite.phase.percent}"
        texts.append(f"{text}\n\n")
    return "".join(texts), tuple(sorted(one.file for one in chosen))


def release(root: Path, folder: str, fields: Mapping[str, str]) -> bytes:
    """Return the Release of the suite whose indexes lie in `folder`, a path in `root`, with these fields."""
    # Valid-Until is told only where a time of validity is given; the field then takes precedence over it.
    options = _options("Release", {**fields, "ValidTime": "1"})
    return output(["apt-ftparchive", *options, "release", folder], folder=root)


def _options(part: str, more: Mapping[str, str]) -> list[str]:
    settings = {**_HASHES, **more}
    return [word for name, value in settings.items() for word in ("-o", f"APT::FTPArchive::{part}::{name}={value}")]


def _stanza(text: str) -> Stanza:
    fields = dict(re.findall(r"(?m)^(Package|Version|Filename|SHA256): (.+)$", text))
    return Stanza(fields["Package"], fields["Version"], fields["Filename"], fields["SHA256"], text.strip("\n"))
