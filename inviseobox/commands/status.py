"""`inviseobox status`: how the box fares, from the running daemon, or from what it wrote last."""

import argparse
import json
import time
from collections.abc import Sequence

from inviseobox.commands import asking
from inviseobox.commands.asking import Told
from inviseobox.commands.box_state import BoxState
from inviseobox.commands.exit_status import EX_UNAVAILABLE, MISUSE, NOT_PERMITTED, WRONG
from inviseobox.commands.layout import Line, cut
from inviseobox.commands.retold import error_text
from inviseobox.commands.status_lines import View, folded, status_lines
from inviseobox.commands.terminal import Terminal
from inviseobox.errors import DaemonDown, NotPermitted, RequestRefused
from inviseobox.translation import _

_TIME_LIMIT = 1.0
"""Seconds for the daemon's answer."""
_FOR_WINDOWS = 0.4
"""Seconds more for the last windows, without which all the rest is shown."""
_MOST_CHOSEN = 500
"""Measurements of which the last windows are asked for."""
_PERIOD = 2.0
"""Seconds between two looks at it with --watch."""


def run(options: argparse.Namespace) -> int:
    """Show it, once or until Ctrl-C; return the exit status."""
    terminal = Terminal()
    if options.watch and not terminal.can_watch:
        terminal.error(_("--watch takes a terminal on which the cursor can be moved"))
        return MISUSE
    try:
        asking.checked(options.name)
        if options.watch:
            return _watch(terminal, options.name)
        status = _once(terminal, options)
    except ValueError as error:
        terminal.error(str(error))
        return MISUSE
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


def _once(terminal: Terminal, options: argparse.Namespace) -> int:
    told = _asked(options.name)
    state = BoxState(told.top, told.devices)
    if options.name and not told.devices:
        terminal.error(
            _("no device and no measurement has this in its name: {name}").format(
                name=terminal.glyphs.text(options.name)
            )
        )
        return MISUSE
    is_right = state.is_right and not told.problem
    if options.json:
        verdict = {"source": told.source, "verdict": "right" if is_right else "wrong"}
        terminal.lines([Line(json.dumps({**verdict, **told.top, "devices": told.devices}))])
    else:
        terminal.lines(_lines(terminal, told, state, options.name))
    return 0 if is_right else WRONG


def _asked(name: str) -> Told:
    """Ask for the status, with the last windows of what is shown one by one. Raises as asking.told() does."""
    began = time.monotonic()
    told = asking.told(name, _TIME_LIMIT)
    if told.problem:
        return told
    left = _TIME_LIMIT + _FOR_WINDOWS - (time.monotonic() - began)
    count = sum(len(device.get("measurements", ())) for device in told.devices)
    if count <= _MOST_CHOSEN:
        return Told(told.top, asking.recent(told.devices, name, left))
    if name:
        return told
    shown, _others = folded(BoxState(told.top, told.devices).devices, is_chosen=False)
    wanted = {part.device.id for part in shown}
    asked = asking.recent([one for one in told.devices if one.get("_id") in wanted], "", left)
    found = {one.get("_id"): one for one in asked}
    return Told(told.top, [found.get(one.get("_id"), one) for one in told.devices])


def _lines(terminal: Terminal, told: Told, state: BoxState, name: str) -> list[Line]:
    written = state.time("written_at")
    # The daemon may know the time better than the clock does; what it wrote once gets older by the clock.
    now = max(time.time(), written or 0.0) if told.problem or written is None else written
    view = View(terminal.cells, terminal.glyphs, now, is_chosen=bool(name))
    return list(status_lines(state, told.problem, view))


def _watch(terminal: Terminal, name: str) -> int:
    # Whoever may not ask is told so before the screen is cleared.
    told = _asked(name)
    try:
        with terminal.watched() as show:
            while True:
                lines = _lines(terminal, told, BoxState(told.top, told.devices), name)
                show(_fitting(terminal, lines))
                time.sleep(_PERIOD)
                told = _asked(name)
    except KeyboardInterrupt:
        return 0


def _fitting(terminal: Terminal, lines: Sequence[Line]) -> list[Line]:
    """Return as many lines as there is room for, the last one of which says how many are left out."""
    rows = terminal.rows
    if len(lines) <= rows:
        return list(lines)
    text = _("lines that do not fit: {count} (Ctrl-C ends)").format(count=len(lines) - rows + 1)
    return [*lines[: rows - 1], Line(cut(text, terminal.cells or len(text), terminal.glyphs.dots))]
