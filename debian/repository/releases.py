"""What a Release file says of a suite, and which one may follow it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from errors import Refused

ORIGIN = LABEL = "InviseoBox"
ARCHITECTURES = ("all", "amd64", "arm64", "armhf", "i386")
"""Those that a box may have. All packages are for all of them, and stand in the index of each."""
DAYS = range(30, 91)
"""For how many days an InRelease may be valid: long enough for holidays, short enough to notice a frozen mirror."""

_DAY = 86_400


@dataclass(frozen=True)
class Release:
    """The fields of a published Release; times are in seconds since 1970."""

    origin: str
    label: str
    codename: str
    date: int
    valid_until: int


def fields(suite: str, date: int, days: int) -> dict[str, str]:
    """Return the fields of the Release of `suite`, signed at `date` and valid for `days`."""
    return {
        "Origin": ORIGIN,
        "Label": LABEL,
        "Suite": suite,
        "Codename": suite,
        "Date": _told(date),
        "Valid-Until": _told(date + days * _DAY),
        "Acquire-By-Hash": "yes",
        "Architectures": " ".join(ARCHITECTURES),
        "Components": "main",
    }


def read(text: str) -> Release:
    """Return what a Release or an InRelease says.

    Raises:
        Refused: it lacks a field that every published one has.
    """
    found = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line and not line.startswith(" "))
    try:
        return Release(
            found["Origin"], found["Label"], found["Codename"], _seconds(found["Date"]), _seconds(found["Valid-Until"])
        )
    except (KeyError, ValueError) as error:
        raise Refused(
            f"an InRelease is damaged or not one of this program's ({error}): take it back from a copy of "
            "the folder, or name another folder with REPO_DIR"
        ) from None


def check_days(days: int) -> None:
    """See that a signature is valid for a sensible time.

    Raises:
        Refused: `days` is out of DAYS.
    """
    if days not in DAYS:
        raise Refused(f"a signature valid for {days} days: REPO_VALID_DAYS must be {DAYS[0]} to {DAYS[-1]}")


def check_identity(suite: str, release: Release) -> None:
    """See that boxes will take the next Release of `suite` for the same one.

    Raises:
        Refused: Origin, Label or Codename differ: apt would then stop until a person agrees, apt-get(8).
    """
    names = (
        ("Origin", release.origin, ORIGIN),
        ("Label", release.label, LABEL),
        ("Codename", release.codename, suite),
    )
    for name, before, after in names:
        if before != after:
            raise Refused(
                f"{suite} is published with {name} {before}, not {after}, and boxes would stop: keep {before}"
            )


def check_date(date: int, releases: Iterable[Release]) -> None:
    """See that `date` is newer than what is published.

    Raises:
        Refused: it is not, and boxes would ignore it: this machine's clock is behind.
    """
    before = max((release.date for release in releases), default=None)
    if before is not None and date <= before:
        raise Refused(
            f"this machine's clock says {_told(date)}, and what is published is of {_told(before)}: set the clock right"
        )


def _told(seconds: int) -> str:
    # The name of the zone as apt-ftparchive writes it.
    return format_datetime(datetime.fromtimestamp(seconds, UTC)).replace("+0000", "UTC")


def _seconds(text: str) -> int:
    return int(parsedate_to_datetime(text.replace("UTC", "+0000")).timestamp())
