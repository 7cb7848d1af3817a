"""Whose files the daemon and the commands beside it make."""

import os
import pwd
from pathlib import Path


def drop_privileges_to_owner(path: str) -> None:
    """As root, become for good the user to whom the directory of `path` belongs.

    Who types `sudo inviseobox run` must not leave a database that the service cannot open, nor who looks into one.
    """
    if os.geteuid() != 0:
        return
    try:
        place = Path(path).parent.stat()
        user = pwd.getpwuid(place.st_uid)
    except (OSError, KeyError):
        # No directory yet, or nobody's: it stays root's, as everything that root makes there.
        return
    if place.st_uid != 0:
        os.initgroups(user.pw_name, place.st_gid)
        os.setgid(place.st_gid)
        os.setuid(place.st_uid)
