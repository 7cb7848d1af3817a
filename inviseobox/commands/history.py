"""`inviseobox history`: the sealed windows of one measurement, from the running daemon."""

import argparse
import json
import time
from typing import Any

from inviseobox.commands import asking
from inviseobox.commands.box_state import BoxState
from inviseobox.commands.exit_status import EX_UNAVAILABLE, MISUSE, NOT_PERMITTED, WRONG
from inviseobox.commands.history_lines import Found, csv_lines, found, plot_lines, table_lines, title, windows
from inviseobox.commands.layout import Line, Tone, wrapped
from inviseobox.commands.retold import error_text
from inviseobox.commands.since import since
from inviseobox.commands.terminal import Terminal
from inviseobox.control.protocol import History, Status
from inviseobox.errors import DaemonDown, NotPermitted, RequestRefused
from inviseobox.translation import _

_TO_FIND = 5.0
"""Seconds for the daemon to say which measurements there are."""
_TO_TELL = 20.0
"""Seconds for it to tell 20,000 windows."""
_MOST_LISTED = 20
_ROWS = 12
"""Lines of a plot."""
_WITHOUT_TERMINAL = 80


def run(options: argparse.Namespace) -> int:
    """Show the history of what is meant; return the exit status."""
    terminal = Terminal()
    try:
        begin = since(options.since, time.time())
        asking.checked(options.measurement)
    except ValueError as error:
        terminal.error(str(error))
        return MISUSE
    try:
        status = _shown(terminal, options, begin)
    except NotPermitted as error:
        terminal.error(error_text(error))
        return NOT_PERMITTED
    except DaemonDown as error:
        terminal.error(error_text(error))
        return EX_UNAVAILABLE
    except RequestRefused as error:
        terminal.error(error_text(error))
        return WRONG
    terminal.finish()
    return status


def _shown(terminal: Terminal, options: argparse.Namespace, begin: int) -> int:
    """Find the measurement and show it. Raises as asking.answer() does."""
    lines = asking.answer(Status(select=options.measurement), _TO_FIND)
    meant = found(BoxState({}, lines[1:]).devices, options.measurement) if options.measurement else []
    if len(meant) > 1:
        _list(terminal, options.measurement, meant)
        return MISUSE
    # One that has left the device list is known by its _id alone.
    identity = meant[0][1].id if meant else options.measurement
    told = asking.answer(History(identity, begin), _TO_TELL)
    if not meant and not told:
        sentence = _("no measurement has this in its name or as its _id: {name} (inviseobox status names them)")
        terminal.error(sentence.format(name=terminal.glyphs.text(options.measurement)))
        return MISUSE
    terminal.lines(_lines(terminal, options, meant[0] if meant else None, told))
    return 0


def _list(terminal: Terminal, text: str, meant: list[Found]) -> None:
    """Name the measurements of which one must be chosen."""
    terminal.error(
        _("several measurements have {name} in their name; say which one, by its _id:").format(
            name=terminal.glyphs.text(text)
        )
    )
    glyphs = terminal.glyphs
    for device, one in meant[:_MOST_LISTED]:
        terminal.error(f"{glyphs.text(one.id)}  {glyphs.text(device.name)}, {glyphs.text(one.name)}")
    if len(meant) > _MOST_LISTED:
        terminal.error(_("and more: {count}").format(count=len(meant) - _MOST_LISTED))


def _lines(terminal: Terminal, options: argparse.Namespace, meant: Found | None, told: list[Any]) -> list[Line]:
    history, glyphs, cells = windows(told), terminal.glyphs, terminal.cells
    if options.csv:
        return list(csv_lines(history))
    if options.json:
        return [Line(json.dumps({"measurement": _named(options.measurement, meant), "windows": told}))]
    head = [Line(text, Tone.STRONG) for text in wrapped(title(options.measurement, meant, glyphs), cells, "  ")]
    if not history:
        text = _("There is no window since then; the box keeps 31 days (--since 31d).")
        return [*head, *(Line(part, Tone.WARNING) for part in wrapped(text, cells))]
    if options.plot:
        rows = max(3, min(_ROWS, terminal.rows - 4)) if cells else _ROWS
        return [*head, *plot_lines(history, cells or _WITHOUT_TERMINAL, rows, glyphs)]
    return [*head, *table_lines(history, cells, glyphs)]


def _named(text: str, meant: Found | None) -> dict[str, str]:
    if meant is None:
        return {"_id": text}
    device, one = meant
    return {"_id": one.id, "name": one.name, "unit": one.unit, "device": device.name}
