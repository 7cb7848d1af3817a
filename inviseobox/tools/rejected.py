"""`inviseobox rejected`: the deliveries that the server refused for good, and a second try for them."""

import sys
from pathlib import Path

from inviseobox.buffer import rejected
from inviseobox.clock import utc_text
from inviseobox.errors import BufferFault
from inviseobox.foreign import clean_text
from inviseobox.host.owner import become_owner_beside


def run(path: str, *, requeue: bool) -> int:
    """List what was rejected in the database at `path`, and queue it again if asked to; give the exit status."""
    try:
        Path(path).stat()
        # What SQLite makes beside the file must stay the daemon's.
        become_owner_beside(path)
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
