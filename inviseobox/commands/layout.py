"""Texts in columns, by the cells that a terminal gives to each character. Pure.

Only what all terminals give the same room is kept of a name, so that a column stands where it should on each of them.
"""

import re
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from inviseobox.untrusted import clean_text

_GAP = 2
"""Cells between two columns."""
_LEAST = 14
"""Cells of the elastic column, below which others give way."""
_MOST_MARKS = 2
"""Combining marks on one letter; more of them cover the lines around."""
_UNSURE = "\ufffd"
_HOLD = "\ue000"
"""Of private use, as wide as a space."""
_HELD_SPACE = re.compile(r"(?<=«) (?=\S)|(?<=\S) (?=[;:!?»](?:\s|$))")


class Tone(StrEnum):
    """How a text is meant; on a terminal with colours it shows."""

    PLAIN = ""
    STRONG = "bold"
    GOOD = "green"
    WARNING = "yellow"
    BAD = "red"


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is shown."""

    text: str = ""
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Glyphs:
    """What a terminal can draw: `levels` from low to high, `dots` for what is left out; `is_ascii`: nothing else."""

    levels: str
    dots: str
    is_ascii: bool

    def text(self, untrusted: object) -> str:
        """Make of a text what can be shown anywhere in a line; empty where it is not a text."""
        return plain(tidy(untrusted)) if self.is_ascii else tidy(untrusted)


FULL = Glyphs("▁▂▃▄▅▆▇█", "…", is_ascii=False)
CONSOLE = Glyphs("_.-~=+*#", "...", is_ascii=False)
"""The fonts of the Linux console have no blocks of eighths."""
ASCII = Glyphs("_.-~=+*#", "...", is_ascii=True)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    `rank`: where the terminal is narrow, the columns with the highest go first, those with 0 never. `elastic`: it is
    cut so that the others fit; one at most.
    """

    head: str
    rank: int = 0
    right: bool = False
    elastic: bool = False


def tidy(untrusted: object) -> str:
    """Return one line of printable characters that take the same room on all terminals."""
    kept: list[str] = []
    marks = 0
    for mark in unicodedata.normalize("NFC", clean_text(untrusted)):
        match unicodedata.category(mark):
            case "Mn" | "Me":
                marks += 1
                if kept and marks <= _MOST_MARKS and not _is_selector(mark):
                    kept.append(mark)
            case "Mc":
                # Some terminals give it a cell, some do not.
                continue
            case _:
                marks = 0
                kept.append(_UNSURE if _is_joined(mark) else mark)
    return "".join(kept)


def _is_selector(mark: str) -> bool:
    """Whether it chooses another form of the letter before it, perhaps a wider one."""
    return "\ufe00" <= mark <= "\ufe0f" or "\U000e0100" <= mark <= "\U000e01ef"


def _is_joined(mark: str) -> bool:
    """Whether some terminals draw it together with its neighbour: parts of Hangul syllables, flags, skin tones."""
    return (
        "\u1160" <= mark <= "\u11ff"
        or "\ud7b0" <= mark <= "\ud7fb"
        or "\U0001f1e6" <= mark <= "\U0001f1ff"
        or "\U0001f3fb" <= mark <= "\U0001f3ff"
    )


def plain(text: str) -> str:
    """Return a text in ASCII: letters without their accents, ? for what is left."""
    letters = (mark for mark in unicodedata.normalize("NFKD", text) if not unicodedata.combining(mark))
    return "".join(letters).replace("\u2026", "...").encode("ascii", "replace").decode()


def width(text: str) -> int:
    """Return the cells that a tidy text takes (Unicode Standard Annex 11)."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def _cells(mark: str) -> int:
    if unicodedata.category(mark) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(mark) in "WF" else 1


def cut(text: str, cells: int, dots: str) -> str:
    """Return as much of a text as fits, with `dots` at its end where something is left out."""
    if width(text) <= cells:
        return text
    room = cells - len(dots)
    if room <= 0:
        return dots[: max(cells, 0)]
    taken = used = 0
    for mark in text:
        used += _cells(mark)
        if used > room:
            break
        taken += 1
    return text[:taken].rstrip() + dots


def wrapped(text: str, cells: int | None, indent: str = "") -> list[str]:
    """Break a text into lines at its spaces, all but the first one with `indent`; None: there is room for all of it."""
    if cells is None or width(text) <= cells:
        return [text]
    # Where all characters take two cells, half as many fit.
    longest = max(1, -(-width(text) // max(1, len(text))))
    lines = textwrap.wrap(held(text), max(len(indent) + 4, cells // longest), subsequent_indent=indent)
    return list(map(released, lines)) or [""]


def held(text: str) -> str:
    """Return a text that can be folded: no line then begins with ; or : where French has a space before it.

    `released` makes spaces again of what holds it together.
    """
    return _HELD_SPACE.sub(_HOLD, text)


def released(text: str) -> str:
    """Return a text that was held together as it was."""
    return text.replace(_HOLD, " ")


class Table:
    """Rows of texts below each other, each with its cells; what stands in a row is a tidy text."""

    def __init__(self, columns: Sequence[Column], rows: Iterable[Sequence[str]], cells: int | None, dots: str) -> None:
        """Find room for the rows in lines of `cells`, of any length where that is None."""
        self._columns = columns
        self._dots = dots
        content = [*rows, [column.head for column in columns]]
        self._widths = [max(width(row[place]) for row in content) for place in range(len(columns))]
        # A column of which there is nothing has no head either.
        self._kept = [
            place for place, column in enumerate(columns) if not column.rank or any(row[place] for row in content[:-1])
        ]
        if cells is not None:
            self._fit(cells)

    def _fit(self, cells: int) -> None:
        elastic = next((place for place, column in enumerate(self._columns) if column.elastic), None)
        while (over := self._needed() - cells) > 0:
            can_give = 0 if elastic is None else max(0, self._widths[elastic] - _LEAST)
            last = max(self._kept, key=lambda place: self._columns[place].rank)
            if elastic is not None and (over <= can_give or not self._columns[last].rank):
                self._widths[elastic] = max(1, self._widths[elastic] - over)
                return
            if not self._columns[last].rank:
                return
            self._kept.remove(last)

    def _needed(self) -> int:
        return sum(self._widths[place] for place in self._kept) + _GAP * (len(self._kept) - 1)

    def heads(self) -> str:
        """Return the line above the rows."""
        return self.row([column.head for column in self._columns])

    def row(self, row: Sequence[str]) -> str:
        """Return the line of a row."""
        return (" " * _GAP).join(self._cell(row[place], place) for place in self._kept).rstrip()

    def _cell(self, text: str, place: int) -> str:
        room = self._widths[place]
        text = cut(text, room, self._dots)
        space = " " * (room - width(text))
        return space + text if self._columns[place].right else text + space
