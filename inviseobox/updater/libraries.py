"""Whether the service still runs with what is on the disk. Pure: what dpkg and the kernel say comes as text."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Installed:
    """An installed package: its version, and its fields Depends, Pre-Depends (together) and Provides."""

    version: str
    depends: str = ""
    provides: str = ""


def parse(listing: str) -> dict[str, Installed]:
    """Read what `dpkg-query -W -f=FORMAT` printed."""
    raise NotImplementedError


FORMAT = r"${Package}\t${db:Status-Abbrev}\t${Version}\t${Pre-Depends}, ${Depends}\t${Provides}\n"
"""The format for `dpkg-query --show`, of which `parse` reads the output."""


def closure(package: str, installed: Mapping[str, Installed]) -> dict[str, str]:
    """Return the versions of the installed packages that this one depends on, by however many steps, without itself."""
    raise NotImplementedError


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return package → (version before, version now) of what is not the same; empty: it is not there."""
    raise NotImplementedError


def deleted_files(maps: Iterable[str]) -> list[str]:
    """Return the files that a process has loaded and that are deleted, by the lines of /proc/PID/maps (proc(5))."""
    raise NotImplementedError


def words(changed: Mapping[str, tuple[str, str]]) -> str:
    """Name what changed: "python3-httpx 0.28.1-1 → 0.28.1-2, …"."""
    raise NotImplementedError
