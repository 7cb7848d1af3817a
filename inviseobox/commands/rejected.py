"""`inviseobox rejected`: the deliveries that the server refused for good, and a second try for them."""

import argparse
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inviseobox.buffer import rejected
from inviseobox.clock import utc_text
from inviseobox.commands.exit_status import EX_CONFIG, EX_UNAVAILABLE, NOT_PERMITTED, WRONG
from inviseobox.commands.retold import error_text, retold
from inviseobox.control.client import ask
from inviseobox.control.protocol import Rejected, socket_path
from inviseobox.errors import BufferFault, ConfigurationError, DaemonDown, InviseoBoxError, NotPermitted, RequestRefused
from inviseobox.host import configuration_file
from inviseobox.host.owner import drop_privileges_to_owner
from inviseobox.host.standard_streams import complain, losses
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
    try:
        path = configuration_file.load_without_token(options.config).buffer_path
        found, count = _looked_into(path, queue_again=options.requeue)
    except NotPermitted as error:
        return _not_permitted(error, options) if unasked is None else _nobody_asked(unasked)
    except ConfigurationError as error:
        complain(error_text(error))
        return EX_CONFIG
    except BufferFault as error:
        complain(error_text(error))
        return WRONG
    if unasked is not None:
        complain(_("{reason}; this is what {path} holds").format(reason=error_text(unasked), path=path))
    # Fields that were damaged may hold anything.
    lines = [_line(one.end, one.words, one.fields if one.is_intact else clean_text(one.fields)) for one in found]
    _show(lines, or_nothing=not options.requeue)
    if options.requeue:
        _print(_("queued again: {count}; the daemon sends it with its next delivery").format(count=count))
        if count < len(found):
            _print(_("damaged on the disk and not queued: {count}").format(count=len(found) - count))
    return 0


def _looked_into(path: str, *, queue_again: bool) -> tuple[list[rejected.Rejected], int]:
    """Return what the database holds, and how much of it was queued again. Raises NotPermitted or BufferFault."""
    try:
        Path(path).stat()
        # What SQLite makes beside the file must stay the daemon's.
        drop_privileges_to_owner(path)
    except PermissionError:
        raise NotPermitted(path) from None
    except OSError as error:
        raise BufferFault(
            _("{where}: {problem}").format(where=path, problem=retold(error.strerror or str(error)))
        ) from None
    return rejected.listed(path), rejected.queue_again(path) if queue_again else 0


def _nobody_asked(unasked: InviseoBoxError) -> int:
    """Say why the daemon could not be asked by a user who may not look himself; return the exit status."""
    complain(error_text(unasked))
    if isinstance(unasked, NotPermitted):
        return NOT_PERMITTED
    complain(_("root can look into the database itself: sudo inviseobox rejected"))
    return EX_UNAVAILABLE


def _not_permitted(error: NotPermitted, options: argparse.Namespace) -> int:
    """Say that it takes root, and what to type; return the exit status."""
    words = ["inviseobox", "rejected"]
    words += ["--requeue"] if options.requeue else []
    words += ["--config", options.config] if options.config != configuration_file.DEFAULT_PATH else []
    sentence = _("{what}: only root may read it; run: sudo {command}")
    complain(sentence.format(what=error, command=shlex.join(words)))
    return NOT_PERMITTED


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
        _print(line)
    if not lines and or_nothing:
        _print(_("nothing was rejected"))


def _print(text: str) -> None:
    """Print a line. Raises OutputLost."""
    with losses(sys.stdout):
        print(text)
