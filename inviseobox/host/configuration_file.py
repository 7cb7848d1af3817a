"""Where the configuration comes from: the file, a token file, a systemd credential (systemd.exec(5), CREDENTIALS)."""

import errno
import fcntl
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from inviseobox import configuration
from inviseobox.configuration import Configuration
from inviseobox.errors import ConfigurationError, NotConfigured, NotPermitted

DEFAULT_PATH = "/etc/inviseobox/config.toml"
SHIPPED_PATH = "/usr/share/inviseobox/config.toml"
MODE = 0o640
"""Of a file that is made: the service reads it by its group."""
MAX_SIZE = 1_048_576
"""Bytes; the one that is shipped takes three thousand."""
_UNUSED = "none"


def load(path: str, environment: Mapping[str, str]) -> Configuration:
    """Read the configuration at `path`; `environment` may hold systemd's CREDENTIALS_DIRECTORY.

    Raises NotConfigured or ConfigurationError.
    """
    advice = f"chown root:inviseobox {path}; chmod 640 {path}"
    try:
        text = _text(path)
    except NotPermitted:
        raise ConfigurationError(path, "", f"cannot be read: Permission denied; {advice}") from None
    return parsed(text, path, _credential(environment))


def parsed(text: str, path: str, credential: str | None = None) -> Configuration:
    """Read a text that is, or is to be, in the file at `path`. Raises NotConfigured or ConfigurationError."""
    return configuration.parse(text, path, credential=credential, read_file=_token_file)


def _token_file(path: str) -> str:
    """Return the text of the file. Raises OSError or ValueError."""
    with Path(path).open("rb") as file:
        return file.read(MAX_SIZE).decode()


def load_without_token(path: str) -> Configuration:
    """Read the configuration for a command that sends nothing: the token may be where only the service sees it.

    Raises NotPermitted, which names `path`, NotConfigured or ConfigurationError.
    """
    return configuration.parse(_text(path), path, credential=_UNUSED, read_file=lambda name: _UNUSED)


def text_to_change(path: str) -> str:
    """Return the text of the file for a command that changes it; of the one that was shipped where there is none.

    Raises NotPermitted, which names `path`, or ConfigurationError.
    """
    try:
        # Not in text mode, which would make other ends of lines.
        return _content(path)
    except FileNotFoundError:
        return _shipped()


def _shipped() -> str:
    try:
        return Path(SHIPPED_PATH).read_text("utf-8")
    except OSError:
        return ""


def check_replaceable(path: str) -> None:
    """Make sure that `replace` may do its work. Raises NotPermitted, which names `path`, or ConfigurationError."""
    # A new file is made beside it and takes its name, so it is the directory that counts.
    directory = Path(path).resolve().parent
    try:
        if Path(path).exists() and not Path(path).is_file():
            # A device, whose place another file must not take.
            raise ConfigurationError(path, "", "is not a plain file")
        is_read_only = bool(os.statvfs(directory).f_flag & os.ST_RDONLY)
    except PermissionError:
        raise NotPermitted(path) from None
    except OSError as error:
        raise ConfigurationError(path, "", f"cannot be written: {directory}: {error.strerror}") from None
    if is_read_only:
        raise ConfigurationError(path, "", "cannot be written: its file system is read-only")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise _refused(path, PermissionError(errno.EPERM, os.strerror(errno.EPERM)))


def replace(path: str, text: str) -> None:
    """Replace the file as a whole: whenever this is cut off, the old text or the new one is there, on the disk, too.

    Owner, group and mode stay, but for the rights of others, for it holds the token. Raises NotPermitted, which names
    `path`, or ConfigurationError.
    """
    try:
        _replace(Path(path).resolve(), text)
    except OSError as error:
        raise _refused(path, error) from None


def _refused(path: str, error: OSError) -> NotPermitted | ConfigurationError:
    """Return what to raise where the file cannot be replaced: root is refused for another reason than the user."""
    if isinstance(error, PermissionError) and os.geteuid() != 0:
        return NotPermitted(path)
    return ConfigurationError(path, "", f"cannot be written: {error.strerror}; nothing was changed")


def _replace(path: Path, text: str) -> None:
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Whoever else replaces it meanwhile uses the same name beside it.
        fcntl.flock(directory, fcntl.LOCK_EX)
        beside = path.with_name(f".{path.name}.new")
        beside.unlink(missing_ok=True)
        try:
            _write(beside, text, *_rights(path))
            beside.replace(path)
        finally:
            # It holds the token; whatever stops this, Ctrl-C too, leaves none behind.
            beside.unlink(missing_ok=True)
        os.fsync(directory)
    finally:
        os.close(directory)


def _rights(path: Path) -> tuple[int, int, int]:
    """Return owner, group and mode that the file is to have."""
    place = path.parent.stat()
    try:
        was = path.stat()
    except FileNotFoundError:
        return place.st_uid, place.st_gid, MODE
    mode = stat.S_IMODE(was.st_mode)
    if mode & stat.S_IRWXO:
        # The service may have read it as one of the others only.
        return was.st_uid, place.st_gid, mode & ~stat.S_IRWXO | MODE
    return was.st_uid, was.st_gid, mode


def _write(path: Path, text: str, owner: int, group: int, mode: int) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(file, "wb") as stream:
        stream.write(text.encode())
        stream.flush()
        os.fchown(file, owner, group)
        os.fchmod(file, mode)
        os.fsync(file)


def _text(path: str) -> str:
    """Read the file. Raises NotPermitted, which names `path`, NotConfigured or ConfigurationError."""
    try:
        text = _content(path)
    except FileNotFoundError:
        raise NotConfigured(path, "", "no such file: create it with the keys token and url") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _content(path: str) -> str:
    """Read the file as it is. Raises FileNotFoundError, NotPermitted, which names `path`, or ConfigurationError."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_SIZE + 1)
    except FileNotFoundError:
        raise
    except PermissionError:
        raise NotPermitted(path) from None
    except OSError as error:
        raise ConfigurationError(path, "", f"cannot be read: {error.strerror}") from None
    if len(content) > MAX_SIZE:
        raise ConfigurationError(path, "", f"is larger than {MAX_SIZE} bytes")
    try:
        # Some editors put a byte order mark in front.
        return content.decode("utf-8-sig")
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
