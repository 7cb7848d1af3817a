"""Having a .deb of what is installed, from wherever it is to be had."""

import contextlib
import shutil
from pathlib import Path

from .box import Box
from .dpkg import Installed, schema_number
from .errors import NotKept, NotNow, ProgramFailed
from .places import OURS, PROGRAM, UPDATER
from .repack import repack


def keep_installed(box: Box) -> None:
    """Keep the .debs of our packages that are installed, and none of which a power cut left but a part.

    Raises NotKept, NotNow and ProgramFailed.
    """
    for file in box.store.files():
        if not box.dpkg.is_complete(file):
            box.store.forget(file)
    try:
        for one in box.dpkg.installed(*OURS).values():
            if one.is_whole:
                keep(box, one.name, one.version)
    finally:
        _renew_good(box)


def keep(box: Box, package: str, version: str) -> Path:
    """Return a .deb of the installed version, which is kept from here on.

    Raises:
        NotKept: there is none, and none can be made.
    """
    kept = box.store.kept(package, version)
    if kept and _is(box, kept, package, version):
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
    if not _is(box, made, package, version):
        raise NotKept(f"no .deb of {package} {version} is there, and another version is installed")
    return box.store.keep(made)


def _renew_good(box: Box) -> None:
    """See that what is put back can be installed: it is another name of a kept file, and may be damaged with it."""
    for package, version in ((PROGRAM, box.state.good), (UPDATER, box.state.updater)):
        good = box.store.good(package)
        if version and not (good and box.dpkg.is_complete(good)):
            box.store.set_good(package, version)


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
        found = (box.dpkg.field(file, "Package"), box.dpkg.field(file, "Version"))
        return found == (package, version) and box.dpkg.is_complete(file)
    except ProgramFailed:
        return False


def previous_file(box: Box, version: str) -> Path:
    """Return the .deb of a version of the daemon to go back to.

    Raises:
        NotKept: there is none, or that version could not read the database.
    """
    kept = box.store.kept(PROGRAM, version)
    if kept is None:
        raise NotKept(f"no .deb of inviseobox {version} is there to go back to")
    if cannot_read(box, version):
        raise NotKept(f"inviseobox {version} cannot read the database that a newer one has written")
    return kept


def leads_back(box: Box, version: str | None) -> bool:
    """Return whether a version of the daemon can be gone back to."""
    return bool(version and box.store.kept(PROGRAM, version) and not cannot_read(box, version))


def cannot_read(box: Box, version: str) -> bool:
    """Return whether a kept version of the daemon is known not to read what those installed since have written."""
    kept = box.store.kept(PROGRAM, version)
    with contextlib.suppress(ProgramFailed):
        # A file that is damaged tells nothing; that it cannot be installed is found when it is tried.
        return kept is not None and schema(box, kept) < box.state.oldest_reader
    return False


def schema(box: Box, file: Path) -> int:
    """Return the schema of the database that a version knows; 0 if its package does not say. Raises ProgramFailed."""
    return schema_number(box.dpkg.field(file, "Inviseobox-Schema"))


def note_reader(box: Box, program: Installed) -> None:
    """Note which versions can read the database that the installed one writes: no later one undoes that."""
    if program.oldest_reader > box.state.oldest_reader:
        box.remember(oldest_reader=program.oldest_reader)
