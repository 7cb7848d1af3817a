"""`inviseobox demo`: the real daemon against a simulated site, and what the server received, window by window."""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from asyncio.subprocess import Process
from collections.abc import Iterable, Mapping
from pathlib import Path

from inviseobox.delivery.window_ends import next_border
from inviseobox.records import Aggregate
from inviseobox.simulator.received import ReceivedField
from inviseobox.simulator.site import Site

_PATIENCE = 20.0
"""Seconds beyond its end in which a window must have arrived."""
_STEP = 0.2


def run(*, windows: int, interval: int) -> int:
    """Show `windows` windows of `interval` seconds; give the exit status. Ctrl-C ends it early, which is no failure."""
    try:
        return asyncio.run(_show(windows, interval))
    except KeyboardInterrupt:
        print("\nstopped")
        return 0


async def _show(windows: int, interval: int) -> int:
    async with Site(interval=interval) as site:
        with tempfile.TemporaryDirectory(prefix="inviseobox-demo-") as name:
            return await _show_site(site, windows, interval, Path(name))


async def _show_site(site: Site, windows: int, interval: int, folder: Path) -> int:
    print(f"A simulated site on this machine: server {site.url}, {len(site.devices)} devices.")
    print(f"The daemon reads it every second and delivers a window every {interval} s.\n", flush=True)
    log = folder / "log"
    daemon = await _start_daemon(site, interval, folder, log)
    try:
        for number in range(1, windows + 1):
            if not await _wait_for_window(site, number, windows, interval, daemon):
                print(f"\nNo window came. The daemon's log:\n{log.read_text()}")
                return 1
            _print_window(site, sorted(site.central.window_ends())[number - 1], number)
    finally:
        await _stop(daemon)
    print("What the daemon logged meanwhile (on a real box: journalctl -u inviseobox):")
    print(log.read_text())
    return 0


async def _start_daemon(site: Site, interval: int, folder: Path, log: Path) -> Process:
    configuration = folder / "config.toml"
    configuration.write_text(
        f'token = "{site.token}"\nurl = "{site.url}"\ninterval = {interval}\n'
        f'[modbus]\nperiod = 1\n[http]\nperiod = 1\n[buffer]\npath = "{folder}/data.db"\n'
    )
    with log.open("wb") as output:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "inviseobox", "run", "--config", str(configuration), stderr=output
        )


async def _stop(daemon: Process) -> None:
    if daemon.returncode is None:
        daemon.send_signal(signal.SIGTERM)
    await daemon.wait()


async def _wait_for_window(
    site: Site, number: int, windows: int, interval: int, daemon: asyncio.subprocess.Process
) -> bool:
    """Wait until the server has `number` windows, with a bar that fills up to the end of the next one."""
    deadline = time.monotonic() + interval + _PATIENCE
    bar = _Bar(f"window {number} of {windows}")
    while len(site.central.window_ends()) < number:
        if daemon.returncode is not None or time.monotonic() > deadline:
            return False
        bar.show(1 - (next_border(time.time(), interval) - time.time()) / interval)
        await asyncio.sleep(_STEP)
    # The upload may come in several batches.
    await asyncio.sleep(_STEP)
    bar.finish()
    return True


class _Bar:
    """A bar that fills up to a window's end: redrawn on a terminal, drawn once from left to right elsewhere."""

    _WIDTH = 40

    def __init__(self, title: str) -> None:
        self._title = title
        self._redraws = sys.stdout.isatty()
        self._drawn = 0
        if not self._redraws:
            print(f"{title} [", end="", flush=True)

    def show(self, share: float) -> None:
        full = round(share * self._WIDTH)
        if self._redraws:
            print(f"\r{self._title} [{'#' * full}{'.' * (self._WIDTH - full)}]", end="", flush=True)
        elif full > self._drawn:
            print("#" * (full - self._drawn), end="", flush=True)
            self._drawn = full

    def finish(self) -> None:
        print("\r\033[K" if self._redraws else "]\n", end="", flush=True)


def _print_window(site: Site, end: int, number: int) -> None:
    fields = {field.measurement: field for field in site.central.received if field.end == end}
    print(f"Window {number}, ended {time.strftime('%H:%M:%S', time.localtime(end))}: the server received")
    print(_table(_rows(site.devices, fields)), flush=True)
    print()


def _rows(devices: Iterable[Mapping[str, object]], fields: Mapping[str, ReceivedField]) -> Iterable[list[str]]:
    yield ["device", "measurement", "unit", *Aggregate]
    for device in devices:
        measurements = device["measurements"]
        assert isinstance(measurements, list)  # noqa: S101
        for measurement in measurements:
            field = fields.get(measurement["_id"])
            values = [_short(field.value.get(name, "")) for name in Aggregate] if field else ["nothing", "", "", ""]
            yield [str(device["name"]), measurement["name"], measurement.get("unit", ""), *values]


def _short(text: str) -> str:
    return f"{float(text):.3f}".rstrip("0").rstrip(".") if text else ""


def _table(rows: Iterable[list[str]]) -> str:
    cells = list(rows)
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    text_columns = 3
    lines = [
        "  ".join(
            cell.ljust(width) if column < text_columns else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()[: max(shutil.get_terminal_size().columns, 80) if os.isatty(1) else None]
        for row in cells
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])
