"""The order of Debian's version numbers (deb-version(7)). Pure."""

import re
from collections.abc import Iterable
from functools import cmp_to_key
from itertools import zip_longest

_Piece = tuple[tuple[int, ...], int]
_END: _Piece = ((0,), 0)


def is_lower(version: str, other: str) -> bool:
    """Return whether a version comes before another one, as dpkg sees it."""
    return _difference(version, other) < 0


def ascending(versions: Iterable[str]) -> tuple[str, ...]:
    """Return the versions from the lowest to the highest."""
    return tuple(sorted(versions, key=cmp_to_key(_difference)))


def newest(versions: Iterable[str]) -> str | None:
    """Return the highest of the versions; None if there are none."""
    return (ascending(versions) or (None,))[-1]


def without_epoch(version: str) -> str:
    """Return a version as it stands in the name of a package file."""
    return version.partition(":")[2] or version


def _difference(version: str, other: str) -> int:
    """Return less than 0, 0 or more, as the first version is lower, of the same height or higher."""
    for one, two in zip(_parts(version), _parts(other), strict=True):
        # A part that has ended goes on as an empty text and a zero.
        for piece, beside in zip_longest(one, two, fillvalue=_END):
            if piece != beside:
                return -1 if piece < beside else 1
    return 0


def _parts(version: str) -> tuple[list[_Piece], ...]:
    """Return the epoch, the version of the source and the revision, each as texts and numbers in turn."""
    epoch, colon, rest = version.partition(":")
    upstream, hyphen, revision = (rest if colon else version).rpartition("-")
    if not hyphen:
        upstream, revision = revision, ""
    return tuple(_pieces(part) for part in (epoch if colon else "0", upstream, revision))


def _pieces(text: str) -> list[_Piece]:
    found = re.findall(r"([^0-9]*)([0-9]*)", text)
    return [(_weights(letters), int(digits or 0)) for letters, digits in found]


def _weights(text: str) -> tuple[int, ...]:
    # A tilde comes before the end, letters come before all else.
    return (*(-1 if one == "~" else ord(one) if one.isalpha() else ord(one) + 256 for one in text), 0)
