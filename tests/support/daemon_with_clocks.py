"""The daemon, as `inviseobox run` has it, with the clocks of a Machine that a test sets."""

import asyncio
import os
import sys
from pathlib import Path

from inviseobox.daemon import Daemon
from inviseobox.host import configuration_file, journal

from .clocks import clocks_of


def main(path: str, folder: str) -> None:
    """Run with the configuration at `path` on the machine that lives in `folder`."""
    redaction = journal.Redaction()
    journal.set_up("info", redaction, to_journal=False)
    configuration = configuration_file.load(path, os.environ)
    journal.set_level(configuration.log_level)
    asyncio.run(Daemon(path, redaction, clocks_of(Path(folder))).run(configuration))


if __name__ == "__main__":
    main(*sys.argv[1:])
