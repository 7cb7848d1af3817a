"""Where the configuration comes from: the file, a token file, a systemd credential (systemd.exec(5), CREDENTIALS)."""

from collections.abc import Mapping
from pathlib import Path

from inviseobox import configuration
from inviseobox.configuration import Configuration
from inviseobox.errors import ConfigurationError, NotConfigured

DEFAULT_PATH = "/etc/inviseobox/config.toml"


def load(path: str, environment: Mapping[str, str]) -> Configuration:
    """Read the configuration at `path`; `environment` may hold systemd's CREDENTIALS_DIRECTORY.

    Raises NotConfigured or ConfigurationError.
    """
    try:
        # Some editors put a byte order mark in front.
        text = Path(path).read_text("utf-8-sig")
    except FileNotFoundError:
        raise NotConfigured(path, "", "no such file: create it with the keys token and url") from None
    except PermissionError:
        advice = f"chown root:inviseobox {path}; chmod 640 {path}"
        raise ConfigurationError(path, "", f"cannot be read: Permission denied; {advice}") from None
    except OSError as error:
        raise ConfigurationError(path, "", f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(path, "", "must be a UTF-8 text file") from None
    return configuration.parse(
        text, path, credential=_credential(environment), read_file=lambda name: Path(name).read_text("utf-8")
    )


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
