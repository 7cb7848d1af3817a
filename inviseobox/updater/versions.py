"""Which version is to be taken. Pure.

A version writes a database that older ones can read back to some schema: its `oldest_reader`. What the version to go
back to could not read is not taken; one in between that both sides can read is. There may be more than one to go back
to: until a version is good, a boot leads back to the one before it.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cmp_to_key

NEVER = -1
"""A schema that is below every other one."""

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


@dataclass(frozen=True, slots=True)
class Waits:
    """The version can be taken as soon as the installed one is the only one to go back to."""

    version: str


def choose(
    candidate: str | None,
    offers: Sequence[Offer],
    *,
    installed: str,
    schema_to_go_back_to: int,
    schema_later: int = NEVER,
    bad: Collection[str],
    is_newer: IsNewer,
) -> Offer | Refused | Waits | None:
    """Return the version to take, None where there is none.

    `candidate` is the one that apt would take, None: none. `offers` are all versions in the index.
    `schema_to_go_back_to` is the lowest of the versions to which a bad one might be taken back, `schema_later` what
    that will be once the installed version is good. `is_newer(a, b)`: a is newer than b.
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

    newest_first = sorted(within, key=cmp_to_key(order))
    for offer in newest_first:
        if offer.oldest_reader <= schema_to_go_back_to:
            return offer
    for offer in newest_first:
        if offer.oldest_reader <= schema_later:
            return Waits(offer.version)
    if candidate in bad:
        return None
    needed = known[candidate].oldest_reader
    return Refused(
        candidate,
        f"a database that it has written is read from schema {needed} on, the version to go back to has schema "
        f"{schema_to_go_back_to}, and no version in between is offered",
    )
