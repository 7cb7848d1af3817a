"""Certificates of an authority of one's own: valid, expired, for another host."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

_SETTINGS = """
[ca]
default_ca = own
[own]
new_certs_dir = {folder}
database = {folder}/index.txt
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
"""


@dataclass(frozen=True)
class Authority:
    """An authority of one's own: `certificate` is what a box has to know of it."""

    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / "authority.pem"

    def issue(
        self, name: str, *, host: str = "127.0.0.1", since: str = "20010101000000Z", until: str = "20491231235959Z"
    ) -> tuple[Path, Path]:
        """Make a certificate for the host, valid in this time; return it and its key."""
        key, request, issued = (self.folder / f"{name}.{kind}" for kind in ("key", "csr", "pem"))
        subject = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=IP:{host}"]
        _openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, *subject)
        signed_by: list[str | Path] = ["-cert", self.certificate, "-keyfile", self.folder / "authority.key"]
        validity = ["-startdate", since, "-enddate", until]
        settings: list[str | Path] = ["-config", self.folder / "openssl.cnf", "-batch", "-notext"]
        _openssl("ca", *settings, *signed_by, *validity, "-in", request, "-out", issued)
        return issued, key


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=30)


def made(folder: Path) -> Authority:
    """Make an authority in a folder of its own."""
    folder.mkdir()
    (folder / "index.txt").touch()
    (folder / "openssl.cnf").write_text(_SETTINGS.format(folder=folder))
    authority = Authority(folder)
    files: list[str | Path] = ["-keyout", folder / "authority.key", "-out", authority.certificate]
    _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", *files, "-subj", "/CN=Own authority", "-days", "3650")
    return authority
