"""`inviseobox rejected`: the deliveries that the server refused for good, and a second try for them."""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inviseobox.buffer import rejected
from inviseobox.clock import utc_text
from inviseobox.commands.exit_status import EX_CONFIG, EX_UNAVAILABLE, NOT_PERMITTED, WRONG
from inviseobox.commands.retold import error_text
from inviseobox.control.client import ask
from inviseobox.control.protocol import Rejected, socket_path
from inviseobox.errors import BufferFault, ConfigurationError, DaemonDown, InviseoBoxError, NotPermitted, RequestRefused
from inviseobox.host import configuration_file
from inviseobox.host.owner import drop_privileges_to_owner
from inviseobox.translation import _
from inviseobox.untrusted import clean_text

_TIME_LIMIT = 10.0
"""Seconds for the daemon's answer."""
_LATEST = 253_402_300_799
"""The last second of the year 9999."""


def run(options: argparse.Namespace) -> int:
    """List what was rejected, and queue it again if asked to; return the exit status.

    The daemon tells it, to whoever may ask; the database, where no daemon does, or where it is changed.
    """
    if options.requeue or options.config != configuration_file.DEFAULT_PATH:
        return _from_the_file(options, None)
    try:
        lines = [_told(line) for line in ask(Rejected(), socket_path(os.environ), _TIME_LIMIT)]
    except (NotPermitted, DaemonDown, RequestRefused) as error:
        return _from_the_file(options, error)
    _show(lines)
    return 0


def _from_the_file(options: argparse.Namespace, unasked: InviseoBoxError | None) -> int:
    """Look into the database; `unasked` says why the daemon could not be asked, where it was tried."""
    if unasked is not None and not os.access(options.config, os.R_OK) and not _is_missing(options.config):
        print(error_text(unasked), file=sys.stderr)
        if isinstance(unasked, NotPermitted):
            return NOT_PERMITTED
        print(_("root can look into the database itself: sudo inviseobox rejected"), file=sys.stderr)
        return EX_UNAVAILABLE
    try:
        path = configuration_file.load_without_token(options.config).buffer_path
    except ConfigurationError as error:
        print(error_text(error), file=sys.stderr)
        return EX_CONFIG
    try:
        Path(path).stat()
        # What SQLite makes beside the file must stay the daemon's.
        drop_privileges_to_owner(path)
        found = rejected.listed(path)
        count = rejected.queue_again(path) if options.requeue else 0
    except BufferFault as error:
        print(error_text(error), file=sys.stderr)
        return WRONG
    except OSError as error:
        print(_("{where}: {problem}").format(where=path, problem=error.strerror), file=sys.stderr)
        return WRONG
    if unasked is not None:
        print(_("{reason}; this is what {path} holds").format(reason=error_text(unasked), path=path), file=sys.stderr)
    # Fields that were damaged may hold anything.
    lines = [_line(one.end, one.words, one.fields if one.is_intact else clean_text(one.fields)) for one in found]
    _show(lines, or_nothing=not options.requeue)
    if options.requeue:
        print(_("queued again: {count}; the daemon sends it with its next delivery").format(count=count))
        if count < len(found):
            print(_("damaged on the disk and not queued: {count}").format(count=len(found) - count))
    return 0


def _is_missing(path: str) -> bool:
    # Not exists(), which takes what may not be looked at for missing from Python 3.14 on.
    try:
        Path(path).stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _told(line: Mapping[str, Any]) -> str:
    """Return the text of what the daemon told, who is not trusted with a terminal. Raises DaemonDown."""
    match line:
        case {"end": int(end), "words": str(words), "fields": str(fields)} if 0 <= end <= _LATEST:
            return _line(end, words, fields if fields.isprintable() else clean_text(fields))
    raise DaemonDown(
        _("the daemon's answer is not understood; is it of another version? (systemctl restart inviseobox)")
    )


def _line(end: int, words: str, fields: str) -> str:
    return f"{utc_text(end)}  {clean_text(words)}  {fields}"


def _show(lines: list[str], *, or_nothing: bool = True) -> None:
    for line in lines:
        print(line)
    if not lines and or_nothing:
        print(_("nothing was rejected"))
