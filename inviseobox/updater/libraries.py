"""Whether the service still runs with what is on the disk. Pure: what dpkg and the kernel say comes as text."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

FORMAT = r"${Package}\t${db:Status-Abbrev}\t${Version}\t${Pre-Depends}, ${Depends}\t${Provides}\n"
"""The format for `dpkg-query --show`, of which `parse` reads the output."""
_THERE = "iWt"
"""What is installed or only waits for triggers, by the second letter of its state (dpkg-query(1))."""
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_PROGRAMS = ("/usr/", "/lib", "/bin/", "/sbin/", "/opt/")
_DELETED = " (deleted)"
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Installed:
    """An installed package: its version, and its fields Depends, Pre-Depends (together) and Provides."""

    version: str
    depends: str = ""
    provides: str = ""


def parse(listing: str) -> dict[str, Installed]:
    """Read what `dpkg-query --show --showformat=FORMAT` printed; what is not installed is left out."""
    found = {}
    for line in listing.splitlines():
        name, state, version, depends, provides, *_ = [*line.split("\t"), "", "", "", ""]
        if version and state[1:2] in _THERE:
            found[name] = Installed(version, depends, provides)
    return found


def closure(package: str, installed: Mapping[str, Installed]) -> dict[str, str]:
    """Return the versions of the installed packages that this one depends on, by however many steps, without itself.

    Of alternatives all that are installed count, and of a virtual package all that provide it.
    """
    providers: dict[str, list[str]] = {}
    for name, package_there in installed.items():
        for virtual in [name, *_names(package_there.provides)]:
            providers.setdefault(virtual, []).append(name)
    found: dict[str, str] = {}
    left = [package]
    while left:
        one = installed.get(left.pop(), Installed(""))
        for needed in _names(one.depends):
            for name in providers.get(needed, ()):
                if name not in found and name != package:
                    found[name] = installed[name].version
                    left.append(name)
    return found


def _names(relations: str) -> list[str]:
    """Return the packages that a field like Depends names (deb-control(5)), without versions and architectures."""
    relation = (one.strip() for group in relations.split(",") for one in group.split("|"))
    return [match.group() for one in relation if (match := _NAME.match(one))]


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return package → (version before, version now) of what is not the same; empty: it is not there."""
    return {
        name: (before.get(name, ""), now.get(name, ""))
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    }


def deleted_files(maps: Iterable[str]) -> list[str]:
    """Return the files that a process has loaded and that are deleted, by the lines of /proc/PID/maps (proc(5)).

    Only programs and libraries: what it keeps in its own directories it may delete as it likes.
    """
    paths = (line.rstrip("\n").split(maxsplit=5)[5:] for line in maps)
    found = {path[0].removesuffix(_DELETED) for path in paths if path and path[0].endswith(_DELETED)}
    return sorted(path for path in found if path.startswith(_PROGRAMS))


def words(changed: Mapping[str, tuple[str, str]]) -> str:
    """Name what changed: "python3-httpx 0.28.1-1 → 0.28.1-2, …"."""
    named = [f"{name} {before or '(none)'} → {now or '(none)'}" for name, (before, now) in changed.items()]
    more = f" and {len(named) - _MOST_NAMED} others" if len(named) > _MOST_NAMED else ""
    return ", ".join(named[:_MOST_NAMED]) + more
