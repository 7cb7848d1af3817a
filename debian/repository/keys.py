"""The keys of the repository: a folder outside the source, with a GnuPG home and what each key is for."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import roles
from errors import Failed, Refused
from files import exclusive, write
from gpg import Gpg, tried
from key_strength import Key, can_sign, weakness
from roles import Roles

_SUFFIXES = (".asc", ".gpg", ".key", ".pgp")


class Keys:
    """The keys of a folder. Nobody else uses it meanwhile."""

    def __init__(self, folder: Path, gpg: Gpg, given: Path | None, trusted: tuple[str, ...]) -> None:
        self.gpg = gpg
        self._folder = folder
        self._given = given
        self._trusted = trusted
        self._known: Roles | None = None

    def roles(self) -> Roles:
        """Return what each key is for; where there are no keys yet, the given one and a new one, or two new ones.

        Raises:
            Refused: the given key cannot be used, or is none of those that are there; or boxes know others.
        """
        if self._known is None:
            there = known_roles(self._folder)
            self._known = self._begun() if there is None else self._with_given(there)
        return self._known

    def _begun(self) -> Roles:
        given = None if self._given is None else _usable(self._given)
        here = () if given is None else (given,)
        roles.check_continuity(here, here, self._trusted)
        if self._given:
            self.gpg.take(self._given.read_bytes())
        first = Roles(current=given or self.gpg.make(), successor=self.gpg.make())
        self.set_roles(first)
        return first

    def _with_given(self, there: Roles) -> Roles:
        if self._given:
            with tried(self._given) as (_, key):
                given = key.fingerprint
            if given not in there.keyring:
                raise Refused(
                    f"{self._given} holds the key {given}, and {self._folder} holds {' and '.join(there.keyring)}: "
                    "to follow those leave REPO_KEY out, to begin with another key move that folder away"
                )
            # It may have been prolonged.
            self.gpg.take(self._given.read_bytes())
        return there

    def set_roles(self, value: Roles) -> None:
        """Remember what each key is for."""
        # gpg does not wait for the disk, and a key that boxes trust must not get lost.
        os.sync()
        write(self._folder / roles.NAME, roles.written(value).encode())
        self._known = value

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
        _check_strength(found[mine.current], now)
        return tuple(one for one in mine.signers if one == mine.current or can_sign(found[one], now))

    def is_revoked(self, fingerprint: str) -> bool:
        """Return whether a key is here and revoked."""
        return any(key.revoked for key in self.gpg.all() if key.fingerprint == fingerprint)

    def can_sign(self, fingerprint: str, now: int) -> bool:
        """Return whether a key is here and signs at `now`, in seconds since 1970."""
        return any(can_sign(key, now) for key in self.gpg.all() if key.fingerprint == fingerprint)


@contextmanager
def opened(source: Path | None, trusted: tuple[str, ...]) -> Iterator[Keys]:
    """Yield the keys of a folder, which is made if it is not there, or of this user; `source` may be a file with a key.

    `trusted` are the keys by which boxes know the repository, none while nothing is published.

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
            yield Keys(folder, gpg, given, trusted)
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
        raise Refused(
            f"boxes would refuse the key {key.fingerprint}: {why}; use an ed25519 key that never expires, "
            "or where this one is in use, make repo-rotate"
        )
