"""`inviseobox run`: the daemon, from its configuration to its exit status."""

import argparse
import faulthandler
import logging
import os
import sys
from concurrent.futures import ThreadPoolExecutor

from inviseobox import events
from inviseobox.commands.exit_status import EX_CONFIG
from inviseobox.configuration import Configuration
from inviseobox.daemon import Daemon
from inviseobox.errors import BufferFault, ConfigurationError, LoopFailed
from inviseobox.host import configuration_file, journal, owner
from inviseobox.host.event_loop import new_loop


def run(options: argparse.Namespace) -> int:
    """Be the daemon until a signal ends it; return the exit status."""
    redaction = journal.Redaction()
    journal.set_up("info", redaction, to_journal=journal.is_service())
    # The watchdog's SIGABRT then leaves in the journal where every thread was.
    if sys.stderr is not None:
        faulthandler.enable()
    log = journal.logger()
    try:
        configuration = configuration_file.load(options.config, os.environ)
        journal.set_level(configuration.log_level)
        owner.drop_privileges_to_owner(configuration.buffer_path)
        _serve(Daemon(options.config, redaction), configuration)
    except ConfigurationError as error:
        log.error("%s", error, extra=events.CONFIGURATION_WRONG(file=error.source))
        return EX_CONFIG
    except LoopFailed:
        # The supervisor has said which one, and why.
        return 1
    except BufferFault as error:
        log.error("%s", error, extra=events.DATABASE_UNUSABLE(file=configuration.buffer_path))
        return 1
    return 0


def _serve(daemon: Daemon, configuration: Configuration) -> None:
    """Run the daemon to its end, and then leave at once: a thread that still waits for a dead name server is let go."""
    loop = new_loop()
    # Only asyncio.to_thread uses it, for device lists: names have threads of their own, and the unit bounds them all.
    loop.set_default_executor(ThreadPoolExecutor(max_workers=4, thread_name_prefix="work"))
    try:
        loop.run_until_complete(daemon.run(configuration))
    except BaseException:
        loop.close()
        raise
    logging.shutdown()
    os._exit(0)
