"""inviseobox-archive-keyring, built by debian/rules for a repository of one's own."""

import os
import shutil
import subprocess
from pathlib import Path

_CHECKOUT = Path(__file__).parents[2]
_NOT_SOURCE = shutil.ignore_patterns(".git", ".cache", ".venv", "build", "__pycache__")


def built(url: str, keyring: Path, directory: Path, *before: str, **environment: str) -> Path:
    """Build the package below `directory`, which is made, and return its file.

    The others stand beside it. `before` are words of a command that runs the build, `environment` has more
    variables.
    """
    shutil.copytree(_CHECKOUT, directory / "source", ignore=_NOT_SOURCE)
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith(("DEB_", "DH_", "PYTHON"))}
    surroundings |= {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "REPO_URL": url,
        "REPO_KEYRING": str(keyring),
        "DEB_BUILD_PROFILES": "pkg.inviseobox.keyring nocheck",
        "DEB_BUILD_OPTIONS": "nocheck",
    }
    done = subprocess.run(
        [*before, "dpkg-buildpackage", "--no-sign", "--build=all"],
        cwd=directory / "source",
        env=surroundings | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (package,) = directory.glob("inviseobox-archive-keyring_*.deb")
    return package
