"""Where log lines go: journald with its fields, or standard error where there is no journal.

The only file that imports systemd-python.
"""

import logging
import os
import sys
from pathlib import Path

from systemd.journal import JournalHandler

_JOURNAL_SOCKET = "/run/systemd/journal/socket"


class Redaction(logging.Filter):
    """Keeps secrets out of every line: journald would store the raw arguments and exceptions beside the message."""

    def __init__(self) -> None:
        """Begin without a secret."""
        super().__init__()
        self._secrets: list[str] = []

    def learn(self, secret: str) -> None:
        """Keep this out as well, from now on: a token that was replaced is a secret still."""
        if secret not in self._secrets:
            self._secrets.append(secret)

    def filter(self, record: logging.LogRecord) -> bool:
        """Turn message, arguments and traceback into one text without the secret; take it out of the fields, too."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            # A library logged with arguments that do not fit; its caller must not fail for that.
            message = f"{record.msg} {record.args}"
        if record.exc_info:
            message += "\n" + logging.Formatter().formatException(record.exc_info)
        for secret in self._secrets:
            message = message.replace(secret, "<token>")
            for name, value in vars(record).items():
                if name.isupper() and isinstance(value, str):
                    setattr(record, name, value.replace(secret, "<token>"))
        record.msg = message
        record.args = record.exc_info = record.exc_text = None
        return True


def set_up(level: str, redaction: Redaction, *, to_journal: bool) -> None:
    """Send the log lines of the program, and warnings of its libraries, to the journal or to standard error."""
    handler: logging.Handler
    if to_journal:
        handler = JournalHandler(SYSLOG_IDENTIFIER="inviseobox")
        handler.setFormatter(logging.Formatter("%(message)s"))
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    handler.addFilter(redaction)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    set_level(level)


def set_level(level: str) -> None:
    """Log lines of this level and above: debug, info, warning or error."""
    logger().setLevel(level.upper())


def logger() -> logging.Logger:
    """Return the program's logger, above those of its modules."""
    return logging.getLogger("inviseobox")


def is_service() -> bool:
    """Whether standard error goes to the journal of a service manager, which then takes the lines directly too.

    Without journald's socket, messages to it would vanish silently.
    """
    return "JOURNAL_STREAM" in os.environ and Path(_JOURNAL_SOCKET).exists()
