"""Which key signs, which one follows it, and which one is on its way out; the text of that. Pure.

Boxes hold the current key and its successor from the first package on. So a box that was off while a key was replaced
still knows the one that signs when it comes back.
"""

import json
from dataclasses import dataclass, replace

from errors import Failed, Refused

NAME = "roles.json"


@dataclass(frozen=True)
class Roles:
    """Fingerprints by what the keys are for; `old` is the one that is being replaced, `revoked` if it signs no more."""

    current: str
    successor: str
    old: str | None = None
    revoked: bool = False

    @property
    def signers(self) -> tuple[str, ...]:
        """Return the keys that sign."""
        return (self.current,) if self.old is None or self.revoked else (self.old, self.current)

    @property
    def keyring(self) -> tuple[str, ...]:
        """Return the keys whose public parts boxes are to hold; a revoked one with its revocation."""
        return (*(() if self.old is None else (self.old,)), self.current, self.successor)

    @property
    def trusted(self) -> tuple[str, ...]:
        """Return the keys by which boxes know the repository."""
        return tuple(key for key in self.keyring if not (self.revoked and key == self.old))


def is_pending(roles: Roles, trusted: tuple[str, ...]) -> bool:
    """Return whether a change was written down and not published: boxes know the repository by the keys `trusted`."""
    return roles.trusted != trusted


def check_rotatable(roles: Roles) -> None:
    """See that no key is on its way out already.

    Raises:
        Refused: one is.
    """
    if roles.old is not None:
        raise Refused(f"the key {roles.old} is still on its way out: first make repo-retire")


def stolen(roles: Roles, told: str) -> str:
    """Return the key that is to be revoked: the one with the fingerprint `told`, or the only one that signs if empty.

    Raises:
        Refused: two sign and none is told, or the one that is told does not sign.
    """
    names = " or ".join(f"make repo-rotate REVOKED={key}" for key in roles.signers)
    if told in roles.signers:
        return told
    if not told and len(roles.signers) == 1:
        return roles.current
    if not told:
        raise Refused(
            f"two keys sign, {roles.old}, which is on its way out, and {roles.current}: name the stolen one, {names}"
        )
    if told == roles.old:
        raise Refused(f"the key {told} is revoked already, and still on its way out: next make repo-retire")
    if told == roles.successor:
        first = "make repo-rotate" if roles.old is None else "make repo-retire, then make repo-rotate"
        raise Refused(f"the key {told} does not sign yet: first {first}, then make repo-rotate REVOKED={told}")
    raise Refused(f"the key {told} is none of those that sign: {names}")


def current_revoked(roles: Roles, successor: str) -> Roles:
    """Return the roles in which the old key, which all boxes know, signs beside the successor of a revoked one."""
    return Roles(current=roles.successor, successor=successor, old=roles.old)


def old_revoked(roles: Roles) -> Roles:
    """Return the roles in which the key that is on its way out signs no more."""
    return replace(roles, revoked=True)


def rotated(roles: Roles, successor: str, *, revoked: bool = False) -> Roles:
    """Return the roles in which the successor has become current, and `successor` follows it."""
    return Roles(current=roles.successor, successor=successor, old=roles.current, revoked=revoked)


def retired(roles: Roles) -> Roles:
    """Return the roles without the old key.

    Raises:
        Refused: there is none.
    """
    if roles.old is None:
        raise Refused("no key is on its way out: to replace the current one, make repo-rotate")
    return Roles(roles.current, roles.successor)


def check_continuity(signers: tuple[str, ...], keyring: tuple[str, ...], trusted: tuple[str, ...]) -> None:
    """See that boxes know one of the keys that sign, and that the one they hold as the next is still there.

    `trusted` are the keys by which they know the repository, the next one last; none while nothing is published.

    Raises:
        Refused: they do not, or it is not.
    """
    if trusted and not set(signers) & set(trusted):
        raise Refused(
            f"boxes know the repository by {' and '.join(trusted)}, which are not here: name those by REPO_KEY"
        )
    if trusted and trusted[-1] not in keyring:
        raise Refused(
            f"the key {trusted[-1]}, which boxes hold as the next one, is not here: take it back from a copy of the "
            "folder of keys"
        )


def written(roles: Roles) -> str:
    """Return the text of roles."""
    value = {"current": roles.current, "successor": roles.successor, "old": roles.old, "revoked": roles.revoked}
    return json.dumps(value, indent=1) + "\n"


def read(text: str | bytes) -> Roles:
    """Return the roles that a text tells of.

    Raises:
        Failed: it is not what `written` made.
    """
    try:
        return Roles(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise Failed(f"{NAME} of the keys is damaged ({error}): take it back from a copy of their folder") from None
