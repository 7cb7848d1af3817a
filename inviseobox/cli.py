"""The command: its arguments. What a command does stands in the module of its name in commands/."""

import argparse
import os
import sys
import threading
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NoReturn

import inviseobox
from inviseobox.commands.exit_status import MISUSE, WRONG
from inviseobox.errors import OutputLost
from inviseobox.host import standard_streams
from inviseobox.translation import _, translate_argparse


def program() -> NoReturn:
    """Run the command as a process of its own, and end that."""
    status = main()
    if threading.active_count() > 1:
        # Calls that hang, for which nobody waits. Python, while it takes itself apart, may crash in them.
        standard_streams.flush()
        os._exit(status)
    sys.exit(status)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments, or those of the process; return its exit status."""
    standard_streams.complete()
    try:
        status = _run(arguments)
        standard_streams.finish()
    except OutputLost as error:
        if str(error):
            standard_streams.complain(str(error))
        return WRONG if str(error) else 0
    except KeyboardInterrupt:
        standard_streams.complain(_("stopped"))
        return WRONG
    return status


def _run(arguments: Sequence[str] | None) -> int:
    translate_argparse()
    try:
        with standard_streams.losses(sys.stdout):
            options = _parser().parse_args(arguments)
    except SystemExit as end:
        # After --help, --version or a misuse.
        return int(end.code or 0)
    # Only the one that is asked for: `is-configured` runs before each start and must be quick.
    body: Callable[[argparse.Namespace], int] = import_module(f"inviseobox.commands.{options.command}").run
    return body(options)


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with the arguments, and where the right ones stand."""

    def parse_args(self, *arguments: Any, **more: Any) -> Any:
        """Parse them, and let the command that was meant say which of them it does not know."""
        options, unknown = self.parse_known_args(*arguments, **more)
        if unknown:
            self.prog = f"{self.prog} {options.command.replace('_', '-')}"
            self.error(_("unrecognized arguments: %s") % " ".join(unknown))
        return options

    def error(self, message: str) -> NoReturn:
        # It may name what was typed, whatever that was.
        problem = "".join(mark if mark.isprintable() else "\N{REPLACEMENT CHARACTER}" for mark in message)
        line = _("{command}: {problem}; see: {command} --help").format(command=self.prog, problem=problem)
        standard_streams.complain(line)
        raise SystemExit(MISUSE)


class _InSight(argparse.Action):
    """Refuses a token among the arguments, which every process on the machine can read (proc_pid_cmdline(5))."""

    def __call__(self, parser: argparse.ArgumentParser, *_arguments: object) -> NoReturn:
        parser.error(_("everybody on this machine could read the token; use --token-file or --token-stdin"))


def _parser() -> argparse.ArgumentParser:
    # What main() catches may come while this is loaded, too.
    from inviseobox.host.configuration_file import DEFAULT_PATH

    parser = _Parser(prog="inviseobox", description=_("Reads a building's meters and sensors for the Inviseo server."))
    parser.add_argument(
        "--version",
        action="version",
        version=f"inviseobox {inviseobox.__version__}",
        help=_("show program's version number and exit"),
    )
    commands = parser.add_subparsers(required=True, metavar=_("COMMAND"))

    run = commands.add_parser("run", help=_("be the daemon (systemd starts it: systemctl start inviseobox)"))
    run.set_defaults(command="run")
    configured = commands.add_parser("is-configured", help=_("succeed if token and url are filled in"))
    configured.set_defaults(command="is_configured")
    rejected = commands.add_parser("rejected", help=_("list what the server refused for good, or queue it again"))
    rejected.add_argument("--requeue", action="store_true", help=_("send all of it once more"))
    rejected.set_defaults(command="rejected")
    _add_views(commands)
    configure, importing = _add_setters(commands)
    check = commands.add_parser("check", help=_("check the box, and say what to do where something is wrong"))
    check.add_argument("--json", action="store_true", help=_("tell it to a program"))
    check.set_defaults(command="check")
    for command in (run, configured, rejected, configure, importing, check):
        command.add_argument(
            "--config", metavar=_("FILE"), type=_filled, default=DEFAULT_PATH, help=_("instead of %(default)s")
        )

    demo = commands.add_parser("demo", help=_("run the daemon against a simulated site on this machine"))
    demo.add_argument("--windows", metavar="N", type=_positive, help=_("end after N windows (3, with --faults 8)"))
    demo.add_argument(
        "--interval", metavar=_("SECONDS"), type=_positive, default=5, help=_("length of a window (%(default)s)")
    )
    demo.add_argument("--faults", action="store_true", help=_("let meters, lines and the sensor fail and recover"))
    demo.set_defaults(command="demo")
    return parser


def _add_setters(commands: "argparse._SubParsersAction[_Parser]") -> tuple[_Parser, _Parser]:
    """Add and return the commands that set the box up."""
    configure = commands.add_parser("configure", help=_("ask for url and token, try them, and set the box up"))
    configure.add_argument(
        "--url", metavar=_("ADDRESS"), type=_filled, help=_("the server: the base address of its API")
    )
    tokens = configure.add_mutually_exclusive_group()
    tokens.add_argument("--token-file", metavar=_("FILE"), type=_filled, help=_("take the token from this file"))
    tokens.add_argument("--token-stdin", action="store_true", help=_("take the token from standard input"))
    configure.add_argument("--token", nargs="?", action=_InSight, help=argparse.SUPPRESS)
    configure.add_argument("--interval", metavar=_("SECONDS"), type=_positive, help=_("length of a window"))
    configure.set_defaults(command="configure")
    importing = commands.add_parser("import-compose", help=_("set the box up as a docker-compose.yml of old says"))
    importing.add_argument("file", metavar=_("FILE"), type=_filled, help=_("the docker-compose.yml of the old box"))
    importing.set_defaults(command="import_compose")
    for command in (configure, importing):
        command.add_argument("--offline", action="store_true", help=_("write the settings without asking the server"))
    return configure, importing


def _add_views(commands: "argparse._SubParsersAction[_Parser]") -> None:
    """Add the commands that only look."""
    status = commands.add_parser("status", help=_("tell how the box fares: what is wrong, each device, the server"))
    status.add_argument(
        "name", metavar=_("NAME"), nargs="?", default="", help=_("only this: a part of a name, or an _id")
    )
    ways = status.add_mutually_exclusive_group()
    ways.add_argument("--watch", action="store_true", help=_("keep it current until Ctrl-C"))
    ways.add_argument("--json", action="store_true", help=_("for programs: one object"))
    status.set_defaults(command="status")
    history = commands.add_parser("history", help=_("show what was delivered of a measurement, window by window"))
    history.add_argument(
        "measurement", metavar=_("MEASUREMENT"), type=_filled, help=_("a name, a part of one, or an _id")
    )
    history.add_argument("--since", metavar=_("WHEN"), default="1d", help=_("2d, 12h, 30min or a date (%(default)s)"))
    ways = history.add_mutually_exclusive_group()
    ways.add_argument("--csv", action="store_true", help=_("for spreadsheets: ends in UTC, values digit for digit"))
    ways.add_argument("--plot", action="store_true", help=_("draw the averages"))
    ways.add_argument("--json", action="store_true", help=_("for programs: one object"))
    history.set_defaults(command="history")


def _filled(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError(_("must not be empty"))
    return text


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= 86_400):
        raise argparse.ArgumentTypeError(_("must be a whole number from 1 to 86400, not {value}").format(value=text))
    return int(text)
