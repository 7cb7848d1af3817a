"""The technician's pages, and the screens in them: what a command really showed, between a mark and a fence.

    <!-- screen: status -->
    ```text
    $ inviseobox status
    All is well. …
    ```

Two screens are alike if they differ only in what differs each time: numbers and times, and with them the room that
columns take, the bars of charts, and how many rows alike follow each other.
"""

import re
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

_DEBIAN = Path(__file__).parents[2] / "debian"
PAGES = {"en": _DEBIAN / "technician.md", "fr": _DEBIAN / "technicien.md"}
"""The pages by their language."""
LEVELS = "▁▂▃▄▅▆▇█"

_SCREEN = re.compile(r"(<!-- screen: (\S+) -->\n```text\n)(.*?)(\n```\n)", re.DOTALL)
_DIFFERS = (
    # journalctl(1): month, day, time.
    (re.compile(r"(?m)^\S+ \d+ [\d:]+ "), "0 "),
    (re.compile(rf"[ {LEVELS}]*[{LEVELS}][ {LEVELS}]*"), "  ~"),
    # Empty until something was read in the window.
    (re.compile(r" +\d+%"), ""),
    (re.compile(r"-?\d+(?:[.:e+-]\d+|e[+-]\d+)*"), "0"),
    # Beside a plot, where the longer of its two numbers says how much room they take.
    (re.compile(r"(?m)^ +(?=(?:0 )?\|)"), ""),
    (re.compile(r"(?m)(\S) {2,}"), r"\1  "),
    (re.compile(r"(?m) +$"), ""),
)


def screens(page: str) -> dict[str, str]:
    """Return the screens of a page by their names."""
    return {found[2]: found[3] for found in _SCREEN.finditer(page)}


def shape(screen: str) -> list[str]:
    """Return the lines of a screen without what differs each time."""
    for pattern, instead in _DIFFERS:
        screen = pattern.sub(instead, screen)
    return [line for line, _same in groupby(screen.splitlines())]


def renewed(page: str, recorded: Mapping[str, str]) -> str:
    """Return a page in which each screen that is not like the recorded one gives way to it. Raises KeyError."""

    def of_now(found: re.Match[str]) -> str:
        screen = recorded[found[2]]
        return found[0] if shape(screen) == shape(found[3]) else found[1] + screen + found[4]

    return _SCREEN.sub(of_now, page)
