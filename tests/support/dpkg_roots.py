"""A dpkg of a test's own, below a directory, and packages for it: real dpkg, without root and without a machine."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from inviseobox.updater.dpkg import Dpkg
from inviseobox.updater.programs import Programs

_CONTROL = """Package: {name}
Version: {version}
Architecture: all
Maintainer: Nobody <nobody@example.org>
Description: a package of the tests
 It has two lines of description.
{fields}"""


class DpkgRoot:
    """A root with nothing installed; maintainer scripts run outside of it, with DPKG_ROOT in their environment."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.root = directory / "root"
        self.database = self.root / "var/lib/dpkg"
        (self.database / "info").mkdir(parents=True)
        (self.database / "updates").mkdir()
        (self.database / "status").touch()
        (self.database / "available").touch()
        options = ("force-not-root", "force-bad-path", "force-script-chrootless", "force-unsafe-io")
        lines = [f"root={self.root}", *options, "log=/dev/null"]
        (directory / ".dpkg.cfg").write_text("".join(f"{line}\n" for line in lines))
        surroundings = {"HOME": str(directory), "DPKG_ADMINDIR": str(self.database)}
        self.programs = Programs(surroundings=surroundings)
        self.dpkg = Dpkg(self.programs, self.database)

    def package(
        self,
        name: str,
        version: str,
        files: Mapping[str, str | bytes] | None = None,
        scripts: Mapping[str, str] | None = None,
        fields: str = "",
    ) -> Path:
        """Return a package file; `scripts` are those of the maintainer, of sh, and other control files. #! is run."""
        tree = self.directory / f"tree-{name}-{version.replace(':', '-')}"
        control = {"control": _CONTROL.format(name=name, version=version, fields=fields), **(scripts or {})}
        for path, held in {**{f"DEBIAN/{one}": text for one, text in control.items()}, **(files or {})}.items():
            content = held if isinstance(held, bytes) else held.encode()
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(content)
            (tree / path).chmod(0o755 if content.startswith(b"#!") else 0o644)
        sums = subprocess.run(
            ["find", ".", "-path", "./DEBIAN", "-prune", "-o", "-type", "f", "-exec", "md5sum", "{}", "+"],
            cwd=tree, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        (tree / "DEBIAN/md5sums").write_text(sums.replace("  ./", "  "))
        file = self.directory / f"{name}_{version.replace(':', '%3a')}_all.deb"
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree, file], check=True, capture_output=True
        )
        return file

    def text(self, path: str) -> str:
        """Return the content of an installed file."""
        return (self.root / path).read_text()

    def environment(self) -> dict[str, str]:
        """Return what makes any program use this dpkg."""
        return {**os.environ, **self.programs.surroundings}
