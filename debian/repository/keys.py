"""The keys of the repository: a folder outside the source, with a GnuPG home and what each key is for."""

import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import roles
from errors import Failed, Refused
from files import exclusive, write
from gpg import Gpg, tried
from key_strength import Key, as_known, can_sign, is_within, reach, shortest, weakness
from roles import Roles
from state import State

_SUFFIXES = (".asc", ".gpg", ".key", ".pgp")


class Keys:
    """The keys of a folder. Nobody else uses it meanwhile."""

    def __init__(self, folder: Path, gpg: Gpg, given: Path | None, before: State) -> None:
        self.gpg = gpg
        self._folder = folder
        self._given = given
        self._before = before
        self._roles: Roles | None = None

    def roles(self) -> Roles:
        """Return what each key is for; where there are no keys yet, the given one and a new one, or two new ones.

        Raises:
            Refused: the given key cannot be used, or is none of those that are there; or boxes know others.
        """
        if self._roles is None:
            there = known_roles(self._folder)
            self._roles = self._begun() if there is None else self._with_given(there)
        return self._roles

    def _begun(self) -> Roles:
        given = None if self._given is None else _usable(self._given)
        here = () if given is None else (given,)
        roles.check_continuity(here, here, self._before.trusted)
        if self._given:
            self.gpg.take(self._given.read_bytes())
        first = Roles(current=given or self.gpg.make(), successor=self.gpg.make())
        self.set_roles(first)
        return first

    def _with_given(self, there: Roles) -> Roles:
        if self._given:
            with tried(self._given) as (_, given):
                known = self._known(given.fingerprint)
            if given.fingerprint not in there.keyring:
                others = " and ".join(there.keyring)
                raise Refused(
                    f"{self._given} holds the key {given.fingerprint}, and {self._folder} holds {others}: "
                    "to follow those leave REPO_KEY out, to begin with another key move that folder away"
                )
            # It may have been revoked or shortened. One that was prolonged would only seem to be good for longer.
            if known is None or given.revoked or is_within(given, known):
                self.gpg.take(self._given.read_bytes())
        return there

    def set_roles(self, value: Roles) -> None:
        """Remember what each key is for."""
        # gpg does not wait for the disk, and a key that boxes trust must not get lost.
        os.sync()
        write(self._folder / roles.NAME, roles.written(value).encode())
        self._roles = value

    def signers(self, now: int) -> tuple[str, ...]:
        """Return the keys that sign, `now` in seconds since 1970: the current one, and the old one while it can.

        Raises:
            Refused: boxes would not accept the current one now and for a year, or a key is missing.
        """
        mine = self.roles()
        found = {key.fingerprint: key for key in self.gpg.all()}
        for fingerprint in mine.signers:
            if fingerprint not in found:
                raise Refused(
                    f"the key {fingerprint} is not in {self._folder}: take it back from a copy of that folder"
                )
        self._check_in_use(found[mine.current], now)
        return tuple(one for one in mine.signers if one == mine.current or can_sign(self._as_known(found[one]), now))

    def known(self) -> dict[str, Mapping[str, int | None]]:
        """Return until when all boxes know each key, once the keys of now are published, as `State.known`."""
        before = self._before.known
        here = {key.fingerprint: key for key in self.gpg.all() if key.fingerprint in self.roles().keyring}
        return {one: shortest(before[one], key) if one in before else reach(key) for one, key in here.items()}

    def _known(self, fingerprint: str) -> Mapping[str, int | None] | None:
        """Return until when boxes know a key; None if they do not know it yet."""
        if fingerprint in self._before.known or fingerprint not in self._before.trusted:
            return self._before.known.get(fingerprint)
        return next((reach(key) for key in self.gpg.all() if key.fingerprint == fingerprint), None)

    def _as_known(self, key: Key) -> Key:
        known = self._known(key.fingerprint)
        return key if known is None else as_known(key, known)

    def _check_in_use(self, key: Key, now: int) -> None:
        known = self._known(key.fingerprint)
        if known is None:
            _check_strength(key, now)
        elif key.revoked:
            raise Refused(f"the key {key.fingerprint} is revoked: make repo-rotate")
        elif unknown := min(reach(key).keys() - known.keys(), default=None):
            raise Refused(
                f"the key {key.fingerprint} has a part {unknown} that signs and that boxes do not hold: remove it "
                "with gpg, or make repo-rotate"
            )
        elif why := weakness(as_known(key, known), now):
            raise Refused(
                f"boxes would refuse the key {key.fingerprint}: {why}; prolonging it does not help, for they hold it "
                "as it was: make repo-rotate"
            )

    def is_revoked(self, fingerprint: str) -> bool:
        """Return whether a key is here and revoked."""
        return any(key.revoked for key in self.gpg.all() if key.fingerprint == fingerprint)

    def can_sign(self, fingerprint: str, now: int) -> bool:
        """Return whether a key is here and signs at `now`, in seconds since 1970."""
        return any(can_sign(self._as_known(key), now) for key in self.gpg.all() if key.fingerprint == fingerprint)


@contextmanager
def opened(source: Path | None, before: State) -> Iterator[Keys]:
    """Yield the keys of a folder, which is made if it is not there, or of this user; `source` may be a file with a key.

    `before` is what is published, from which boxes know the keys.

    Raises:
        Refused: another run uses them.
    """
    given = source if source is not None and source.is_file() else None
    folder = folder_of(source)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with exclusive(folder), tempfile.TemporaryDirectory(prefix="keys-") as short:
        home = Path(short) / "home"
        home.symlink_to(folder.resolve())
        gpg = Gpg(home)
        try:
            yield Keys(folder, gpg, given, before)
        finally:
            gpg.end()


def folder_of(source: Path | None) -> Path:
    """Return the folder in which the keys are that `source` stands for.

    Raises:
        Refused: it is called like a file with a key, and is not there.
    """
    if source is not None and not source.is_file():
        if source.suffix in _SUFFIXES and not source.exists():
            raise Refused(f"{source} is not there: REPO_KEY names a file with a secret key, or a folder of keys")
        return source
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share"
    return Path(data) / "inviseobox-repository/keys"


def known_roles(folder: Path) -> Roles | None:
    """Return what each key of a folder is for; None if there are none."""
    try:
        return roles.read((folder / roles.NAME).read_bytes())
    except FileNotFoundError:
        return None


def _usable(file: Path) -> str:
    """Return the fingerprint of the key that `file` holds, which nothing has taken over yet.

    Raises:
        Refused: boxes would not accept it, or it does not sign.
    """
    with tried(file) as (gpg, key):
        _check_strength(key, int(time.time()))
        try:
            gpg.signature(b"", (key.fingerprint,))
        except Failed as error:
            raise Refused(
                f"the key of {file} does not sign without a passphrase ({error}): give one that signs and has none"
            ) from None
        return key.fingerprint


def _check_strength(key: Key, now: int) -> None:
    if why := weakness(key, now):
        raise Refused(f"boxes would refuse the key {key.fingerprint}: {why}; use an ed25519 key that never expires")
