"""Programs of Debian that are run to their end."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from errors import Failed


def output(
    command: Sequence[str | Path],
    *,
    stdin: bytes = b"",
    folder: Path | None = None,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    """Run a program in `folder` and return what it printed.

    Raises:
        Failed: it is not installed, or ended with an error, whose last line is told.
    """
    surroundings = {**os.environ, "LC_ALL": "C.UTF-8", **environment}
    try:
        done = subprocess.run(command, input=stdin, cwd=folder, env=surroundings, capture_output=True, check=False)
    except FileNotFoundError:
        raise Failed(f"{command[0]} is not installed: apt-get install apt-utils dpkg gnupg") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"ended with status {done.returncode}"]
        name = f"{Path(command[0]).name}: "
        raise Failed(f"{name}{said[-1].removeprefix(name)}")
    return done.stdout
