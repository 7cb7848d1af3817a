"""The command inviseobox-updater: its arguments and exit statuses."""

import argparse
import contextlib
import errno
import fcntl
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from . import history, showing
from .box import Box
from .dpkg import Dpkg
from .errors import NotNow, SettingsError, UpdaterError
from .going_back import write_pins
from .places import UPDATER, Places
from .programs import Programs
from .run import run
from .stopping import Stop

TAKEN_BACK = WRONG = 1
NOT_PERMITTED = 4
NOT_NOW = 75
"""sysexits.h: EX_TEMPFAIL."""
EX_CONFIG = 78
"""sysexits.h: something is wrong in the configuration."""


def main(arguments: Sequence[str] | None = None, places: Places | None = None, programs: Programs | None = None) -> int:
    """Run the command; return its exit status. `places` and `programs` are those of this machine, but in tests."""
    options = _parser().parse_args(arguments)
    if os.geteuid() != 0 and places is None:
        return _complain("only root may do this", NOT_PERMITTED)
    places, programs = places or Places(), programs or Programs(Stop())
    try:
        return _COMMANDS[options.command](options, places, programs)
    except SettingsError as error:
        return _complain(str(error), EX_CONFIG)
    except NotNow as error:
        return _complain(str(error), NOT_NOW)
    except OSError as error:
        return _complain(str(error), NOT_NOW if error.errno == errno.ENOSPC else WRONG)
    except UpdaterError as error:
        return _complain(str(error), WRONG)


def _run(options: argparse.Namespace, places: Places, programs: Programs) -> int:
    with _locked(places):
        programs.stop.listen()
        try:
            return TAKEN_BACK if run(Box(places, programs), now=options.now) else 0
        finally:
            programs.stop.end()


def _status(options: argparse.Namespace, places: Places, programs: Programs) -> int:
    box = Box(places, programs)
    told = showing.overview(box.state, box.version, box.systemd.service().is_up)
    print(showing.as_json(told) if options.json else "\n".join(showing.status_lines(told)))
    return WRONG if showing.is_wrong(told) else 0


def _history(options: argparse.Namespace, places: Places, programs: Programs) -> int:
    for entry in history.read(places.history):
        print(showing.as_json(entry) if options.json else showing.history_line(entry))
    return 0


def _retry(options: argparse.Namespace, places: Places, programs: Programs) -> int:
    with _locked(places):
        box = Box(places, programs)
        known = {**box.state.bad, **box.state.bad_updater}
        if options.version and options.version not in known:
            return _complain(f"{options.version} was not taken back; known are: {', '.join(known) or 'none'}", WRONG)
        gone = {options.version} if options.version else set(known)
        bad = {one: why for one, why in box.state.bad.items() if one not in gone}
        updater = {one: why for one, why in box.state.bad_updater.items() if one not in gone}
        trouble = box.state.trouble
        box.remember(bad=bad, bad_updater=updater, trouble=None if trouble and trouble.version in gone else trouble)
        write_pins(box)
        showing.publish(box)
    print(f"may be taken again, from the next run on: {', '.join(sorted(gone)) or 'nothing was kept away'}")
    return 0


def _self_test(options: argparse.Namespace, places: Places, programs: Programs) -> int:
    """See that this version works: everything is imported by now, and its edges answer."""
    box = Box(places, programs)
    box.dpkg.installed("dpkg")
    box.systemd.service()
    return 0


_COMMANDS = {"run": _run, "status": _status, "history": _history, "retry": _retry, "self-test": _self_test}


@contextlib.contextmanager
def _locked(places: Places) -> Iterator[None]:
    """Keep every other run, and the repair at boot, away. Raises NotNow."""
    places.state_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with places.lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotNow("another run of inviseobox-updater is at work") from None
        yield


def _complain(message: str, status: int) -> int:
    print(f"inviseobox-updater: {message}", file=sys.stderr)
    return status


class _Version(argparse.Action):
    """Ask dpkg for the version only where it is wanted."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        found = Dpkg(Programs(), Places().dpkg).installed(UPDATER).get(UPDATER)
        parser.exit(message=f"{UPDATER} {found.version if found else '(from a checkout)'}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=UPDATER, description="Keeps inviseobox up to date, and takes a version back that does not do what it must."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="say which version this is")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    command = commands.add_parser("run", help="do what is due: look for versions, take one, watch it")
    command.add_argument("--now", action="store_true", help="look for versions, however recent the last look was")
    for name, text in (
        ("status", "say which version is installed and what is wrong"),
        ("history", "say what happened"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--json", action="store_true", help="for programs")
    command = commands.add_parser("retry", help="let a version be taken again that was taken back")
    command.add_argument("version", nargs="?", metavar="VERSION", help="all of them without it")
    commands.add_parser("self-test", help="see that the updater itself works; says nothing if it does")
    return parser
