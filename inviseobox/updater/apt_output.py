"""What apt prints, taken apart. Pure. apt promises no format but has kept these; LC_ALL=C is the caller's."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_PLANNED = re.compile(r"(Inst|Remv) (\S+)(?: \[([^\]]*)\])?(?: \((\S+) )?")
_CLOCK = re.compile(r"not valid yet|not live until|is expired|has expired|in the future", re.IGNORECASE)
_DAMAGED = re.compile(r"(?:parse package file|Problem with MergeList) /\S*/([^/\s]+_Packages)\b")
_UNMET = re.compile(r"(?m)^\s*\S+ : ((?:Pre)?-?Depends: .+)$")
_UNSIGNED = re.compile(r"is not signed\.?$")
_SIGNATURE = re.compile(r"W: (?:GPG error|OpenPGP signature verification failed)")


@dataclass(frozen=True, slots=True)
class Step:
    """One package of a plan: `old` is empty for a new one, `new` for one that would be removed."""

    name: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A version in the index.

    Attributes:
        size: bytes of its file.
        installed_size: bytes that it takes once unpacked.
        schema: of the database that it writes; 0: no field says so.
        oldest_reader: the oldest schema whose programs read what it writes; 0: any.
    """

    name: str
    version: str
    size: int
    installed_size: int
    schema: int
    oldest_reader: int


def steps(output: str) -> list[Step]:
    """Return what `apt-get --simulate` would do."""
    found = (_PLANNED.match(line) for line in output.splitlines())
    return [Step(one[2].partition(":")[0], one[3] or "", one[4] or "") for one in found if one]


def entries(output: str) -> list[Entry]:
    """Return the versions that `apt-cache show` tells of; what is no version is left out."""
    return list(_entries(output))


def complaint(errors: str) -> str:
    """Return the first error of apt in one line, with the clock named where that looks like the cause."""
    lines = [line.strip() for line in errors.splitlines()]
    chosen = next((line for line in lines if _DAMAGED.search(line)), "") or next(
        (line for mark in ("E: ", "W: ") for line in lines if line.startswith(mark)), ""
    )
    text = chosen[3:]
    if _UNSIGNED.search(text):
        # Why the signature is none is in a warning of its own.
        text = next((f"{text.rstrip('.')}: {line[3:]}" for line in lines if _SIGNATURE.match(line)), text)
    text = re.sub(r"\s+", " ", text) or "apt said nothing"
    if _CLOCK.search(errors):
        return f"{text} (is the clock of this machine right?)"
    return text


def unmet(output: str) -> str:
    """Return what is missing for a plan, in one line; empty where apt names nothing."""
    found = _UNMET.search(output)
    return re.sub(r"\s+", " ", found[1]) if found else ""


def is_missing_file(errors: str) -> bool:
    """Return whether a file that the index names is not there any more: the index is old."""
    return bool(re.search(r"\b404\b", errors))


def damaged_index(complaint: str) -> str:
    """Return the name of the index on the disk that apt cannot read; empty if it complains of something else."""
    found = _DAMAGED.search(complaint)
    return found[1] if found else ""


def _entries(output: str) -> Iterator[Entry]:
    for stanza in output.split("\n\n"):
        fields = {
            name: value.strip()
            for name, mark, value in (line.partition(":") for line in stanza.splitlines())
            if mark and not name.startswith(" ")
        }
        if "Package" in fields and "Version" in fields and "Filename" in fields:
            yield Entry(
                name=fields["Package"],
                version=fields["Version"],
                size=_number(fields.get("Size", "")),
                installed_size=_number(fields.get("Installed-Size", "")) * 1024,
                schema=_number(fields.get("Inviseobox-Schema", "")),
                oldest_reader=_number(fields.get("Inviseobox-Oldest-Reader", "")),
            )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0
