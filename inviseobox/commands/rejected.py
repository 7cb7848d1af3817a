"""`inviseobox rejected`: the deliveries that the server refused for good, and a second try for them."""

import argparse
import sys
from pathlib import Path

from inviseobox.buffer import rejected
from inviseobox.clock import utc_text
from inviseobox.commands.exit_status import EX_CONFIG
from inviseobox.errors import BufferFault, ConfigurationError
from inviseobox.host import configuration_file
from inviseobox.host.owner import drop_privileges_to_owner
from inviseobox.untrusted import clean_text


def run(options: argparse.Namespace) -> int:
    """List what was rejected, and queue it again if asked to; return the exit status."""
    try:
        path = configuration_file.load_without_token(options.config).buffer_path
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return EX_CONFIG
    try:
        Path(path).stat()
        # What SQLite makes beside the file must stay the daemon's.
        drop_privileges_to_owner(path)
        found = rejected.listed(path)
        count = rejected.queue_again(path) if options.requeue else 0
    except BufferFault as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{path}: {error.strerror}", file=sys.stderr)
        return 1
    _show(found)
    if options.requeue:
        print(f"queued again: {count}; the daemon sends it with its next delivery")
        if count < len(found):
            print(f"damaged on the disk and not queued: {len(found) - count}")
    elif not found:
        print("nothing was rejected")
    return 0


def _show(found: list[rejected.Rejected]) -> None:
    for one in found:
        # Fields that were damaged may hold anything.
        fields = one.fields if one.is_intact else clean_text(one.fields)
        print(f"{utc_text(one.end)}  {clean_text(one.words)}  {fields}")
