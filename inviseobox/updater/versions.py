"""Which version is to be taken. Pure.

A version writes a database that older ones can read back to some schema: its `oldest_reader`. What the version to go
back to could not read is not taken; one in between that both sides can read is.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cmp_to_key

IsNewer = Callable[[str, str], bool]


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
    is_newer: IsNewer,
) -> Offer | Refused | None:
    """Return the version to take, None where there is none.

    `candidate` is the one that apt would take, None: none. `offers` are all versions in the index.
    `schema_to_go_back_to` is that of the version to which a bad one would be taken back. `is_newer(a, b)`: a is newer
    than b.
    """
    if candidate is None or not is_newer(candidate, installed):
        return None
    known = {offer.version: offer for offer in [Offer(candidate), *offers]}
    within = [
        offer
        for offer in known.values()
        if offer.version not in bad and is_newer(offer.version, installed) and not is_newer(offer.version, candidate)
    ]

    def order(one: Offer, other: Offer) -> int:
        return is_newer(other.version, one.version) - is_newer(one.version, other.version)

    for offer in sorted(within, key=cmp_to_key(order)):
        if offer.oldest_reader <= schema_to_go_back_to:
            return offer
    if candidate in bad:
        return None
    needed = known[candidate].oldest_reader
    return Refused(
        candidate,
        f"a database that it has written is read from schema {needed} on, the version to go back to has schema "
        f"{schema_to_go_back_to}, and no version in between is offered",
    )
