"""The file of the buffer: which one it is, and what becomes of one that is damaged, deleted or replaced.

Everything here runs in the buffer's own thread.
"""

import errno
import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from inviseobox import events
from inviseobox.buffer import damage_mark, first_page
from inviseobox.buffer.lock import LOCK, take_lock
from inviseobox.buffer.opening import ERRORS, cannot_open, connect, is_damage, is_full, open_checked
from inviseobox.buffer.reserve import release_reserve, reserve_space
from inviseobox.buffer.salvage import salvage
from inviseobox.buffer.schema import bring_up_to_date
from inviseobox.buffer.set_aside import FILES, KEPT, delete_old, free_name
from inviseobox.errors import BufferFault, BufferUnusable, NoRoomToSave

_log = logging.getLogger(__name__)

_FRESH = ".fresh"
"""Ends the name of a file that is written to take the place of another."""
_SALVAGED = ".salvaged"
"""Ends the name of a file that is complete, until it takes the place of the one that was damaged or deleted."""
_REPLACED = ".replaced"
"""Ends the name of a file that somebody put in the place of the one in use."""


class DatabaseFile:
    """One path, of which this process has the lock. What cannot be used there is set aside; the newest of that stay."""

    def __init__(self, path: str) -> None:
        """Take the lock. Raises BufferUnusable where another daemon has it, BufferFault.

        It is the lock of the real file: another configuration may name it by another path.
        """
        path = os.path.realpath(path)
        self.set_aside: str | None = None
        """The name that a damaged file was given, None where there was no damage."""
        self.generation = 0
        """Counts the times that a fresh file took the place of a damaged one."""
        self._path = path
        self.is_damaged = False
        """Whether damage was found that is not saved yet."""
        self._lock = take_lock(path)

    def close(self) -> None:
        """Let the next daemon have the path."""
        os.close(self._lock)

    def note_damage(self) -> None:
        """Let the next opening replace the file, also where that is one of the next process."""
        self.is_damaged = True
        try:
            damage_mark.put(self._path)
        except OSError:
            # Where that does not help either, this process still knows of it.
            if release_reserve(self._path):
                with suppress(OSError):
                    damage_mark.put(self._path)

    def _forget_damage(self) -> None:
        """Take the file for undamaged again. Raises OSError."""
        damage_mark.remove(self._path)
        self.is_damaged = False

    def has_room(self) -> bool:
        """Whether it is worth a try to save the damaged file."""
        try:
            return damage_mark.has_room(self._path)
        except OSError:
            return True

    def open(self) -> sqlite3.Connection:
        """Open or create the file; one that is damaged is replaced first.

        No connection of this process may be open on it. Raises NoRoomToSave, BufferFault, BufferUnusable where a newer
        program wrote it.
        """
        try:
            if Path(self._path + _SALVAGED).exists():
                self._set_aside("what was saved of it is in its place")
            if first_page.is_lost(self._path) or self._is_to_be_replaced():
                self._replace()
            connection = self._connected()
        except (*ERRORS, OSError) as error:
            # A fresh file is taken as it is: one after the other would fill the disk.
            if is_damage(error) and not self.generation:
                self.note_damage()
            elif not release_reserve(self._path):
                raise cannot_open(self._path, error) from None
            return self.open()
        reserve_space(self._path)
        return connection

    def _is_to_be_replaced(self) -> bool:
        if not Path(self._path).exists():
            self._forget_damage()
        self.is_damaged = self.is_damaged or damage_mark.is_set(self._path)
        return self.is_damaged

    def open_damaged(self) -> sqlite3.Connection:
        """Open the damaged file as it is. Raises one of `ERRORS`, BufferFault, OSError."""
        try:
            connection = connect(self._path)
        except ERRORS:
            if not release_reserve(self._path):
                raise
            connection = connect(self._path)
        try:
            bring_up_to_date(connection, self._path)
            self._identity = _identity(self._path)
        except BaseException:
            connection.close()
            raise
        return connection

    def _connected(self) -> sqlite3.Connection:
        """Open the file once it is known to be undamaged."""
        open_checked(self._path).close()
        return self._connected_as_it_is()

    def _connected_as_it_is(self) -> sqlite3.Connection:
        """Open the file once its first page is remembered."""
        # On a full disk the next start tries again: the copy is of use only if the file is damaged, too.
        with suppress(OSError):
            first_page.remember(self._path)
        connection = connect(self._path)
        self._identity = _identity(self._path)
        return connection

    def _replace(self) -> None:
        """Set the damaged file aside and put a fresh one with all that could be saved in its place.

        The damaged one stays in its place until all is saved: it can be done again after a power cut or a full disk.
        Raises BufferFault, NoRoomToSave.
        """
        no_room = NoRoomToSave(f"{self._path}: no fresh file in place of the damaged one: the disk is too full (df -h)")
        if not self.has_room():
            raise no_room
        _log.info("saving what can be read of %s, which may take minutes", self._path)
        try:
            saved = self._saved()
            Path(self._path + _FRESH).rename(self._path + _SALVAGED)
            self._set_aside(f"saved of it: {saved['reading']} readings, {saved['outbox']} deliveries")
        except (*ERRORS, OSError) as error:
            if is_full(error):
                with suppress(OSError):
                    damage_mark.note_room(self._path)
                raise no_room from None
            raise BufferFault(f"{self._path}: no fresh file in place of the damaged one: {error}") from None

    def _saved(self) -> dict[str, int]:
        """Write what can be saved into a file that does not count yet; return the rows by table.

        Raises one of `ERRORS`, OSError.
        """
        try:
            with _written(self._path + _FRESH) as connection:
                return salvage(self._path, connection)
        except (*ERRORS, OSError) as error:
            # What could be read of those is in the file already.
            if not is_full(error) or not self._delete_old(0):
                raise
        return self._saved()

    def _delete_old(self, kept: int) -> bool:
        """Delete the files that were set aside but `kept` of them; return whether there were any to delete."""
        try:
            deleted = delete_old(self._path, kept, self.set_aside)
        except OSError as error:
            _log.info("a file that was set aside cannot be deleted: %s", error)
            return False
        if deleted:
            _log.info("deleted, for it was set aside earlier: %s", ", ".join(deleted))
        return bool(deleted)

    def _set_aside(self, saved: str) -> None:
        """Rename the damaged file, let the one that holds what was saved take its name, and say so. Raises OSError."""
        self.set_aside = free_name(self._path, time.time())
        found = [suffix for suffix in FILES if Path(self._path + suffix).exists()]
        for suffix in found:
            Path(self._path + suffix).rename(self.set_aside + suffix)
        # Before the fresh file is in its place, where the mark would mean that one.
        self._forget_damage()
        Path(self._path + _SALVAGED).rename(self._path)
        self.generation += 1
        what = f"damaged and is set aside as {self.set_aside}" if found else "gone"
        _log.error("the buffer was %s; %s", what, saved, extra=events.DATABASE_SET_ASIDE(file=self.set_aside))
        self._delete_old(KEPT)

    def write_again(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        """Write a file again that somebody deleted or replaced, from `connection`, which is still open on it.

        Until all is written, the open one stays what it is. The one in its place, the last of them if there were
        several, is kept under another name. Raises BufferFault.
        """
        fresh = self._path + _FRESH
        try:
            if not self._has_lock():
                lock = take_lock(self._path)
                os.close(self._lock)
                self._lock = lock
            with _written(fresh) as copy:
                connection.backup(copy)
            # A power cut from here on is made good at the next start.
            Path(fresh).rename(self._path + _SALVAGED)
            kept = _kept(self._path)
            _remove(self._path)
            Path(self._path + _SALVAGED).rename(self._path)
            fresh_connection = self._connected_as_it_is()
        except (*ERRORS, OSError, BufferUnusable) as error:
            raise BufferFault(f"{self._path} was deleted and cannot be written again: {error}") from None
        connection.close()
        fields = events.DATABASE_DELETED(file=self._path)
        _log.error("%s was deleted while it was in use; it is written again%s", self._path, kept, extra=fields)
        return fresh_connection

    def is_in_place(self) -> bool:
        """Whether the file that was opened is the one at the path. Raises BufferFault."""
        try:
            return _identity(self._path) == self._identity
        except FileNotFoundError:
            return False
        except OSError as error:
            raise cannot_open(self._path, error) from None

    def _has_lock(self) -> bool:
        """Whether the file that is locked is the one that another daemon would try to lock."""
        try:
            return os.path.samestat(os.fstat(self._lock), Path(self._path + LOCK).stat())
        except FileNotFoundError:
            return False


def _identity(path: str) -> tuple[int, int]:
    found = Path(path).stat()
    return found.st_dev, found.st_ino


def _kept(path: str) -> str:
    """Rename a file that is in the way; return the words for that, where there is one."""
    try:
        Path(path).rename(path + _REPLACED)
    except FileNotFoundError:
        return ""
    return f"; what was in its place is kept as {path}{_REPLACED}"


@contextmanager
def _written(path: str) -> Iterator[sqlite3.Connection]:
    """Open a file that does not count yet; when it is closed all of it is on the disk, else nothing is left of it.

    It takes no more room than what it holds. Raises one of `ERRORS`, OSError.
    """
    try:
        _remove(path)
        with closing(open_checked(path)) as connection:
            # All would go into the write-ahead log first, then once more into the file when that is closed.
            connection.execute("PRAGMA journal_mode = MEMORY")
            yield connection
        # SQLite closes without an error where the disk has no room for what is in the log, and keeps it.
        if Path(path + "-wal").exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except BaseException:
        with suppress(OSError):
            _remove(path)
        raise


def _remove(path: str) -> None:
    for suffix in FILES:
        Path(path + suffix).unlink(missing_ok=True)
