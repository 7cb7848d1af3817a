"""What each of the maintainer's commands does: it decides, then publishes both suites anew."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bootstrap
import keys
import packages
import publishing
import releases
import renewal
import roles
import showing
import suites
from errors import Refused
from keys import Keys
from packages import KEYRING_PACKAGE, POOL, Package
from publishing import Folder
from renewal import Place
from roles import Roles
from state import State
from suites import SUITES, Content


def publish(place: Place, files: list[Path]) -> None:
    """Publish package files of one version."""
    new = packages.read(files)
    digests = {package.name: package.sha256 for package in new}
    place.folder.mkdir(parents=True, exist_ok=True)
    with publishing.opened(place.folder) as folder:
        before = folder.state() or State()
        content = suites.published(before.content, new[0].version, digests)
        with keys.opened(place.keys, before.trusted) as mine:
            _check_new_keyring(mine, before.content, new)
            renewal.renew(place, folder, mine, before, content, new)


def promote(place: Place, version: str | None, percent: int | None) -> None:
    """Bring a version of beta to stable."""
    _change(place, lambda content: suites.promoted(content, version, percent))


def phase(place: Place, percent: int) -> None:
    """Offer the newest version of stable to more boxes."""
    _change(place, lambda content: suites.phased(content, percent))


def withdraw(place: Place, version: str) -> None:
    """Offer a version to no box any more."""
    _change(place, lambda content: suites.withdrawn(content, version))


def sign(place: Place) -> None:
    """Give what is published a new date and new signatures."""
    _change(place, lambda content: content)


def rotate(place: Place, *, revoked: bool) -> None:
    """Let the successor become current, beside the old key, or in its place where that one is revoked."""
    with _opened_with_keys(place) as (folder, before, mine):
        now = mine.roles()
        if revoked and now.old is not None and not now.revoked:
            after = roles.old_revoked(now)
        elif now.old is not None and _is_unfinished(now, folder, before):
            after = now
        else:
            roles.check_rotatable(now)
            after = roles.rotated(now, mine.gpg.make(), revoked=revoked)
        if after.revoked and after.old is not None:
            mine.gpg.revoke(after.old)
        _renew_as(place, folder, mine, before, after)


def retire(place: Place) -> None:
    """Let only the current key sign, and name the old one no more."""
    with _opened_with_keys(place) as (folder, before, mine):
        now = mine.roles()
        after = now if now.old is None and _is_unfinished(now, folder, before) else roles.retired(now)
        for suite in SUITES:
            _check_keyring(folder, mine, before.content, suite, after)
        _renew_as(place, folder, mine, before, after)


def keyring(place: Place, file: Path) -> None:
    """Write the public keys that boxes are to hold to `file`; make the keys first if there are none."""
    before = Folder(place.folder).state() or State()
    with keys.opened(place.keys, before.trusted) as mine:
        content = mine.gpg.public(mine.roles().keyring)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def bootstrap_commands(root: Path) -> str:
    """Return what the owner of a new box is to be told about the repository in the folder `root`."""
    published = _published(Folder(root))
    script = root / bootstrap.SCRIPT
    if not published.url or not script.exists():
        raise Refused("the repository has no address yet: give it one with make repo REPO_URL=https://…")
    return bootstrap.commands(published.url, hashlib.sha256(script.read_bytes()).hexdigest())


def overview(place: Place, now: int) -> dict[str, Any]:
    """Return what `show` tells, at `now`."""
    folder = Folder(place.folder)
    found = {suite: releases.read(text) for suite, text in folder.in_releases().items()}
    return showing.overview(_published(folder), found, keys.known_roles(keys.folder_of(place.keys)), now)


def _change(place: Place, decide: Callable[[Content], Content]) -> None:
    with publishing.opened(place.folder) as folder:
        before = _published(folder)
        content = decide(before.content)
        with keys.opened(place.keys, before.trusted) as mine:
            renewal.renew(place, folder, mine, before, content, [])


@contextmanager
def _opened_with_keys(place: Place) -> Iterator[tuple[Folder, State, Keys]]:
    """Yield what is published and its keys, where a change of them could be published right away."""
    with publishing.opened(place.folder) as folder:
        before = _published(folder)
        with keys.opened(place.keys, before.trusted) as mine:
            renewal.next_date(place, folder)
            yield folder, before, mine


def _renew_as(place: Place, folder: Folder, mine: Keys, before: State, after: Roles) -> None:
    """Publish the same with other keys. They are written down first: whatever command comes next goes on with them."""
    roles.check_continuity(after.signers, after.keyring, before.trusted)
    mine.set_roles(after)
    renewal.renew(place, folder, mine, before, before.content, [])


def _is_unfinished(now: Roles, folder: Folder, before: State) -> bool:
    """Return whether the last change of keys was stopped before all of it was published."""
    return folder.was_stopped or roles.is_pending(now, before.trusted) or not folder.has_all_of(before)


def _published(folder: Folder) -> State:
    found = folder.state()
    if found is None:
        raise Refused(f"nothing is published in {folder.root} yet: begin with make repo")
    return found


def _check_keyring(folder: Folder, mine: Keys, content: Content, suite: str, after: Roles) -> None:
    """See that the newest package with the keys of a suite holds those that boxes need from now on."""
    versions = content.suites[suite].versions[::-1]
    names = [name for version in versions for name in content.files[version] if name.startswith(f"{KEYRING_PACKAGE}_")]
    if not versions:
        return
    package = (folder.root / POOL / names[0]).read_bytes() if names else b""
    if missing := _missing_in(package, mine, after):
        what = f"{names[0]} in {suite} lacks" if names else f"{suite} has no {KEYRING_PACKAGE} with"
        raise Refused(
            f"{what} the key {missing}, and boxes would not know it: publish a new version "
            "with REPO_URL, promote it, and wait until boxes have it"
        )


def _check_new_keyring(mine: Keys, content: Content, new: list[Package]) -> None:
    """See that a package with the keys that is not there yet holds those by which boxes are to know the repository."""
    added = [one for one in new if one.name not in content.files.get(one.version, {})]
    for package in (one for one in added if one.name.startswith(f"{KEYRING_PACKAGE}_")):
        if missing := _missing_in(package.content, mine, mine.roles()):
            raise Refused(
                f"{package.name} lacks the key {missing}, and boxes would lose the repository: build it with the "
                "keys of now, by make repo with REPO_URL"
            )


def _missing_in(package: bytes, mine: Keys, roles: Roles) -> str | None:
    """Return a key that boxes need from now on and that a package with the keys lacks; None if it has all."""
    keyring = packages.keyring_of(package) if package else b""
    held = mine.gpg.held_by(keyring) if keyring else ()
    return min({roles.current, roles.successor} - set(held), default=None)
