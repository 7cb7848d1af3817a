"""Edge to gpg: keys made, taken over, listed, exported, revoked, and used."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from errors import Failed, Refused
from key_strength import Key, keys
from programs import output

_NAME = "InviseoBox package repository"
_SHOW_ONLY = ("--import-options", "show-only", "--import")


class Gpg:
    """Keys in a home of their own, whose path is short: gpg's agent makes sockets in it, unix(7)."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def make(self) -> str:
        """Make a key and return its fingerprint."""
        before = {key.fingerprint for key in self.all()}
        # It may have the name of another one.
        self._run("--yes", "--quick-generate-key", _NAME, "ed25519", "sign", "never")
        (made,) = [key.fingerprint for key in self.all() if key.fingerprint not in before]
        return made

    def take(self, content: bytes) -> None:
        """Take over the keys of an export."""
        self._run("--import", stdin=content)

    def all(self) -> list[Key]:
        """Return all keys."""
        return keys(self._run("--list-sigs").decode())

    def secret(self) -> list[str]:
        """Return the fingerprints of the keys whose secret parts are here."""
        return [key.fingerprint for key in keys(self._run("--list-secret-keys").decode())]

    def held_by(self, keyring: bytes) -> tuple[str, ...]:
        """Return the fingerprints of the keys of a keyring."""
        return tuple(key.fingerprint for key in keys(self._run(*_SHOW_ONLY, stdin=keyring).decode()))

    def public(self, fingerprints: tuple[str, ...]) -> bytes:
        """Return the public parts of keys in the form that apt reads."""
        # By full fingerprint: a name would take in others that contain it. Not as a keybox, which sqv does not read.
        return self._run("--export-options", "export-minimal", "--export", *fingerprints)

    def clear_signed(self, text: bytes, signers: tuple[str, ...]) -> bytes:
        """Return a text with a signature by each of the signers around it."""
        return self._run(*_by(signers), "--clear-sign", stdin=text)

    def signature(self, text: bytes, signers: tuple[str, ...]) -> bytes:
        """Return the signatures of a text by each of the signers."""
        return self._run(*_by(signers), "--armor", "--detach-sign", stdin=text)

    def revoke(self, fingerprint: str) -> None:
        """Revoke a key, for good."""
        if any(key.revoked for key in self.all() if key.fingerprint == fingerprint):
            return
        # The answers to: revoke it? why (1: it was compromised)? a description? is that right?
        answers = b"y\n1\n\ny\n"
        revocation = self._run("--command-fd", "0", "--gen-revoke", fingerprint, stdin=answers, batch=False)
        self._run("--import", stdin=revocation)

    def end(self) -> None:
        """Let the agent end, which would stay for ever."""
        output(["gpgconf", "--homedir", self._home, "--kill", "gpg-agent"])

    def _run(self, *arguments: str, stdin: bytes = b"", batch: bool = True) -> bytes:
        options = ["--no-options", "--no-tty", "--quiet", "--with-colons", "--trust-model", "always"]
        options += ["--pinentry-mode", "loopback", "--passphrase", "", "--digest-algo", "SHA512"]
        options += ["--batch"] if batch else []
        return output(["gpg", "--homedir", self._home, *options, *arguments], stdin=stdin)


def _by(signers: tuple[str, ...]) -> Iterator[str]:
    for signer in signers:
        yield from ("--local-user", signer)


@contextmanager
def tried(file: Path) -> Iterator[tuple[Gpg, Key]]:
    """Yield a home that goes again, with the one secret key that `file` holds, as gpg exports it; and that key.

    Raises:
        Refused: it holds none, or several.
    """
    with tempfile.TemporaryDirectory(prefix="key-") as home:
        gpg = Gpg(Path(home))
        try:
            try:
                gpg.take(file.read_bytes())
                found, reason = gpg.all(), ""
            except Failed as error:
                found, reason = [], f" ({error})"
            if len(found) != 1 or len(gpg.secret()) != 1:
                raise Refused(
                    f"{file} does not hold one secret key{reason}: make it with gpg --export-secret-keys FINGERPRINT"
                )
            yield gpg, found[0]
        finally:
            gpg.end()
