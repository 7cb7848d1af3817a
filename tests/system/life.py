"""What a user sees of the package on a machine at one moment of its life there."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from tests.support.machine import UNIT, Machine

from .service import CONFIGURATION, own_lines

DATA = "/var/lib/inviseobox"
_STARTING = "7d4958e842da4a758f6c1cdc7b36dcc5"
"""SD_MESSAGE_UNIT_STARTING, systemd's catalog."""
_SEALED = """
import json, os, sqlite3, sys
if not os.path.exists(sys.argv[1]):
    print("null")
else:
    with sqlite3.connect(f"file:{sys.argv[1]}?mode=rw", uri=True, timeout=5) as connection:
        print(json.dumps(connection.execute("SELECT end, measurement FROM history WHERE value <> '{}'").fetchall()))
"""

Reports = frozenset[tuple[int, str]]
"""The end of a window and a measurement, for each value of a sealed window."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One look at a machine.

    `configuration` is a digest with the mode, owner and group, None if there is no file; `sealed` what data.db
    remembers, None if there is no database. `starts` counts every start that systemd tried, `started` has the versions
    that came up, oldest first.
    """

    version: str | None
    active: str
    enabled: str
    restarts: int
    starts: int
    started: tuple[str, ...]
    configuration: tuple[str, ...] | None
    sealed: Reports | None


NOTHING = Sight(None, "inactive", "", 0, 0, (), None, None)
"""A machine that never had the package."""


def look(box: Machine) -> Sight:
    """See how the package, the service, its configuration and its data are."""
    unit = box.show(UNIT, "ActiveState", "UnitFileState", "NRestarts")
    return Sight(
        version=_version(box),
        active=unit["ActiveState"],
        enabled=unit["UnitFileState"],
        restarts=int(unit["NRestarts"]),
        starts=len(box.journal(MESSAGE_ID=_STARTING, UNIT=UNIT)),
        started=_started(box),
        configuration=_configuration(box),
        sealed=sealed(box),
    )


def sealed(box: Machine) -> Reports | None:
    """Return what data.db remembers of the windows that were sealed, None if there is no database."""
    if not box.exists(DATA):
        return None
    # As its owner: what SQLite puts beside the file must not belong to root.
    owner = ("setpriv", "--reuid=inviseobox", "--regid=inviseobox", "--clear-groups")
    rows = json.loads(box.run(*owner, "/usr/bin/python3", "-I", "-c", _SEALED, f"{DATA}/data.db").stdout)
    return None if rows is None else frozenset((end, measurement) for end, measurement in rows)


def told(
    sight: Sight, before: Sight, configurations: Mapping[tuple[str, ...] | None, str], delivered: Reports
) -> dict[str, str]:
    """Say what is seen and what became of it since `before`, each fact under its name.

    `configurations` has names for those that are known, `delivered` is what the server has.
    """
    waiting = _windows((sight.sealed or frozenset()) - delivered)
    return {
        "package": sight.version or "not installed",
        "service": f"{sight.active}, {sight.enabled or 'no unit'}",
        "started": _starts(sight, before),
        "configuration": configurations.get(sight.configuration, "changed"),
        "data": _fate(sight.sealed, before.sealed),
        "windows": f"{_windows(delivered)} delivered" + (f", {waiting} waiting" if waiting else ""),
    }


def _windows(reports: Reports) -> int:
    return len({end for end, _ in reports})


def _starts(sight: Sight, before: Sight) -> str:
    started = sight.started[len(before.started) :]
    tried = sight.starts - before.starts
    if tried == len(started) and not sight.restarts:
        return ", ".join(started) or "no"
    if (tried, len(started), sight.restarts) == (1, 0, 0):
        return "skipped"
    return f"tried {tried} times, came up {len(started)} times, {sight.restarts} restarts after failures"


def _fate(now: Reports | None, before: Reports | None) -> str:
    if now is None:
        return "none" if before is None else "removed"
    lost = len((before or frozenset()) - now)
    if lost:
        return f"{lost} values lost"
    return "new" if before is None else "kept"


def _version(box: Machine) -> str | None:
    said = box.run("sh", "-c", "command -v inviseobox >/dev/null && inviseobox --version", check=False).stdout.split()
    return said[-1] if said else None


def _started(box: Machine) -> tuple[str, ...]:
    words = "started, version "
    messages = [str(entry["MESSAGE"]) for entry in own_lines(box)]
    return tuple(message.removeprefix(words) for message in messages if message.startswith(words))


def _configuration(box: Machine) -> tuple[str, ...] | None:
    path = str(CONFIGURATION)
    if not box.exists(path):
        return None
    digest = box.run("sha256sum", path).stdout.split()[0]
    return digest, *box.run("stat", "-c", "%a %U %G", path).stdout.split()
