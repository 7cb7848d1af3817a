"""Having a .deb of what is installed, from wherever it is to be had."""

import contextlib
import shutil
from pathlib import Path

from .box import Box
from .errors import NotKept, NotNow, ProgramFailed
from .places import OURS, PROGRAM, UPDATER
from .repack import repack


def keep_installed(box: Box) -> None:
    """Keep the .debs of our packages that are installed. Raises NotKept, NotNow and ProgramFailed."""
    for one in box.dpkg.installed(*OURS).values():
        if one.is_whole:
            keep(box, one.name, one.version)


def keep(box: Box, package: str, version: str) -> Path:
    """Return a .deb of the installed version, which is kept from here on.

    Raises:
        NotKept: there is none, and none can be made.
    """
    kept = box.store.kept(package, version)
    if kept:
        return kept
    for file in sorted(box.places.archives.glob(f"{package}_*.deb")):
        if _is(box, file, package, version):
            return box.store.keep(file)
    with contextlib.suppress(NotNow, ProgramFailed, OSError):
        # The index on the disk is enough, if it still names this version.
        if version in (entry.version for entry in box.apt.versions(package)):
            for file in box.apt.download([(package, version)], box.places.downloads):
                return box.store.keep(file)
    box.places.downloads.mkdir(mode=0o700, exist_ok=True)
    made = repack(box.programs, box.dpkg, package, box.places.downloads, box.places.root)
    return box.store.keep(made)


def prune(box: Box) -> None:
    """Forget the .debs of versions to which nothing leads back any more. Raises OSError and ProgramFailed."""
    state = box.state
    wanted = {(one.name, one.version) for one in box.dpkg.installed(*OURS).values()}
    versions = {state.installed, state.good, state.kept, state.probation.previous if state.probation else None}
    wanted |= {(PROGRAM, version) for version in versions if version}
    if state.updater:
        wanted.add((UPDATER, state.updater))
    box.store.prune(wanted)
    shutil.rmtree(box.places.downloads, ignore_errors=True)


def _is(box: Box, file: Path, package: str, version: str) -> bool:
    try:
        return (box.dpkg.field(file, "Package"), box.dpkg.field(file, "Version")) == (package, version)
    except ProgramFailed:
        return False


def previous_file(box: Box, version: str) -> Path:
    """Return the .deb of a version of the daemon to go back to. Raises NotKept."""
    kept = box.store.kept(PROGRAM, version)
    if kept is None:
        raise NotKept(f"no .deb of inviseobox {version} is there to go back to")
    return kept
