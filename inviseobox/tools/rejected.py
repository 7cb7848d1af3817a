"""`inviseobox rejected`: the deliveries that the server refused for good, and a second try for them."""

import os
import sys
from pathlib import Path

from inviseobox.buffer import rejected
from inviseobox.clock import utc_text
from inviseobox.errors import BufferFault
from inviseobox.foreign import clean_text


def run(path: str, *, requeue: bool) -> int:
    """List what was rejected in the database at `path`, and queue it again if asked to; give the exit status."""
    try:
        _become_owner(path)
        found = rejected.listed(path)
        count = rejected.queue_again(path) if requeue else 0
    except BufferFault as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{path}: {error.strerror}", file=sys.stderr)
        return 1
    for one in found:
        # Fields that were damaged may hold anything.
        fields = one.fields if one.is_sound else clean_text(one.fields)
        print(f"{utc_text(one.end)}  {clean_text(one.words)}  {fields}")
    if requeue:
        print(f"queued again: {count}; the daemon sends it with its next delivery")
        if count < len(found):
            print(f"damaged on the disk and not queued: {len(found) - count}")
    elif not found:
        print("nothing was rejected")
    return 0


def _become_owner(path: str) -> None:
    """As root, act as the file's owner: files that SQLite makes beside it must stay the daemon's."""
    owner = Path(path).stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)
