"""Tries what the service's sandbox must refuse, from inside it or not, and writes down what came of each try.

    sandbox_probe.py REPORT [TRAP…]

It runs in a machine, with nothing but Python. A TRAP is a device, which it opens, or a directory, in which it makes a
file called after REPORT. REPORT receives a JSON object: `opened` and `written` have "done" or the error's name for each
trap, `writable` the directories and files of the whole machine, but for /proc, that access rights and mounts let it
write, and `status` its own /proc/self/status.
"""

import errno
import json
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path


def main(report: Path, traps: list[Path]) -> None:
    """Try everything, then write the report."""
    directories = [trap for trap in traps if trap.parent != Path("/dev")]
    findings = {
        "opened": {str(trap): _outcome(_open, trap) for trap in traps if trap not in directories},
        "written": {str(trap): _outcome(_write, trap / f"{report.stem}.trace") for trap in directories},
        "writable": sorted(_writable("/")),
        "status": _status(),
    }
    report.write_text(json.dumps(findings), "utf-8")


def _outcome(attempt: Callable[[Path], None], path: Path) -> str:
    try:
        attempt(path)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "done"


def _open(device: Path) -> None:
    os.close(os.open(device, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))


def _write(file: Path) -> None:
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))


def _writable(top: str) -> Iterator[str]:
    for directory, names, files in os.walk(top):
        if directory == "/":
            names.remove("proc")
        if os.access(directory, os.W_OK, effective_ids=True):
            yield directory
        for name in files:
            path = f"{directory}/{name}"
            if _is_plain(path) and os.access(path, os.W_OK, effective_ids=True):
                yield path


def _is_plain(path: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def _status() -> dict[str, str]:
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(trap) for trap in sys.argv[2:]])
