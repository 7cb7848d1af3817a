"""The order of Debian's version numbers (deb-version(7)). Pure."""

import re

_Part = tuple[tuple[tuple[int, ...], int], ...]
_END = ((0,), 0)


def order(version: str) -> tuple[int, _Part, _Part]:
    """Return what sorts versions as dpkg does."""
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, hyphen, revision = rest.rpartition("-")
    if not hyphen:
        upstream, revision = rest, ""
    return int(epoch), _part(upstream), _part(revision)


def newest(versions: tuple[str, ...]) -> str | None:
    """Return the highest of the versions; None if there are none."""
    return max(versions, key=order, default=None)


def ascending(versions: tuple[str, ...]) -> tuple[str, ...]:
    """Return the versions from the lowest to the highest."""
    return tuple(sorted(versions, key=order))


def _part(text: str) -> _Part:
    pieces = [(_letters(letters), int(digits or 0)) for letters, digits in re.findall(r"([^0-9]*)([0-9]*)", text)]
    while pieces and pieces[-1] == _END:
        pieces.pop()
    return (*pieces, _END)


def _letters(text: str) -> tuple[int, ...]:
    # A tilde comes before the end, letters come before all else.
    return (*(-1 if one == "~" else ord(one) if one.isalpha() else ord(one) + 256 for one in text), 0)
