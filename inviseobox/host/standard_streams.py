"""Standard input, output and error of a command: which may be closed, full, or have nobody at their other end."""

import contextlib
import os
import sys
from collections.abc import Iterator
from io import TextIOWrapper
from typing import TextIO

from inviseobox.errors import OutputLost
from inviseobox.translation import _, of_the_system

# Onto output that was closed nothing can be written; whether errors can be told is nobody's concern.
_STREAMS = (("stdin", os.O_RDONLY, "r"), ("stdout", os.O_RDONLY, "w"), ("stderr", os.O_WRONLY, "w"))


def complete() -> None:
    """Open those that were closed, so that no other file takes their place; write what their encoding lacks escaped."""
    for number, (name, flags, mode) in enumerate(_STREAMS):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, flags)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
        stream = getattr(sys, name)
        if mode == "w" and isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def losses(stream: TextIO) -> Iterator[None]:
    """Raise OutputLost where the stream cannot be written; its text is empty where nobody reads on."""
    try:
        yield
    except OSError as error:
        # What is left in the stream cannot go anywhere, at the end of the process neither.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        text = "" if isinstance(error, BrokenPipeError) else _("the output cannot be written: {reason}")
        raise OutputLost(text.format(reason=of_the_system(error.strerror or str(error)))) from None


def finish() -> None:
    """Bring all that was printed to where it goes. Raises OutputLost."""
    with losses(sys.stdout):
        sys.stdout.flush()


def flush() -> None:
    """Bring what is left in output and errors to where it goes, if it can be brought there."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OutputLost), losses(stream):
            stream.flush()


def complain(text: str) -> None:
    """Print a line to standard error, if anybody can be told."""
    with contextlib.suppress(OutputLost), losses(sys.stderr):
        print(text, file=sys.stderr, flush=True)
