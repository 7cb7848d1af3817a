"""One publication of both suites, from the checks to the last rename."""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

import bootstrap
import indexes
import releases
import roles
import state
from keys import Keys
from packages import POOL, Package
from publishing import Folder
from state import Generation, State
from suites import SUITES, Content


@dataclass(frozen=True)
class Place:
    """Where a repository is and how it is signed.

    `keys` is a folder of keys or a file with one, None for those of this user; `url` is the address of the folder,
    empty if it stays what it was; a signature is valid for `days`.
    """

    folder: Path
    keys: Path | None
    url: str
    days: int


def renew(
    place: Place, folder: Folder, keys: Keys, before: State, content: Content, new: list[Package]
) -> tuple[str, ...]:
    """Publish `content` with a new date and new signatures, and return the keys that signed.

    `new` are package files that may not be there yet.

    Raises:
        Refused: boxes would refuse or ignore it.
        Failed: a program failed, or a published file is damaged.
    """
    mine = keys.roles()
    date = next_date(place, folder)
    roles.check_continuity(mine.signers, mine.keyring, before.trusted)
    signers = keys.signers(date)
    for package in new:
        folder.stage_file(f"{POOL}/{package.name}", package.content)
    found = [one for root in (folder.root, folder.stage) for one in indexes.stanzas(root, POOL)]
    generations = {}
    for suite in SUITES:
        text, named = indexes.index(found, content, suite)
        by_hash = folder.stage_index(suite, text.encode())
        generations[suite] = state.with_newest(before.generations.get(suite, ()), Generation(by_hash, named))
        release = indexes.release(folder.stage, f"dists/{suite}", releases.fields(suite, date, place.days))
        folder.stage_file(f"dists/{suite}/Release", release, date)
        folder.stage_file(f"dists/{suite}/Release.gpg", keys.gpg.signature(release, signers), date)
        folder.stage_file(f"dists/{suite}/InRelease", keys.gpg.clear_signed(release, signers), date)
    after = State(
        content, dict.fromkeys(SUITES, date), generations, mine.trusted, place.url or before.url, keys.known()
    )
    folder.stage_file(state.NAME, state.written(after).encode())
    if after.url:
        _stage_bootstrap(folder, after.url, keys.gpg.public(mine.keyring))
    folder.put_in_place(after)
    return signers


def _stage_bootstrap(folder: Folder, url: str, keyring: bytes) -> None:
    script = bootstrap.script(url, keyring).encode()
    folder.stage_file(bootstrap.SCRIPT, script)
    folder.stage_file("index.html", bootstrap.page(url, hashlib.sha256(script).hexdigest()).encode())


def next_date(place: Place, folder: Folder) -> int:
    """Return the date of what is published next, in seconds since 1970, once the clock has reached it.

    A web server tells by whole seconds when a file changed, so two publications never share one.

    Raises:
        Refused: boxes would ignore or refuse it.
    """
    releases.check_days(place.days)
    published = {suite: releases.read(text) for suite, text in folder.in_releases().items()}
    for suite, release in published.items():
        releases.check_identity(suite, release)
    before = max((release.date for release in published.values()), default=0)
    while (now := time.time()) // 1 == before:
        time.sleep(before + 1 - now)
    releases.check_date(int(now), published.values())
    return int(now)
