"""The French of the commands, as a command of the checkout finds it."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

LOCALE = Path(__file__).parents[2] / "inviseobox" / "locale"
SOURCE = LOCALE / "fr.po"


def compile_french(directory: Path) -> Mapping[str, str]:
    """Make the catalog below a directory; return the environment in which commands are French by it."""
    place = directory / "fr" / "LC_MESSAGES"
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["msgfmt", f"--output-file={place / 'inviseobox.mo'}", SOURCE], check=True)
    return {"TEXTDOMAINDIR": str(directory), "LC_ALL": "fr_FR.UTF-8"}
