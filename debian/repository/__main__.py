"""Publish the InviseoBox packages: a signed repository in a folder, which any web server can serve.

It ends with status 0 when what was asked is done, with 1 when it was refused or failed, which one line tells with what
would be right, and with 2 when the command is not understood.
"""

import argparse
import errno
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import commands
import showing
from errors import Failed, Refused
from keyring_package import checked_url
from renewal import Place


def main(arguments: list[str]) -> int:
    """Do what the arguments say and return the exit status."""
    parsed = _parser().parse_args(arguments)
    # Whoever serves the folder may be another user than the one who publishes.
    os.umask(0o022)
    try:
        url = checked_url(parsed.url) if parsed.url else ""
        place = Place(parsed.folder, parsed.keys, url, parsed.days)
        _COMMANDS[parsed.command](place, parsed)
    except (Refused, Failed) as error:
        print(f"repository: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("repository: interrupted: the same command once more completes it", file=sys.stderr)
        return 1
    except OSError as error:
        advice = "free some room and run it again" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "mend that"
        where = f"{error.filename}: " if error.filename else ""
        print(f"repository: {where}{error.strerror}: {advice}; what was published can still be used", file=sys.stderr)
        return 1
    return 0


def _tell(told: str) -> None:
    print(told.rstrip())


def _withdraw(place: Place, asked: argparse.Namespace) -> None:
    if warning := commands.withdraw(place, asked.version):
        _tell(warning)


def _rotate(place: Place, asked: argparse.Namespace) -> None:
    revoked, signers = commands.rotate(place, asked.revoked)
    if revoked:
        _tell(f"{'revoked':<10} key {revoked}")
    for key in signers:
        _tell(f"{'signs':<10} key {key}")
    _tell("Next: publish and promote a new version with REPO_URL, whose keyring holds all keys; then make repo-retire.")


def _show(place: Place, asked: argparse.Namespace) -> None:
    told = commands.overview(place, int(time.time()))
    _tell(showing.as_json(told) if asked.json else showing.as_text(told))


_COMMANDS: dict[str, Callable[[Place, argparse.Namespace], None]] = {
    "publish": lambda place, asked: commands.publish(place, asked.files),
    "promote": lambda place, asked: commands.promote(place, asked.version, asked.phase),
    "phase": lambda place, asked: commands.phase(place, asked.percent),
    "withdraw": _withdraw,
    "sign": lambda place, asked: commands.sign(place),
    "rotate": _rotate,
    "retire": lambda place, asked: commands.retire(place),
    "keyring": lambda place, asked: commands.keyring(place, asked.file),
    "bootstrap": lambda place, asked: _tell(commands.bootstrap_commands(place.folder)),
    "show": _show,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="debian/repository", description=__doc__.partition("\n")[0])
    keys, days = os.environ.get("REPO_KEY"), os.environ.get("REPO_VALID_DAYS") or "60"
    parser.add_argument(
        "--folder", type=Path, default=Path(os.environ.get("REPO_DIR") or "build/apt"), help="the repository (REPO_DIR)"
    )
    parser.add_argument(
        "--keys",
        type=Path,
        default=Path(keys) if keys else None,
        help="a folder of keys, or a file with one secret key (REPO_KEY); default: those of this user",
    )
    parser.add_argument("--url", default=os.environ.get("REPO_URL", ""), help="the address of the folder (REPO_URL)")
    parser.add_argument(
        "--days", type=int, default=days, help="for how long a signature is valid (REPO_VALID_DAYS, 60)"
    )
    _add_commands(parser)
    return parser


def _add_commands(parser: argparse.ArgumentParser) -> None:
    named = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    one = named.add_parser("publish", help="publish the packages of one version in beta, the first ones in stable too")
    one.add_argument("files", type=Path, nargs="*", metavar="FILE.deb")
    one = named.add_parser("promote", help="bring a version of beta, the newest unless named, to stable")
    one.add_argument("version", nargs="?", metavar="VERSION")
    one.add_argument(
        "--phase", type=_percent, metavar="PERCENT", help="to so many percent of the boxes; default: to all"
    )
    one = named.add_parser("phase", help="offer the newest version of stable to more boxes")
    one.add_argument("percent", type=_percent, metavar="PERCENT")
    one = named.add_parser("withdraw", help="offer a version to no box any more")
    one.add_argument("version", metavar="VERSION")
    named.add_parser("sign", help="give what is published a new date and new signatures")
    one = named.add_parser("rotate", help="let the next key sign too; later: retire")
    one.add_argument(
        "--revoked",
        type=_fingerprint,
        nargs="?",
        const="",
        metavar="FINGERPRINT",
        help="the key that signs was stolen: revoke it, it signs no more; where two sign, name it",
    )
    named.add_parser("retire", help="let the old key sign no more")
    one = named.add_parser(
        "keyring", help="write the public keys for the package with the keys; make keys if there are none"
    )
    one.add_argument("file", type=Path, metavar="FILE")
    named.add_parser("bootstrap", help="print the two commands for a new box, with the SHA-256 that they check")
    one = named.add_parser("show", help="show what is published, and for how long it is valid")
    one.add_argument("--json", action="store_true")


def _fingerprint(text: str) -> str:
    # As gpg shows it to people, too.
    return "".join(text.split()).upper()


def _percent(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"{text} is not within 1 to 100 percent")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
