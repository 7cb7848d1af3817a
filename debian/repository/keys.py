"""The keys of the repository: a folder outside the source, with a GnuPG home and what each key is for."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import roles
from errors import Refused
from files import exclusive, write
from gpg import Gpg
from key_strength import weakness
from roles import Roles


class Keys:
    """The keys of a folder. Nobody else uses it meanwhile."""

    def __init__(self, folder: Path, gpg: Gpg, given: Path | None) -> None:
        self.gpg = gpg
        self._folder = folder
        self._given = given

    def roles(self) -> Roles:
        """Return what each key is for; where there are no keys yet, the given one and a new one, or two new ones.

        Raises:
            Refused: the given key cannot be used, or is none of those that are there.
        """
        given = self.gpg.take(self._given) if self._given else None
        there = known_roles(self._folder)
        if there is None:
            there = Roles(current=given or self.gpg.make(), successor=self.gpg.make())
            self.set_roles(there)
        elif given is not None and given not in there.keyring:
            raise Refused(
                f"{self._given} holds the key {given}, and {self._folder} holds {' and '.join(there.keyring)}: "
                "to follow those leave REPO_KEY out, to begin with another key move that folder away"
            )
        return there

    def set_roles(self, value: Roles) -> None:
        """Remember what each key is for."""
        # gpg does not wait for the disk, and a key that boxes trust must not get lost.
        os.sync()
        write(self._folder / roles.NAME, roles.written(value).encode())

    def check_strength(self, fingerprints: tuple[str, ...], now: int) -> None:
        """See that boxes accept what these keys sign, `now` and for a year, in seconds since 1970.

        Raises:
            Refused: they would not, or a key is missing.
        """
        found = {key.fingerprint: key for key in self.gpg.all()}
        for fingerprint in fingerprints:
            if fingerprint not in found:
                raise Refused(
                    f"the key {fingerprint} is not in {self._folder}: take it back from a copy of that folder"
                )
            if why := weakness(found[fingerprint], now):
                raise Refused(f"boxes would refuse the key {fingerprint}: {why}; use an ed25519 key that never expires")


@contextmanager
def opened(source: Path | None) -> Iterator[Keys]:
    """Yield the keys of a folder, which is made if it is not there, or of this user; `source` may be a file with a key.

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
            yield Keys(folder, gpg, given)
        finally:
            gpg.end()


def folder_of(source: Path | None) -> Path:
    """Return the folder in which the keys are that `source` stands for."""
    if source is not None and not source.is_file():
        return source
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share"
    return Path(data) / "inviseobox-repository/keys"


def known_roles(folder: Path) -> Roles | None:
    """Return what each key of a folder is for; None if there are none."""
    try:
        return roles.read((folder / roles.NAME).read_bytes())
    except FileNotFoundError:
        return None
