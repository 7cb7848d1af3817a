"""What commands show to people and ask them. The only file that imports rich.

On a terminal it is coloured and fits the width; elsewhere it is plain text, and a line has any length.
What is shown are texts, never markup: a name in square brackets stays as it is.
"""

import contextlib
import getpass
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import TextIOWrapper
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.progress import Progress, ProgressColumn, Task
from rich.table import Table
from rich.text import Text

from inviseobox.commands.layout import ASCII, CONSOLE, FULL, Glyphs, Line, Tone, held, plain, released, tidy, width
from inviseobox.host.standard_streams import losses
from inviseobox.translation import _

_BAR = 20
_GAP = 2
_UNREADABLE = "\N{REPLACEMENT CHARACTER}"


class Terminal:
    """Standard output and standard error of a command. Whatever prints raises OutputLost."""

    def __init__(self, out: TextIO | None = None, errors: TextIO | None = None) -> None:
        """Show on these streams, those of the process unless given."""
        if isinstance(sys.stdin, TextIOWrapper):
            sys.stdin.reconfigure(errors="replace")
        self._out = _Stream(out or sys.stdout)
        self._errors = _Stream(errors or sys.stderr)
        self.is_terminal = self._out.isatty()
        """Whether a person sees what is printed at once."""
        self._console = _console(self._out)

    def line(self, text: str = "", tone: Tone = Tone.PLAIN) -> None:
        """Print a line."""
        _show(self._console, Text(held(self._drawable(text)), tone.value), fold=self.is_terminal)

    @property
    def cells(self) -> int | None:
        """The cells of a line; None where a line may have any length."""
        return self._console.width if self.is_terminal else None

    @property
    def rows(self) -> int:
        """The lines of the screen."""
        return self._console.height

    @property
    def glyphs(self) -> Glyphs:
        """What can be drawn; where nobody sees it at once, the same everywhere."""
        if not _is_utf_8(self._out.encoding) or (sys.flags.utf8_mode and not _is_utf_8(_locale(os.environ))):
            return ASCII
        has_all = self.is_terminal and os.environ.get("TERM", "") not in ("linux", "dumb", "unknown")
        return FULL if has_all else CONSOLE

    def _drawable(self, text: str) -> str:
        """Return a sentence or a name in the signs that can be drawn."""
        glyphs = self.glyphs
        return plain(text) if glyphs.is_ascii else text.replace(FULL.dots, glyphs.dots)

    def lines(self, lines: Iterable[Line]) -> None:
        """Print lines that fit; none is folded."""
        for text in self._texts(lines):
            if self.is_terminal:
                _show(self._console, text, fold=False)
            else:
                self._out.write(f"{text.plain}\n")

    def _texts(self, lines: Iterable[Line]) -> Iterator[Text]:
        for line in lines:
            yield Text(self._drawable(line.text), line.tone.value, no_wrap=True)

    @property
    def can_watch(self) -> bool:
        """Whether there is a screen on which lines can take the place of others."""
        return self.is_terminal and not self._console.is_dumb_terminal

    @contextlib.contextmanager
    def watched(self) -> Iterator[Callable[[Iterable[Line]], None]]:
        """Show lines over the whole screen, as long as it is entered: yield the function that takes them, all anew.

        What was there before is there again in the end. Only where there `can_watch`.
        """
        live = Live(
            console=self._console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        with live:
            yield lambda lines: live.update(Text("\n").join(self._texts(lines)), refresh=True)

    def error(self, text: str) -> None:
        """Print a line that says why nothing came of it, to standard error."""
        self.finish()
        _show(_console(self._errors), Text(held(self._drawable(text))), fold=self._errors.isatty())

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table, its columns aligned to the left."""
        # What all terminals give the same room: rich counts some letters as others do not.
        heads, *cells = ([self._drawable(tidy(cell)) for cell in row] for row in (heads, *rows))
        if not self.is_terminal:
            for line in _plain_table([heads, *cells]):
                self.line(line)
            return
        table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style=Tone.STRONG.value)
        for head in heads:
            table.add_column(Text(head), overflow="fold")
        for row in cells:
            table.add_row(*(Text(held(cell)) for cell in row))
        _show(self._console, table, fold=True)

    @contextlib.contextmanager
    def progress(self, title: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show how many of `total` are done, as long as it is entered: yield the function that is told.

        On a terminal only, where it is gone in the end; nothing else may be printed meanwhile.
        """
        if not self.is_terminal or self._console.is_dumb_terminal:
            yield lambda done: None
            return
        columns = (_Title(), _Bar(), _Count())
        drawn = Progress(*columns, console=self._console, transient=True, redirect_stdout=False, redirect_stderr=False)
        with drawn:
            task = drawn.add_task(self._drawable(title), total=total)
            yield lambda done: drawn.update(task, completed=done)

    def finish(self) -> None:
        """Bring all that was printed to where it goes."""
        self._out.flush()

    @property
    def can_ask(self) -> bool:
        """Whether there is somebody who can be asked."""
        return sys.stdin is not None and sys.stdin.isatty()

    def ask(self, question: str, default: str) -> str:
        """Ask for a line; return `default` where it is empty. Raises EOFError where there is no answer."""
        form = _("{question} [{default}]: ") if default else _("{question}: ")
        self._prompt(form.format(question=question, default=default))
        answer = sys.stdin.readline()
        if not answer.endswith("\n"):
            raise EOFError
        return answer.strip() or default

    def ask_secret(self, question: str) -> str:
        """Ask for a line that is not shown while it is typed; of one that is no text, return what no secret is.

        Raises EOFError where there is no answer.
        """
        self.finish()
        prompt = _("{question} (it is not shown): ").format(question=question)
        with warnings.catch_warnings():
            # Rather not at all than in sight.
            warnings.simplefilter("error", getpass.GetPassWarning)
            try:
                return getpass.getpass(self._drawable(prompt)).strip()
            except getpass.GetPassWarning:
                raise EOFError from None
            except UnicodeDecodeError:
                # As from a terminal that is not UTF-8.
                return _UNREADABLE

    def _prompt(self, text: str) -> None:
        self._out.write(self._drawable(text))
        self._out.flush()


def _is_utf_8(name: str) -> bool:
    return name.lower().replace("-", "").endswith("utf8")


def _locale(environment: Mapping[str, str]) -> str:
    """Return the locale that is asked for, where Python has none: it was not made on the machine, or it is C.

    Python then writes UTF-8 all the same (UTF-8 Mode), and sets LC_CTYPE to C.UTF-8 (PEP 538), which nobody asked for.
    """
    names = (environment.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    return next((name for name in names if name and name != "C.UTF-8"), "C")


class _Stream:
    """A stream that raises OutputLost, and writes what its encoding lacks as escapes."""

    def __init__(self, stream: TextIO) -> None:
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
        self._stream = stream
        self.encoding = stream.encoding

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> int:
        with losses(self._stream):
            return self._stream.write(released(text))

    def flush(self) -> None:
        with losses(self._stream):
            self._stream.flush()


def _console(stream: _Stream) -> Console:
    is_terminal = stream.isatty()
    is_dumb = is_terminal and os.environ.get("TERM", "").lower() in ("dumb", "unknown")
    size = shutil.get_terminal_size()
    return Console(
        file=stream,  # type: ignore[arg-type]
        force_terminal=is_terminal,
        # rich takes any dumb terminal for one of 80 columns.
        width=size.columns if is_dumb else None,
        height=size.lines if is_dumb else None,
        markup=False,
        highlight=False,
        emoji=False,
    )


def _show(console: Console, what: Text | Table, *, fold: bool) -> None:
    # What is no terminal has no width.
    console.print(what, soft_wrap=not fold)


def _plain_table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell + " " * (room - width(cell) + _GAP) for cell, room in zip(row, widths, strict=True)]
        yield "".join(cells).rstrip()


class _Title(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(task.description)


class _Bar(ProgressColumn):
    """In ASCII: the console's font has no other bar that fills up smoothly."""

    def render(self, task: Task) -> Text:
        full = round(_BAR * task.completed / task.total) if task.total else 0
        return Text("#" * full + "." * (_BAR - full))


class _Count(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.completed:.0f}/{task.total:.0f}")
