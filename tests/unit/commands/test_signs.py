"""What commands draw, on the Linux console, whose fonts lack many signs, and where only ASCII is known."""

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from inviseobox.commands.layout import ASCII, CONSOLE, FULL
from tests.support.french import compile_french
from tests.support.ptys import on_a_terminal

IN_THE_CONSOLES_FONTS = set(map(chr, [*range(0x20, 0x7F), *range(0xA0, 0x100)])) | set("ŒœŠšŽžŸ€→█●✗")
"""Signs of each font Lat15 and Uni2 in console-setup-linux 1.221, as the tables in its files name them; not all."""
DRAWS = """
import sys
from inviseobox.commands.layout import FULL, Line
from inviseobox.commands.terminal import Terminal
from inviseobox.translation import _
terminal = Terminal()
text = _("asking {url} …").format(url="Tempé" + FULL.levels[-1] + FULL.dots)
terminal.line(text)
terminal.lines([Line("levels " + terminal.glyphs.levels + text)])
terminal.table([text, "place"], [[text, text]])
with terminal.progress(text, 4) as show:
    show(2)
terminal.error(text)
terminal.ask(text, text)
terminal.ask_secret(text)
"""
COMMAND = [sys.executable, "-c", DRAWS]


def drawn(environment: Mapping[str, str]) -> set[str]:
    """Return the signs that the command draws on a terminal, whatever shows text."""
    with on_a_terminal(COMMAND, columns=80, **environment) as screen:
        screen.wait_for("]")
        screen.type("")
        screen.wait_for("(il" if environment.get("LANG") else "(")
        screen.type("")
        assert screen.end() == 0, screen.text
    return set(screen.text) - {"\n"}


def test_the_console_has_each_sign_that_takes_the_place_of_one_that_it_lacks() -> None:
    assert set(CONSOLE.levels + CONSOLE.dots) <= IN_THE_CONSOLES_FONTS
    assert (ASCII.levels + ASCII.dots).isascii()
    for glyphs in (CONSOLE, ASCII):
        assert len(glyphs.levels) == len(FULL.levels) == len(set(glyphs.levels))


def test_on_the_console_nothing_is_drawn_that_its_fonts_lack() -> None:
    signs = drawn({"TERM": "linux"})
    assert signs <= IN_THE_CONSOLES_FONTS
    assert "é" in signs, "what they have stays"
    assert set(FULL.dots) <= drawn({"TERM": "xterm"})


@pytest.mark.parametrize(
    "locale",
    [{"LC_ALL": "C"}, {"LC_ALL": "POSIX"}, {"LC_ALL": "", "LANG": ""}, {"PYTHONIOENCODING": "ascii"}],
    ids=["C", "POSIX", "none", "ASCII"],
)
@pytest.mark.parametrize("term", ["linux", "xterm"])
def test_where_the_locale_is_not_utf_8_all_is_ascii(term: str, locale: dict[str, str]) -> None:
    assert "".join(drawn({"TERM": term, **locale})).isascii()


@pytest.mark.parametrize(("name", "is_ascii"), [("fr_FR.ISO-8859-1", True), ("fr_FR.UTF-8", False)])
def test_a_locale_that_the_machine_has_not_counts_by_its_name(tmp_path: Path, name: str, is_ascii: bool) -> None:
    """As where somebody comes by ssh, which brings the locale of his own machine along."""
    french = {**compile_french(tmp_path), "LC_ALL": "", "LANG": name}
    assert "".join(drawn(french)).isascii() is is_ascii
