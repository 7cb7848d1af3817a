"""Making a .deb of what is installed, for a version whose own .deb is nowhere to be had."""

import shutil
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

from .dpkg import Dpkg
from .errors import NotKept, ProgramFailed
from .package_files import file_name
from .programs import Programs

_OF_THE_DATABASE = ("Status", "Config-Version", "Conffiles")
"""Fields that dpkg adds to those of the package: deb-control(5) knows none of them."""


def repack(programs: Programs, dpkg: Dpkg, package: str, directory: Path, root: Path = Path("/")) -> Path:
    """Make a .deb of an installed package in `directory` and return it.

    Raises:
        NotKept: files of it were changed or are gone, so that it would be another version than it says.
    """
    try:
        changed = dpkg.changed_files(package)
        if changed:
            raise NotKept(f"{package} cannot be made into a .deb: {changed[0]} was changed")
        status = programs.text("dpkg-query", "--status", package)
        listed = programs.text("dpkg-query", "--listfiles", package).splitlines()
        scripts = programs.text("dpkg-query", "--control-list", package).split()
        with tempfile.TemporaryDirectory(dir=directory, prefix="repack-") as name:
            tree = Path(name) / "tree"
            _copy(listed, root, tree)
            control = tree / "DEBIAN"
            control.mkdir(mode=0o755)
            for script in scripts:
                path = programs.text("dpkg-query", "--control-path", package, script).strip()
                shutil.copy2(path, control / script)
            _leave_out_missing(control / "conffiles", tree)
            (control / "control").write_text(control_text(status))
            made = Path(name) / "made.deb"
            programs.text("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree, made)
            fields = [dpkg.field(made, one) for one in ("Version", "Architecture")]
            return made.replace(directory / file_name(package, *fields))
    except (ProgramFailed, OSError) as error:
        raise NotKept(f"{package} cannot be made into a .deb: {error}") from None


def control_text(status: str) -> str:
    """Return the control file of a package from its stanza in dpkg's database. Pure."""
    kept, is_kept = [], True
    for line in status.strip().splitlines():
        if not line.startswith(" "):
            is_kept = line.partition(":")[0] not in _OF_THE_DATABASE
        if is_kept:
            kept.append(line)
    return "\n".join(kept) + "\n"


def _copy(listed: Iterable[str], root: Path, tree: Path) -> None:
    tree.mkdir(mode=0o755)
    for name in listed:
        if not name.startswith("/") or name == "/.":
            # Lines about diversions stand between the paths.
            continue
        source, target = root / name.lstrip("/"), tree / name.lstrip("/")
        try:
            mode = source.lstat().st_mode
        except FileNotFoundError:
            continue
        if stat.S_ISLNK(mode) and not source.is_dir():
            target.symlink_to(source.readlink())
        elif source.is_dir():
            # A link to a directory too: /lib may be one, while the package calls it a directory.
            target.mkdir(mode=stat.S_IMODE(source.stat().st_mode) | 0o700)
        else:
            shutil.copy2(source, target)


def _leave_out_missing(conffiles: Path, tree: Path) -> None:
    """Take configuration that somebody deleted out of the list: dpkg-deb refuses a name without a file."""
    if conffiles.exists():
        lines = conffiles.read_text().splitlines()
        there = [line for line in lines if (tree / line.split()[-1].lstrip("/")).exists()]
        conffiles.write_text("".join(f"{line}\n" for line in there))
