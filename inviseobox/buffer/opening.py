"""Opening the SQLite file: with which settings, in which order its tables are, and whether it is damaged."""

import errno
import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path

from inviseobox.buffer.schema import COLUMNS, bring_up_to_date
from inviseobox.errors import BufferFault

ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite's calls raise; the latter where Python cannot decode a message in which SQLite repeats damaged text."""

_CHECK_TIME = 2.0
"""Seconds that the check of the whole file at the start may take; on a large file it ends without a verdict."""
_CHECK_STEPS = 10_000
_LEAST_ROOM = 65_536
"""Bytes without which a file cannot be opened."""
_DAMAGE = ("malformed", "not a database", "corrupt")


def is_damage(error: Exception) -> bool:
    """Whether an error of `ERRORS` means that the file is damaged."""
    if isinstance(error, UnicodeDecodeError):
        return True
    return isinstance(error, sqlite3.DatabaseError) and any(mark in str(error) for mark in _DAMAGE)


def is_full(error: Exception) -> bool:
    """Whether an error of `ERRORS`, or OSError, means that the disk has no room."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return "full" in str(error)


def open_checked(path: str) -> sqlite3.Connection:
    """Open or create the file, bring its tables up to date and look for damage.

    Raises one of `ERRORS`, BufferFault, BufferUnusable.
    """
    connection = connect(path)
    try:
        bring_up_to_date(connection, path)
        _check(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def connect(path: str) -> sqlite3.Connection:
    """Open or create the file as it is. Raises one of `ERRORS`, BufferFault."""
    try:
        # SQLite would make the file with the permissions of the umask.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise cannot_open(path, error) from None
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
    # A damaged text is found out by its digest; it must be readable for that.
    connection.text_factory = lambda text: text.decode("utf-8", "replace")
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_size_limit = 16777216")
        # Debian's SQLite would write zeros over all that is deleted.
        connection.execute("PRAGMA secure_delete = OFF")
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection) -> None:
    """Raise DatabaseError where the file is damaged, as far as that can be found out in a short time."""
    for table, columns in COLUMNS.items():
        try:
            connection.execute(f"SELECT {', '.join(columns)} FROM {table} LIMIT 1").fetchone()  # noqa: S608
        except sqlite3.OperationalError as error:
            if not str(error).startswith("no such"):
                raise
            # Such damage leaves the file well-formed: a bit of a column's name.
            raise sqlite3.DatabaseError(f"database disk image is malformed: {error}") from None
    give_up = time.monotonic() + _CHECK_TIME
    connection.set_progress_handler(lambda: time.monotonic() > give_up, _CHECK_STEPS)
    try:
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.OperationalError:
        # Interrupted: the file is large, and so far nothing was wrong with it.
        return
    finally:
        connection.set_progress_handler(None, 0)
    if found != "ok":
        raise sqlite3.DatabaseError(f"database disk image is malformed: {found}")


def cannot_open(path: str, error: Exception) -> BufferFault:
    """Say why the file cannot be opened: SQLite calls a full disk an I/O error."""
    why = error.strerror if isinstance(error, OSError) else str(error)
    with suppress(OSError):
        room = os.statvfs(Path(path).parent)
        if room.f_bavail * room.f_frsize < _LEAST_ROOM:
            why = "the disk is full (df -h)"
    return BufferFault(f"{path}: cannot be opened: {why}")
