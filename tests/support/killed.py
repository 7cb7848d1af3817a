"""Run debian/repository and send it a signal, KILL or INT, before the step that has the number STEP; for tests.

    python3 killed.py SIGNAL STEP FOLDERS ARGUMENTS...

A step changes what is in one of the FOLDERS, parted by colons, outside of what is only being prepared there; or gpg is
run in it, which may change its keys. A file may stand for a folder.
"""

import os
import runpy
import signal
import sys
from pathlib import Path
from typing import Any

_PROGRAM = Path(__file__).parents[2] / "debian/repository"
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

_signal = signal.Signals[f"SIG{sys.argv[1]}"]
_left = int(sys.argv[2])
_folders = [Path(name) for name in sys.argv[3].split(":")]


def _changed(event: str, arguments: tuple[Any, ...]) -> Path | None:
    """Return the path that an event of sys.addaudithook(3) is about to change."""
    match event, arguments:
        case "open", (str() | bytes() as path, _, int(flags)) if flags & _WRITING:
            return Path(os.fsdecode(path))
        case "os.rename", (_, path, *_):
            return Path(path)
        case (("os.remove" | "os.mkdir" | "os.rmdir" | "os.truncate" | "os.link" | "os.symlink"), (path, *_)):
            return Path(path)
        case "subprocess.Popen", ("gpg", words, *_):
            return Path(words[words.index("--homedir") + 1]).resolve()
    return None


def _count(event: str, arguments: tuple[Any, ...]) -> None:
    global _left  # noqa: PLW0603 - a hook has no other place
    path = _changed(event, arguments)
    if path is not None and any(path.is_relative_to(one) and not path.is_relative_to(one / ".new") for one in _folders):
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), _signal)


sys.argv = [str(_PROGRAM), *sys.argv[4:]]
sys.addaudithook(_count)
runpy.run_path(str(_PROGRAM), run_name="__main__")
