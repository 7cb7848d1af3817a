"""Whether the user inviseo still has the password that every box of old was sold with. Edge to libcrypt.

Python's own module crypt is gone from 3.13 on; libcrypt.so.1 is what PAM itself uses to log in (crypt(3)).
"""

import ctypes
import hmac
from pathlib import Path

from inviseobox.commands.checks.codes import Code
from inviseobox.commands.checks.findings import Check, Finding, not_tested, right, wrong

_USER = "inviseo"
_CHANGE = f"sudo passwd {_USER}"


def looked_at(users: Path = Path("/etc/passwd"), passwords: Path = Path("/etc/shadow")) -> Finding:
    """Return whether it is set; `users` and `passwords` are those of passwd(5) and shadow(5)."""
    try:
        if _field(users) is None:
            return right(Check.PASSWORD, Code.NO_USER)
        kept = _field(passwords)
    except OSError:
        return not_tested(Check.PASSWORD, Code.ROOT_ONLY)
    if kept == "":
        return wrong(Check.PASSWORD, Code.NO_PASSWORD, _CHANGE)
    if kept is None or kept[0] in "!*":
        return right(Check.PASSWORD, Code.OTHER_PASSWORD)
    try:
        is_default = _matches(kept)
    except (OSError, AttributeError):
        return not_tested(Check.PASSWORD, Code.NO_CRYPT)
    if is_default:
        return wrong(Check.PASSWORD, Code.DEFAULT_PASSWORD, _CHANGE)
    return right(Check.PASSWORD, Code.OTHER_PASSWORD)


def _field(path: Path) -> str | None:
    """Return the second field of the user's line, None where it has none. Raises OSError."""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        fields = line.split(":")
        if fields[0] == _USER and len(fields) > 1:
            return fields[1]
    return None


def _matches(kept: str) -> bool:
    """Whether this is the hash of the default password, which is the user's name.

    Raises OSError, AttributeError without the library.
    """
    crypt = ctypes.CDLL("libcrypt.so.1").crypt
    crypt.restype = ctypes.c_char_p
    crypt.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
    made = crypt(_USER.encode(), kept.encode())
    return made is not None and hmac.compare_digest(made, kept.encode())
