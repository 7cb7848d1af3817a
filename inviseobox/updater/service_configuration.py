"""What the updater takes from the service's configuration, /etc/inviseobox/config.toml: the way to its server."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from .errors import ServiceNotConfigured

CREDENTIAL = "/run/credentials/inviseobox.service/token"
"""Where systemd keeps the credential "token" of the running service (systemd.exec(5), CREDENTIALS)."""
_MOST = 1_000_000
_FORMS = ("documented", "deployed")


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """The base of the API without a slash at its end, the forms of the API to ask, and the authorities to trust."""

    url: str
    token: str = field(repr=False)
    forms: tuple[str, ...] = _FORMS
    ca_file: str | None = None


def read(path: str, credential: str = CREDENTIAL) -> ServerAddress:
    """Read where the server is. Raises ServiceNotConfigured, whose text holds no token."""
    try:
        content = tomllib.loads(_text(path))
    except OSError as error:
        raise ServiceNotConfigured(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise ServiceNotConfigured(f"{path}: not valid TOML") from None
    url, form, ca_file = content.get("url"), content.get("api"), content.get("ca_file")
    if not isinstance(url, str) or not _is_address(url):
        raise ServiceNotConfigured(f"{path}: there is no url in it")
    return ServerAddress(
        url.rstrip("/"),
        _token(content, path, credential),
        (form,) if form in _FORMS else _FORMS,
        ca_file if isinstance(ca_file, str) and ca_file else None,
    )


def _token(content: dict[str, object], path: str, credential: str) -> str:
    token, file = content.get("token"), content.get("token_file")
    try:
        if isinstance(file, str) and file:
            token = _text(file)
        elif not token:
            token = _text(credential)
    except (OSError, ValueError):
        token = None
    if not isinstance(token, str) or not token.strip():
        raise ServiceNotConfigured(f"{path}: there is no token that can be read")
    return token.strip()


def _text(path: str) -> str:
    with Path(path).open("rb") as file:
        return file.read(_MOST).decode("utf-8-sig")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and url.isprintable()
    except ValueError:
        return False
