"""`inviseobox demo`: the real daemon against a simulated site, and what the server received, window by window."""

import argparse
import asyncio
import contextlib
import shutil
import signal
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path

from inviseobox.errors import OutputLost
from inviseobox.host.standard_streams import losses
from inviseobox.records import Aggregate
from inviseobox.reports.window_ends import next_border
from inviseobox.simulator.received import ReceivedField
from inviseobox.simulator.scenario import a_bad_day
from inviseobox.simulator.site import Site
from inviseobox.translation import _

_LONGEST_WAIT = 20.0
"""Seconds beyond its end in which a window must have arrived."""
_STEP = 0.2


def run(options: argparse.Namespace) -> int:
    """Show windows of a simulated site; return the exit status. Ctrl-C ends it early, which is no failure."""
    windows = options.windows or (8 if options.faults else 3)
    # A window that is closed or a kill ends the demo as Ctrl-C does, so that its daemon ends with it.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        return asyncio.run(_show(windows, options.interval, options.faults))
    except KeyboardInterrupt:
        with contextlib.suppress(OutputLost):
            _print("\n" + _("stopped"))
        return 0


async def _show(windows: int, interval: int, faults: bool) -> int:
    screen = _Screen()
    async with Site(interval=interval, rtu=faults) as site:
        beginning = _("A simulated site on this machine: server {url}, {count} devices.")
        screen.line(beginning.format(url=site.url, count=len(site.devices)))
        sentence = _("The daemon reads it every second and delivers a window every {seconds} s.")
        screen.line(sentence.format(seconds=interval))
        screen.line(_('What it logs is marked "|"; on a real box it is in: journalctl -u inviseobox') + "\n")
        with tempfile.TemporaryDirectory(prefix="inviseobox-demo-") as folder:
            async with _daemon(site, interval, Path(folder), screen) as daemon, _misfortune(site, faults, screen):
                for number in range(1, windows + 1):
                    if not await _wait_for_window(site, number, windows, interval, daemon, screen):
                        screen.line(_("No window came."))
                        return 1
                    _show_window(site, sorted(site.central.window_ends())[number - 1], number, screen)
    return 0


@contextlib.asynccontextmanager
async def _daemon(site: Site, interval: int, folder: Path, screen: "_Screen") -> AsyncIterator[Process]:
    """Run the daemon as a process of its own; its log lines go to the screen."""
    configuration = folder / "config.toml"
    configuration.write_text(
        f'token = "{site.token}"\nurl = "{site.url}"\ninterval = {interval}\n'
        f'[modbus]\nperiod = 1\n[http]\nperiod = 1\n[buffer]\npath = "{folder}/data.db"\n'
    )
    command = (sys.executable, "-m", "inviseobox", "run", "--config", str(configuration))
    daemon = await asyncio.create_subprocess_exec(*command, stderr=PIPE, start_new_session=True)
    showing = asyncio.ensure_future(_show_log(daemon, screen))
    try:
        yield daemon
    finally:
        if daemon.returncode is None:
            daemon.send_signal(signal.SIGTERM)
        await daemon.wait()
        await showing


async def _show_log(daemon: Process, screen: "_Screen") -> None:
    assert daemon.stderr is not None  # noqa: S101
    async for line in daemon.stderr:
        screen.line("  | " + line.decode("utf-8", "replace").rstrip())


@contextlib.asynccontextmanager
async def _misfortune(site: Site, faults: bool, screen: "_Screen") -> AsyncIterator[None]:
    """Let the site have a bad day meanwhile, where that is wanted."""
    if not faults:
        yield
        return
    playing = asyncio.ensure_future(a_bad_day().play(site, lambda step: screen.line(f"\n*** {step.text}")))
    try:
        yield
    finally:
        playing.cancel()


async def _wait_for_window(
    site: Site, number: int, windows: int, interval: int, daemon: Process, screen: "_Screen"
) -> bool:
    """Wait until the server has `number` windows, with a bar that fills up to the end of the next one."""
    deadline = time.monotonic() + interval + _LONGEST_WAIT
    end = next_border(time.time(), interval)
    while len(site.central.window_ends()) < number:
        if daemon.returncode is not None or time.monotonic() > deadline:
            return False
        title = _("window {number} of {count}").format(number=number, count=windows)
        screen.bar(title, min(1.0, 1 - (end - time.time()) / interval))
        await asyncio.sleep(_STEP)
    # The upload may come in several batches.
    await asyncio.sleep(_STEP)
    return True


def _print(text: str, end: str = "\n") -> None:
    """Print it at once. Raises OutputLost."""
    with losses(sys.stdout):
        print(text, end=end, flush=True)


class _Screen:
    """Lines, and below them a bar: redrawn on a terminal, drawn once from left to right elsewhere."""

    _WIDTH = 40

    def __init__(self) -> None:
        self._redraws = sys.stdout.isatty()
        self._title = ""
        self._drawn = 0

    def line(self, text: str) -> None:
        """Print a line; what was drawn of a bar ends above it."""
        if self._title:
            _print("\r\033[K" if self._redraws else "\n", end="")
            self._title = ""
        _print(text)

    def bar(self, title: str, share: float) -> None:
        """Fill the bar up to `share`, between 0 and 1."""
        full = round(share * self._WIDTH)
        if not self._redraws and not self._title and share == 1.0:
            return
        if self._redraws:
            _print(f"\r{title} [{'#' * full}{'.' * (self._WIDTH - full)}]", end="")
        elif self._title != title:
            _print(f"{title} {'#' * full}", end="")
        elif full > self._drawn:
            _print("#" * (full - self._drawn), end="")
        self._title, self._drawn = title, full


def _show_window(site: Site, end: int, number: int, screen: _Screen) -> None:
    fields = {field.measurement: field for field in site.central.received if field.end == end}
    ended = time.strftime("%H:%M:%S", time.localtime(end))
    sentence = _("Window {number}, ended {time}: the server received")
    screen.line("\n" + sentence.format(number=number, time=ended))
    screen.line(_table(_rows(site.devices, fields)) + "\n")


def _rows(devices: Iterable[Mapping[str, object]], fields: Mapping[str, ReceivedField]) -> Iterable[list[str]]:
    yield [_("device"), _("measurement"), _("unit"), *Aggregate]
    for device in devices:
        measurements = device["measurements"]
        assert isinstance(measurements, list)  # noqa: S101
        for measurement in measurements:
            field = fields.get(measurement["_id"])
            values = [_short(field.value.get(name, "")) for name in Aggregate] if field else [_("nothing"), "", "", ""]
            yield [str(device["name"]), measurement["name"], measurement.get("unit", ""), *values]


def _short(text: str) -> str:
    return f"{float(text):.3f}".rstrip("0").rstrip(".") if text else ""


def _table(rows: Iterable[list[str]]) -> str:
    cells = list(rows)
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    text_columns = 3
    longest = max(shutil.get_terminal_size().columns, 80) if sys.stdout.isatty() else None
    lines = [
        "  ".join(
            cell.ljust(width) if column < text_columns else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()[:longest]
        for row in cells
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])
