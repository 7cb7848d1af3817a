"""What each of the maintainer's commands does: it decides, then publishes both suites anew."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bootstrap
import keys
import packages
import published_keys
import publishing
import releases
import renewal
import roles
import showing
import suites
from errors import Refused
from keys import Keys
from publishing import Folder
from renewal import Place
from roles import Roles
from state import State


def publish(place: Place, files: list[Path]) -> None:
    """Publish package files of one version."""
    new = packages.read(files)
    digests = {package.name: package.sha256 for package in new}
    place.folder.mkdir(parents=True, exist_ok=True)
    with publishing.opened(place.folder) as folder:
        before = folder.state() or State()
        content = suites.published(before.content, new[0].version, digests)
        with keys.opened(place.keys, before) as mine:
            published_keys.check_new(mine, before.content, new)
            renewal.renew(place, folder, mine, before, content, new)


def promote(place: Place, version: str | None, percent: int | None) -> None:
    """Bring a version of beta to stable."""
    with _opened_with_keys(place) as (folder, before, mine):
        content = suites.promoted(before.content, version, percent)
        published_keys.check_promotable(folder, mine, before, content)
        renewal.renew(place, folder, mine, before, content, [])


def phase(place: Place, percent: int) -> None:
    """Offer the newest version of stable to more boxes."""
    with _opened_with_keys(place) as (folder, before, mine):
        renewal.renew(place, folder, mine, before, suites.phased(before.content, percent), [])


def withdraw(place: Place, version: str) -> str:
    """Offer a version to no box any more; return what the maintainer is to be warned of, or nothing."""
    with _opened_with_keys(place) as (folder, before, mine):
        content = suites.withdrawn(before.content, version)
        renewal.renew(place, folder, mine, before, content, [])
        return published_keys.warning(folder, mine, before, content)


def sign(place: Place) -> None:
    """Give what is published a new date and new signatures."""
    with _opened_with_keys(place) as (folder, before, mine):
        renewal.renew(place, folder, mine, before, before.content, [])


def rotate(place: Place, revoked: str | None) -> tuple[str | None, tuple[str, ...]]:
    """Let the successor become current, beside the old key, or in the place of a key that is revoked.

    `revoked` is the fingerprint of that one, empty for the only one that signs, None if no key is revoked. Return the
    fingerprints of the key that is revoked, and of those that sign.
    """
    with _opened_with_keys(place) as (folder, before, mine):
        now = mine.roles()
        if _is_unfinished(now, folder, before) and _is_rotated(now, mine, revoked):
            after = now
        else:
            after = _rotated(folder, before, mine, revoked)
        return after.old if after.revoked else revoked, _renew_as(place, folder, mine, before, after)


def retire(place: Place) -> None:
    """Let only the current key sign, and name the old one no more."""
    with _opened_with_keys(place) as (folder, before, mine):
        now = mine.roles()
        after = now if now.old is None and _is_unfinished(now, folder, before) else roles.retired(now)
        published_keys.check_retirable(folder, mine, before.content, after)
        _renew_as(place, folder, mine, before, after)


def keyring(place: Place, file: Path) -> None:
    """Write the public keys that boxes are to hold to `file`; make the keys first if there are none."""
    before = Folder(place.folder).state() or State()
    with keys.opened(place.keys, before) as mine:
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


@contextmanager
def _opened_with_keys(place: Place) -> Iterator[tuple[Folder, State, Keys]]:
    """Yield what is published and its keys, where a change could be published right away."""
    with publishing.opened(place.folder) as folder:
        before = _published(folder)
        with keys.opened(place.keys, before) as mine:
            renewal.next_date(place, folder)
            yield folder, before, mine


def _is_rotated(now: Roles, mine: Keys, revoked: str | None) -> bool:
    """Return whether a rotation was written down already."""
    if revoked and revoked != now.old:
        return revoked not in now.keyring and mine.is_revoked(revoked)
    return now.old is not None and (now.revoked or revoked is None)


def _rotated(folder: Folder, before: State, mine: Keys, revoked: str | None) -> Roles:
    """Return the roles after a rotation, for which a key was made or revoked."""
    now = mine.roles()
    if revoked and revoked not in now.keyring and mine.is_revoked(revoked):
        raise Refused(f"the key {revoked} is revoked already and signs no more: next make repo-show")
    stolen = None if revoked is None else roles.stolen(now, revoked)
    if stolen is not None and stolen == now.old:
        after = roles.old_revoked(now)
    elif stolen is not None and now.old is not None and not now.revoked:
        if roles.is_pending(now, before.trusted):
            raise Refused("the last change of keys was stopped before it was published: first make repo-sign")
        if not mine.can_sign(now.old, int(time.time())):
            raise Refused(
                f"the key {now.old} signs no more, and boxes may not know the next one: first make repo-retire"
            )
        after = roles.current_revoked(now, mine.gpg.make())
    else:
        roles.check_rotatable(now)
        published_keys.check_replaceable(folder, mine, before)
        after = roles.rotated(now, mine.gpg.make(), revoked=stolen is not None)
    if stolen is not None:
        mine.gpg.revoke(stolen)
    return after


def _renew_as(place: Place, folder: Folder, mine: Keys, before: State, after: Roles) -> tuple[str, ...]:
    """Publish the same with other keys, and return those that sign.

    They are written down first: whatever command comes next goes on with them.
    """
    roles.check_continuity(after.signers, after.keyring, before.trusted)
    mine.set_roles(after)
    return renewal.renew(place, folder, mine, before, before.content, [])


def _is_unfinished(now: Roles, folder: Folder, before: State) -> bool:
    """Return whether the last change of keys was stopped before all of it was published."""
    return folder.was_stopped or roles.is_pending(now, before.trusted) or not folder.has_all_of(before)


def _published(folder: Folder) -> State:
    found = folder.state()
    if found is None:
        raise Refused(f"nothing is published in {folder.root} yet: begin with make repo")
    return found
