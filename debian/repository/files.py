"""Files that are whole at every moment, whoever looks and whenever the power goes."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from errors import Refused


def write(path: Path, content: bytes, modified: int | None = None) -> None:
    """Put `content` in the place of what `path` holds, all of it or nothing; `modified` in seconds since 1970."""
    new = path.with_name(f".{path.name}.new")
    store(new, content, modified)
    new.replace(path)
    flush(path.parent)


def store(path: Path, content: bytes, modified: int | None = None) -> None:
    """Write a file that nobody looks at yet, and wait until it is on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), 0o644)
        if modified is not None:
            os.utime(file.fileno(), (modified, modified))
        os.fsync(file.fileno())


def flush(folder: Path) -> None:
    """Wait until the names in `folder` are on the disk."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Keep others out of `folder`, which is there.

    Raises:
        Refused: somebody else is in it.
    """
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Refused(f"another run uses {folder}: wait until it has ended") from None
    else:
        yield
    finally:
        os.close(opened)
