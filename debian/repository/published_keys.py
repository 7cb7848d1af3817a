"""Whether the packages with the keys that are published hold those that boxes need."""

import packages
from errors import Refused
from keys import Keys
from packages import KEYRING_PACKAGE, POOL, Package
from publishing import Folder
from roles import Roles
from state import State
from suites import SUITES, Content


def check_new(mine: Keys, content: Content, new: list[Package]) -> None:
    """See that a package with the keys that is not there yet holds those by which boxes are to know the repository.

    Raises:
        Refused: it does not.
    """
    now = mine.roles()
    added = [one for one in new if one.name not in content.files.get(one.version, {})]
    for package in (one for one in added if one.name.startswith(f"{KEYRING_PACKAGE}_")):
        if missing := _missing_in(package.content, mine, now.current, now.successor):
            raise Refused(
                f"{package.name} lacks the key {missing}, and boxes would lose the repository: build it with the "
                "keys of now, by make repo with REPO_URL"
            )


def check_retirable(folder: Folder, mine: Keys, content: Content, after: Roles) -> None:
    """See that the newest package with the keys of each suite that is not empty holds those of `after`.

    Raises:
        Refused: one does not.
    """
    for suite in SUITES:
        lack = _lack(folder, mine, content, suite, after.current, after.successor)
        if lack and content.suites[suite].versions:
            raise Refused(
                f"{lack}, and boxes would not know it: publish a new version with REPO_URL, promote it, and wait "
                "until boxes have it"
            )


def check_promotable(folder: Folder, mine: Keys, before: State, content: Content) -> None:
    """See that stable, as it is in `content`, has a package with the key that signs now.

    A repository without an address need not.

    Raises:
        Refused: it does not.
    """
    if before.url and (lack := _lack(folder, mine, content, "stable", mine.roles().current)):
        raise Refused(f"{lack}, and no new box could know the repository: {_advice(before)}, and promote that")


def check_replaceable(folder: Folder, mine: Keys, before: State) -> None:
    """See that stable brings boxes the keys of now, so that others can follow them.

    A repository without an address need not.

    Raises:
        Refused: it does not.
    """
    now = mine.roles()
    if before.url and (lack := _lack(folder, mine, before.content, "stable", now.current, now.successor)):
        raise Refused(
            f"{lack}, and boxes would lose the repository at a change of keys: {_advice(before)}, and promote that"
        )


def warning(folder: Folder, mine: Keys, before: State, content: Content) -> str:
    """Return a line that says which suites of `content` do not bring boxes the keys of now; nothing if all do.

    A repository without an address need not.
    """
    now = mine.roles()
    lacking = [one for one in reversed(SUITES) if _lack(folder, mine, content, one, now.current, now.successor)]
    if not before.url or not lacking:
        return ""
    have = "have" if len(lacking) > 1 else "has"
    return f"{' and '.join(lacking)} {have} no {KEYRING_PACKAGE} with the keys of now: {_advice(before)}"


def _advice(before: State) -> str:
    return f"publish a higher version with make repo REPO_URL={before.url}"


def _lack(folder: Folder, mine: Keys, content: Content, suite: str, *needed: str) -> str | None:
    """Return what the newest package with the keys of a suite lacks, or that there is none; None if all is there."""
    versions = content.suites[suite].versions[::-1]
    names = [name for version in versions for name in content.files[version] if name.startswith(f"{KEYRING_PACKAGE}_")]
    package = (folder.root / POOL / names[0]).read_bytes() if names else b""
    missing = _missing_in(package, mine, *needed)
    if missing is None:
        return None
    what = f"{names[0]} in {suite} lacks" if names else f"{suite} has no {KEYRING_PACKAGE} with"
    return f"{what} the key {missing}"


def _missing_in(package: bytes, mine: Keys, *needed: str) -> str | None:
    """Return one of these keys that a package with the keys lacks; None if it has all."""
    keyring = packages.keyring_of(package) if package else b""
    held = mine.gpg.held_by(keyring) if keyring else ()
    return min(set(needed) - set(held), default=None)
