"""Which version is to be taken. Pure."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Offer:
    """A version in the index, with the schema of its database and the oldest one whose program can read that."""

    version: str
    schema: int = 0
    oldest_reader: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """The version cannot be taken, and why."""

    version: str
    reason: str


def choose(
    candidate: str | None,
    offers: Sequence[Offer],
    *,
    installed: str,
    schema_to_go_back_to: int,
    bad: Collection[str],
    is_newer: Callable[[str, str], bool],
) -> Offer | Refused | None:
    """Return the version to take, None where there is none.

    `candidate` is the one that apt would take, None: none. `offers` are all versions in the index.
    `schema_to_go_back_to` is that of the version to which a bad one would be taken back. `is_newer(a, b)`: a is newer
    than b.
    """
    raise NotImplementedError
