"""What commands show: on terminals that can much or little, and where there is none."""

import subprocess
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

from inviseobox.commands.layout import tidy, width
from tests.support.daemons import CHECKOUT, environment_with
from tests.support.ptys import on_a_terminal

JOINED = "\u1112\u1161\u11ab \u0915\u093f \U0001f1eb\U0001f1f7"
"""Some terminals draw these together, some do not."""
NAMES = ["[bold]meter[/bold]", "电" * 150, "\u05de\u05d5\u05e0\u05d4", "e\u0301" * 100, ":smile: 100%", "[/]", JOINED]
SHOWS = f"""
import sys
from inviseobox.commands.layout import Tone
from inviseobox.commands.terminal import Terminal
names = {NAMES!r}
terminal = Terminal()
terminal.line("begins " + names[0], Tone.GOOD)
terminal.table(["device", "link"], [(name, "here") for name in names])
with terminal.progress("readings", 4) as show:
    for done in range(5):
        show(done)
terminal.error("ends")
terminal.finish()
"""
COMMAND = [sys.executable, "-c", SHOWS]


def piped(**environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        COMMAND, cwd=CHECKOUT, env=environment_with(**environment), capture_output=True, text=True, check=True
    )


@pytest.mark.parametrize("variable", ["TERM", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"])
def test_where_there_is_no_terminal_the_text_is_plain_and_whole(variable: str) -> None:
    shown = piped(LC_ALL="C.UTF-8", **{variable: "40"})
    assert shown.stderr == "ends\n"
    begins, heads, *rows = shown.stdout.splitlines()
    assert begins == "begins [bold]meter[/bold]"
    assert [row.split("  ")[0] for row in rows] == list(map(tidy, NAMES))
    assert {width(row.removesuffix("here")) for row in rows} == {width(heads.removesuffix("link"))}
    assert all(row.endswith("  here") for row in rows)


def test_what_the_encoding_lacks_is_left_out() -> None:
    shown = subprocess.run(
        COMMAND,
        cwd=CHECKOUT,
        env=environment_with(PYTHONIOENCODING="ascii"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "?" * 150 in shown.stdout
    assert "e" * 100 in shown.stdout
    assert shown.stdout.isascii()


@pytest.mark.parametrize("term", ["xterm", "linux", "dumb"])
@pytest.mark.parametrize("columns", [40, 80])
def test_on_a_terminal_everything_fits_and_the_columns_hold(term: str, columns: int) -> None:
    with on_a_terminal(COMMAND, columns=columns, TERM=term) as screen:
        assert screen.end() == 0
    lines = screen.text.splitlines()
    assert lines[-1] == "ends"
    assert max(map(cell_len, lines)) <= columns
    assert "begins [bold]meter[/bold]" in lines
    # The first column goes over several lines; the second one stands below its head in the first of them.
    place = next(line for line in lines if line.startswith("device")).index("link")
    rows = [line for line in lines if line.rstrip().endswith("here")]
    assert len(rows) == len(NAMES)
    assert {cell_len(row[: row.index("here")]) for row in rows} == {place}
    assert sum(line.count("电") for line in lines) == 150
    drawn = "\r" in screen.raw.replace("\r\n", "") or "\x1b[" in screen.raw.replace("\x1b[0m", "")
    assert drawn == (term != "dumb")


def test_without_colours_none_is_sent() -> None:
    with on_a_terminal(COMMAND, NO_COLOR="1") as screen:
        assert screen.end() == 0
    assert "\x1b[32m" not in screen.raw
    with on_a_terminal(COMMAND) as screen:
        assert screen.end() == 0
    assert "\x1b[32m" in screen.raw


def test_the_bar_is_made_of_what_every_font_has() -> None:
    with on_a_terminal(COMMAND, TERM="linux") as screen:
        assert screen.end() == 0
    bar = next(line for line in screen.text.splitlines() if line.startswith("readings"))
    assert bar.isascii()


FOLDS = """
from inviseobox.commands.terminal import Terminal
terminal = Terminal()
text = "en défaut : « connexion » ; vérifiez url, câble et pare-feu ; ensuite : ip route"
terminal.line(text)
terminal.table(["cause"], [[text]])
terminal.error(text)
"""


@pytest.mark.parametrize("columns", range(20, 60, 3))
def test_no_line_begins_with_a_sign_that_french_puts_a_space_before(columns: int) -> None:
    with on_a_terminal([sys.executable, "-c", FOLDS], columns=columns) as screen:
        assert screen.end() == 0
    lines = screen.text.splitlines()
    assert not [line for line in lines if line[0] in ":;»"]
    assert " ".join(line.rstrip() for line in lines).count(" ; vérifiez url, câble et pare-feu ; ensuite : ip") == 3


ASKS = """
from inviseobox.commands.terminal import Terminal
terminal = Terminal()
print("url is", terminal.ask("url", "http://h"), flush=True)
print("length is", len(terminal.ask_secret("token")), flush=True)
"""


def test_a_secret_is_not_shown_while_it_is_typed() -> None:
    with on_a_terminal([sys.executable, "-c", ASKS]) as screen:
        screen.wait_for("url [http://h]: ")
        screen.type("")
        screen.wait_for("url is http://h")
        screen.wait_for("token (it is not shown): ")
        screen.type("secretsecret")
        screen.wait_for("length is 12")
        assert screen.end() == 0
    assert "secret" not in screen.text


LOSES = """
import sys
from inviseobox import cli
from inviseobox.commands import terminal
def body(options):
    out = terminal.Terminal()
    for number in range(100_000):
        out.line(f"line {number}")
    out.finish()
    return 0
import inviseobox.commands.is_configured
inviseobox.commands.is_configured.run = body
sys.exit(cli.main(["is-configured"]))
"""


def test_output_into_a_pipe_that_is_closed_ends_quietly() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LOSES], cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "line 0\n"
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait(20) == 0


def test_output_onto_a_full_disk_is_told_in_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", LOSES], cwd=CHECKOUT, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.stderr == "the output cannot be written: No space left on device\n"
    assert done.returncode == 1
