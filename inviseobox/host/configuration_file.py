"""Where the configuration comes from: the file, a token file, a systemd credential (systemd.exec(5), CREDENTIALS)."""

from collections.abc import Mapping
from pathlib import Path

from inviseobox import configuration
from inviseobox.configuration import Configuration
from inviseobox.errors import ConfigurationError, NotConfigured

DEFAULT_PATH = "/etc/inviseobox/config.toml"
_UNUSED = "none"


def load(path: str, environment: Mapping[str, str]) -> Configuration:
    """Read the configuration at `path`; `environment` may hold systemd's CREDENTIALS_DIRECTORY.

    Raises NotConfigured or ConfigurationError.
    """
    text = _text(path, f"chown root:inviseobox {path}; chmod 640 {path}")
    return configuration.parse(
        text, path, credential=_credential(environment), read_file=lambda name: Path(name).read_text("utf-8")
    )


def load_without_token(path: str) -> Configuration:
    """Read the configuration for a command that sends nothing: the token may be where only the service sees it.

    Raises NotConfigured or ConfigurationError.
    """
    text = _text(path, "run it as root, with sudo for example")
    return configuration.parse(text, path, credential=_UNUSED, read_file=lambda name: _UNUSED)


def _text(path: str, advice: str) -> str:
    """Read the file; `advice` is for whoever may not. Raises NotConfigured or ConfigurationError."""
    try:
        # Some editors put a byte order mark in front.
        return Path(path).read_text("utf-8-sig")
    except FileNotFoundError:
        raise NotConfigured(path, "", "no such file: create it with the keys token and url") from None
    except PermissionError:
        raise ConfigurationError(path, "", f"cannot be read: Permission denied; {advice}") from None
    except OSError as error:
        raise ConfigurationError(path, "", f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(path, "", "must be a UTF-8 text file") from None


def _credential(environment: Mapping[str, str]) -> str | None:
    directory = environment.get("CREDENTIALS_DIRECTORY")
    if not directory:
        return None
    try:
        return (Path(directory) / "token").read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError("systemd credential", "token", f"cannot be read: {error}") from None
