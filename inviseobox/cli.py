"""The command: arguments and exit codes. What a command does lies in the daemon and in tools/."""

import argparse
import asyncio
import faulthandler
import logging
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import inviseobox
from inviseobox import events
from inviseobox.configuration import Configuration
from inviseobox.errors import BufferFault, ConfigurationError, NotConfigured
from inviseobox.host import configuration_file, owner

if TYPE_CHECKING:
    from inviseobox.daemon import Daemon

NOT_CONFIGURED = 3
"""Not 1, with which Python ends a program that broke down."""
EX_CONFIG = 78
"""sysexits.h: something is wrong in the configuration. The unit does not restart on it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments, or those of the process; give its exit status."""
    options = _parser().parse_args(arguments)
    status: int = options.command(options)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="inviseobox", description="Reads a building's meters and sensors for the Inviseo server."
    )
    parser.add_argument("--version", action="version", version=f"inviseobox {inviseobox.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="be the daemon (systemd starts it: systemctl start inviseobox)")
    run.set_defaults(command=_run)
    configured = commands.add_parser("is-configured", help="succeed if token and url are filled in")
    configured.set_defaults(command=_is_configured)
    rejected = commands.add_parser("rejected", help="list what the server refused for good, or queue it again")
    rejected.add_argument("--requeue", action="store_true", help="send all of it once more")
    rejected.set_defaults(command=_rejected)
    for command in (run, configured, rejected):
        command.add_argument(
            "--config", metavar="FILE", default=configuration_file.DEFAULT_PATH, help="instead of %(default)s"
        )

    demo = commands.add_parser("demo", help="run the daemon against a simulated site on this machine")
    demo.add_argument("--windows", metavar="N", type=_positive, help="end after N windows (3, with --faults 8)")
    demo.add_argument(
        "--interval", metavar="SECONDS", type=_positive, default=5, help="length of a window (%(default)s)"
    )
    demo.add_argument("--faults", action="store_true", help="let meters, lines and the sensor fail and recover")
    demo.set_defaults(command=_demo)
    return parser


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= 86_400):
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to 86400, not {text}")
    return int(text)


def _run(options: argparse.Namespace) -> int:
    from inviseobox.daemon import Daemon
    from inviseobox.host import journal

    redaction = journal.Redaction()
    journal.set_up("info", redaction, to_journal=journal.is_service())
    # The watchdog's SIGABRT then leaves in the journal where every thread was.
    if sys.stderr is not None:
        faulthandler.enable()
    log = journal.logger()
    try:
        configuration = configuration_file.load(options.config, os.environ)
        journal.set_level(configuration.log_level)
        owner.become_owner_beside(configuration.buffer_path)
        _serve(Daemon(options.config, redaction), configuration)
    except ConfigurationError as error:
        log.error("%s", error, extra=events.CONFIGURATION_WRONG(file=error.source))
        return EX_CONFIG
    except BufferFault as error:
        log.error("%s", error, extra=events.DATABASE_UNUSABLE(file=configuration.buffer_path))
        return 1
    return 0


def _serve(daemon: "Daemon", configuration: Configuration) -> None:
    """Run the daemon to its end, and then leave at once: a thread that still waits for a dead name server is let go."""
    loop = asyncio.new_event_loop()
    # One for each name that may be looked up at the same time; by default a small machine has six.
    loop.set_default_executor(ThreadPoolExecutor(max_workers=32, thread_name_prefix="names"))
    loop.run_until_complete(daemon.run(configuration))
    logging.shutdown()
    os._exit(0)


def _is_configured(options: argparse.Namespace) -> int:
    try:
        configuration_file.load(options.config, os.environ)
    except NotConfigured as error:
        print(error, file=sys.stderr)
        return NOT_CONFIGURED
    except ConfigurationError:
        # The daemon says it, and its exit status makes the failure visible.
        return 0
    return 0


def _rejected(options: argparse.Namespace) -> int:
    from inviseobox.tools import rejected

    try:
        configuration = configuration_file.load_without_token(options.config)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return EX_CONFIG
    return rejected.run(configuration.buffer_path, requeue=options.requeue)


def _demo(options: argparse.Namespace) -> int:
    from inviseobox.tools import demo

    windows = options.windows or (8 if options.faults else 3)
    return demo.run(windows=windows, interval=options.interval, faults=options.faults)
