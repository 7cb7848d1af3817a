"""Newer versions for a box that the updater keeps up to date, good and bad, and what the box does with them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.machine import Machine
from tests.support.other_version import with_files, with_version

from .publishing import Repository

UPDATER = "inviseobox-updater"
_AT = "usr/lib/python3/dist-packages/inviseobox/"
CRASHES = {_AT + "daemon.py": b"raise SystemExit('this version is broken')\n"}
"""Files of a version that ends at once when it is started."""


def publish(
    repository: Repository,
    version: str,
    directory: Path,
    *,
    updater: Path | None = None,
    files: Mapping[str, bytes] | None = None,
    fields: Mapping[str, str] | None = None,
    updater_files: Mapping[str, bytes] | None = None,
) -> None:
    """Publish the package of the program as `version` and promote it to all boxes, with that of the updater if given.

    `files` and `updater_files` have other content in it, `fields` are of its control file.
    """
    folder = directory / f"as-{version}"
    folder.mkdir()
    program = with_version(repository.package, version, folder)
    made = []
    if files or fields:
        (folder / "changed").mkdir()
        program = with_files(program, version, folder / "changed", files or {}, fields)
    if updater:
        (folder / "updater").mkdir()
        made.append(with_files(updater, version, folder / "updater", updater_files or {}))
    repository.run("publish", program, *made)
    repository.run("promote", version)


def updater_run(box: Machine, *words: str, within: float = 500) -> tuple[int, str]:
    """Run the updater in the foreground; return its exit status and what it printed."""
    done = box.run("inviseobox-updater", "run", *words, check=False, timeout=within)
    return done.returncode, done.stdout + done.stderr


def told(box: Machine) -> dict[str, Any]:
    """Return what the updater shows to the daemon."""
    content: dict[str, Any] = json.loads(box.read("/run/inviseobox-updater/status.json"))
    return content


def history(box: Machine) -> list[tuple[str, str]]:
    """Return the events of the history with their versions, the oldest first."""
    lines = box.read("/var/lib/inviseobox-updater/history.jsonl").splitlines()
    return [(entry["event"], entry.get("version", "")) for entry in map(json.loads, lines)]


def installed(box: Machine, package: str = "inviseobox") -> str:
    """Return the version of a package and how it is: "0.2.0 ii "."""
    return box.run("dpkg-query", "--show", "--showformat=${Version} ${db:Status-Abbrev}", package).stdout.strip()
