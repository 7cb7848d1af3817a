"""Whether all releases of Debian accept what a key signs, by gpg's listing of it. Pure.

What sqv of Debian 13 refuses, gpgv of Debian 12 may accept: the stricter one counts. GnuPG's doc/DETAILS tells of the
fields of a listing, RFC 9580, 9, of the numbers of algorithms.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

_RSA, _DSA, _ECDSA, _EDDSA = 1, 17, 19, 22
_NAMES = {_DSA: "DSA", 16: "Elgamal", _ECDSA: "ECDSA", _EDDSA: "EdDSA"}
_CURVES = {"ed25519", "nistp256", "nistp384", "nistp521"}
_RSA_BITS = 3072
_WEAK_HASHES = {1: "MD5", 2: "SHA1", 3: "RIPEMD160"}
_YEAR = 365 * 86_400
_CERTIFICATIONS = ("10", "11", "12", "13", "18", "1f")


@dataclass(frozen=True)
class Part:
    """A primary key or a subkey; `expires` in seconds since 1970, None if never; `hashes` of its newest signatures.

    `key_id` tells it from the others, a revoked subkey does not sign.
    """

    key_id: str
    algorithm: int
    bits: int
    curve: str
    expires: int | None
    signs: bool
    hashes: tuple[int, ...]


@dataclass(frozen=True)
class Key:
    """A key by its fingerprint, the primary part first, then its subkeys."""

    fingerprint: str
    parts: tuple[Part, ...]
    revoked: bool


def keys(listing: str) -> list[Key]:
    """Return the keys that `gpg --with-colons --list-sigs` tells of, or an import that only shows."""
    found = []
    for block in _blocks(listing, ("pub", "sec")):
        fingerprint = next(row[9] for row in block if row[0] == "fpr")
        parts = tuple(_part(rows, block[0][4]) for rows in _split(block, ("pub", "sec", "sub", "ssb")))
        found.append(Key(fingerprint, parts, revoked=block[0][1] == "r"))
    return found


def weakness(key: Key, now: int) -> str | None:
    """Return why boxes would refuse what the key signs, at `now` or within a year; None if none would."""
    if key.revoked:
        return "it is revoked"
    for part in _counting(key):
        if part.algorithm == _RSA and part.bits < _RSA_BITS:
            return f"it is RSA of {part.bits} bits, less than {_RSA_BITS}"
        if part.algorithm not in (_RSA, _ECDSA, _EDDSA):
            return f"it is {_NAMES.get(part.algorithm, f'of algorithm {part.algorithm}')}"
        if part.algorithm != _RSA and part.curve not in _CURVES:
            return f"it is of the curve {part.curve}"
        if weak := [_WEAK_HASHES[one] for one in part.hashes if one in _WEAK_HASHES]:
            return f"it is bound by a signature with {weak[0]}"
        if part.expires is not None and part.expires < now + _YEAR:
            return "it has expired" if part.expires <= now else f"it expires in {(part.expires - now) // 86_400} days"
    return None


def reach(key: Key) -> dict[str, int | None]:
    """Return until when each part counts, the primary one and those that sign, by its ID; None if for ever."""
    return {part.key_id: part.expires for part in _counting(key)}


def is_within(key: Key, known: Mapping[str, int | None]) -> bool:
    """Return whether a key does not reach further than the form of it that boxes hold, which reaches as `known`."""
    return all(one in known and _earlier(until, known[one]) == until for one, until in reach(key).items())


def shortest(known: Mapping[str, int | None], key: Key) -> dict[str, int | None]:
    """Return how far a key reaches for all boxes, where some hold it with a reach `known`, and some as `key`."""
    now = reach(key)
    return {one: _earlier(until, now.get(one, until)) for one, until in known.items()}


def as_known(key: Key, known: Mapping[str, int | None]) -> Key:
    """Return a key as boxes see it that hold a form with the reach `known`, without the parts that they lack."""
    parts = [
        replace(part, expires=_earlier(part.expires, known.get(part.key_id)))
        for part in key.parts
        if part.key_id in known or not part.signs
    ]
    return replace(key, parts=tuple(parts))


def can_sign(key: Key, now: int) -> bool:
    """Return whether gpg signs with the key at `now`, whatever boxes think of that."""
    fresh = [part.expires is None or part.expires > now for part in key.parts]
    return (
        not key.revoked
        and fresh[0]
        and any(is_fresh for part, is_fresh in zip(key.parts, fresh, strict=True) if part.signs)
    )


def _counting(key: Key) -> list[Part]:
    return [part for number, part in enumerate(key.parts) if number == 0 or part.signs]


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((time for time in (one, other) if time is not None), default=None)


def _blocks(listing: str, begins: tuple[str, ...]) -> list[list[list[str]]]:
    return list(_split([line.split(":") for line in listing.splitlines()], begins))


def _split(rows: list[list[str]], begins: tuple[str, ...]) -> Iterator[list[list[str]]]:
    """Yield the runs of rows that each begin with one of the types `begins`, without what stands before the first."""
    run: list[list[str]] = []
    for row in rows:
        if row[0] in begins:
            if run:
                yield run
            run = [row]
        elif run:
            run.append(row)
    if run:
        yield run


def _part(rows: list[list[str]], primary: str) -> Part:
    head = rows[0]
    newest = [_newest_hash(run, primary) for run in _split(rows, ("pub", "sec", "sub", "ssb", "uid"))]
    return Part(
        key_id=head[4],
        algorithm=int(head[3]),
        bits=int(head[2] or 0),
        curve=head[16] if len(head) > 16 else "",
        expires=int(head[6]) if head[6] else None,
        signs="s" in head[11] and (head[1] != "r" or head[4] == primary),
        hashes=tuple(one for one in newest if one is not None),
    )


def _newest_hash(rows: list[list[str]], primary: str) -> int | None:
    """Return the hash of the newest signature by which the primary key binds a user ID or a subkey."""
    own = [row for row in rows if row[0] == "sig" and row[4] == primary and row[10][:2] in _CERTIFICATIONS]
    return int(max(own, key=lambda row: int(row[5] or 0))[15] or 0) if own else None
